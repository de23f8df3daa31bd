"""What this machine has: cores, processor features, memory."""

import os
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
CGROUPS = (  # of version 2 and 1: where Linux says what a container may take, has taken, and holds of files in it
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
FAST_BF16 = {"avx512_bf16", "amx_bf16"}  # features with which bf16 is faster than float32


_share: int | None = None  # of the cores, for a process that is not alone
_does_many = False  # whether this process does one photo after another


def count_cores() -> int:
    """How many processor cores this process may use."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    return min(cores, _share or cores)


def limit_cores(share: int) -> None:
    """Have this process count on no more than its `share` of the cores: for the door of one of several at work."""
    global _share
    _share = share


def expect_many() -> None:
    """Have networks keep their memory from photo to photo: for the door of a process that does little else."""
    global _does_many
    _does_many = True


def keeps_memory() -> bool:
    """Whether what one photo needed in memory is kept for the next: see `expect_many`."""
    return _does_many


def is_running(pid: int) -> bool:
    """Whether there is a process of that number; True where the system does not tell."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


@cache
def identify_processor() -> tuple[str, tuple[str, ...]]:
    """The processor's name, and which of `FEATURES` it has; without features where the system is not Linux."""
    facts: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    except OSError:  # not Linux
        return platform.processor() or platform.machine(), ()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    name = facts.get("model name") or platform.machine()
    return name, tuple(each for each in FEATURES if each in flags)


def has_fast_bf16() -> bool:
    """Whether bf16 arithmetic is faster than float32 on this processor; False where its features are unknown."""
    return bool(FAST_BF16 & set(identify_processor()[1]))


def has_avx2_at_most() -> bool:
    """Whether the processor has AVX2 and not AVX-512; False where its features are unknown."""
    features = identify_processor()[1]
    return "avx2" in features and "avx512f" not in features


def measure_memory_mb() -> float | None:
    """The memory of this machine in MB (10⁶ bytes); None where the system does not tell, as on Windows."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def measure_free_mb() -> float | None:
    """The memory that programs here can still take, in MB, also within the limit of a container; None but on Linux."""
    try:
        rows = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        free = next(int(row[1]) * 1024 for row in rows if row[0] == "MemAvailable:")
    except (OSError, StopIteration):
        return None
    return min([free, *_measure_container()]) / 1e6


def _measure_container() -> list[int]:
    """Bytes that each limit of this container leaves; what it holds of files would make way."""
    left = []
    for folder, limit, used, cached in CGROUPS:
        try:
            texts = [(folder / name).read_text(encoding="ascii") for name in (limit, used, "memory.stat")]
            stat = dict(line.split() for line in texts[2].splitlines())
            left.append(int(texts[0]) - int(texts[1]) + int(stat[cached]))
        except (OSError, ValueError, KeyError):  # no container of this kind, or "max"
            continue
    return left


def measure_gpu_free_mb() -> float | None:
    """The memory that the first NVIDIA GPU has left, in MB; None where there is none."""
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return float(told.split()[0]) * 2**20 / 1e6
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def measure_load(seconds: float) -> float | None:
    """The share of all processor time, 0 to 1, that programs take in the next so many seconds; None but on Linux."""
    before = _read_times()
    time.sleep(seconds)
    after = _read_times()
    if before is None or after is None or after[1] == before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def _read_times() -> tuple[int, int] | None:
    """Ticks since the start of this machine in which its processor worked, and all."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        ticks = [int(each) for each in first.split()[1:9]]  # user, nice, system, idle, iowait, irq, softirq, steal
        return sum(ticks) - sum(ticks[3:5]), sum(ticks)
    except (OSError, ValueError):
        return None


def measure_peak_mb() -> float | None:
    """The most memory that this process has held, in MB (10⁶ bytes); None on Windows."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
