"""Where figures were measured, and where they are written down."""

import os
import platform
import re
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
KINDS = {"amx_tile": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2"}  # the fastest first


def facts(engines: list[str]) -> str:
    """Processor, system, versions and day in one line."""
    text = _read_cpuinfo()
    named = re.search(r"model name\s*: (.+)", text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor = named.group(1) if named else platform.processor() or platform.machine()
    extra = " ".join(name for name in FEATURES if name in text)
    system = f"{platform.system()}, Python {platform.python_version()}"
    parts = [f"{processor} ({extra})" if extra else processor, f"{cores} cores", system, *engines]
    return f"{'; '.join(parts)}; {date.today()}"


def name_kind() -> str:
    """The kind of processor that this is, by what it multiplies fastest with."""
    text = _read_cpuinfo()
    return next((kind for feature, kind in KINDS.items() if feature in text), "other")


def _read_cpuinfo() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def into_docs(name: str, block: str) -> None:
    """Put `block` between ``<!-- name -->`` and ``<!-- /name -->``, wherever they stand in ``docs/``."""
    for path in holding(name):
        path.write_text(replaced(path.read_text("utf-8"), name, block), encoding="utf-8")


def holding(name: str) -> list[Path]:
    """The documents in ``docs/`` that have the marks of that name. Raises ``ValueError`` where none has."""
    found = [path for path in sorted(DOCS.rglob("*.md")) if f"<!-- {name} -->" in path.read_text("utf-8")]
    if not found:
        raise ValueError(f"no document in {DOCS.name}/ has <!-- {name} -->")
    return found


def replaced(text: str, name: str, block: str) -> str:
    """`text` with `block` between its marks of that name. Raises ``ValueError`` where there are none."""
    before, start, rest = text.partition(f"<!-- {name} -->")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not end:
        raise ValueError(f"there is no <!-- {name} --> … <!-- /{name} -->")
    return f"{before}{start}\n{block.strip()}\n{end}{after}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
