"""Where the cut-outs of a batch go: a folder of a disk, or one of an object store.

Targets are paths in it, with ``/``; a part is what a worker writes.
"""

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from ..base.files import write_part
from .stores import as_os_errors, is_address, open_store, write_object

PROBE = ".clearcut"  # an object that is written to see whether that can be done


def open_place(output: str) -> "Folder | Store":
    """The place that `output` names. Raises ``needs_package``, ``file_missing``."""
    return Store(output) if is_address(output) else Folder(Path(output))


def make_absolute(path: str) -> str:
    """The same for a process that runs in another folder."""
    return path if is_address(path) else str(Path(os.getcwd(), path))  # noqa: PTH109


def write_file(path: str, data: bytes) -> None:
    """Write a part; where that fails nothing is left of it. Raises ``OSError``."""
    if is_address(path):
        write_object(path, data)
    else:
        write_part(Path(path), data, lasting=True)


class Folder:
    """A folder on a disk: parts lie beside their targets and are renamed."""

    in_place = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Make it. Raises ``OSError``."""
        self.path.mkdir(parents=True, exist_ok=True)

    def locate(self, target: str) -> str:
        """The path of a target."""
        return str(self.path / target)

    def locate_part(self, number: int, target: str) -> str:
        """What a worker writes for the item of that number."""
        return str((self.path / target).with_name(f".{number}.clearcut.part"))

    def find_target(self, path: str) -> str | None:
        """The target that a path or an address is; None where it lies elsewhere."""
        root = os.path.realpath(self.path)
        real = "" if is_address(path) else os.path.realpath(path)
        return Path(real).relative_to(root).as_posix() if real.startswith(root + os.sep) else None

    def exists(self, target: str) -> bool:
        """Whether there is such a file, of whomever."""
        return (self.path / target).exists()

    def is_whole(self, target: str, size: int | None) -> bool:
        """Whether a target is there with so many bytes; of any size without."""
        try:
            return size in (None, (self.path / target).stat().st_size)
        except OSError:
            return False

    def prepare(self, target: str) -> None:
        """Make the folder that a target lies in. Raises ``OSError``."""
        (self.path / target).parent.mkdir(parents=True, exist_ok=True)

    def take(self, number: int, target: str) -> bool:
        """Put a part into its place; False where there is none. Raises ``OSError``."""
        part = Path(self.locate_part(number, target))
        if not part.is_file():
            return False
        part.replace(self.path / target)
        return True

    def delete(self, target: str) -> None:
        """Delete a target, if that can be done."""
        with suppress(OSError):
            (self.path / target).unlink()

    def discard(self, part: str) -> None:
        """Delete a part, where there is one."""
        with suppress(OSError):
            Path(part).unlink()


class Store:
    """A folder of an object store, where an object is there whole or not at all: workers write targets themselves."""

    in_place = True

    def __init__(self, address: str) -> None:
        self._system, self._root = open_store(address.rstrip("/"))

    def check(self) -> None:
        """Raise ``OSError`` where nothing can be written."""
        with as_os_errors():
            self._system.pipe_file(f"{self._root}/{PROBE}", b"")
            self._system.rm_file(f"{self._root}/{PROBE}")

    def locate(self, target: str) -> str:
        """The address of a target."""
        return str(self._system.unstrip_protocol(f"{self._root}/{target}"))

    def locate_part(self, number: int, target: str) -> str:
        """As of a folder: here the target itself."""
        return self.locate(target)

    def find_target(self, path: str) -> str | None:
        """The target that a path or an address is; None where it lies elsewhere."""
        home = self.locate("")
        return path.removeprefix(home) if path.startswith(home) else None

    @cached_property
    def _before(self) -> set[str]:
        """What was there before this run: asked once, not for each of a hundred thousand."""
        with as_os_errors():
            return {path.removeprefix(self._root).lstrip("/") for path in self._system.find(self._root)}

    def exists(self, target: str) -> bool:
        """Whether there is such a file, of whomever."""
        return target in self._before

    def is_whole(self, target: str, size: int | None) -> bool:
        """Whether a target is there: an object is whole or not at all."""
        return self.exists(target)

    def prepare(self, target: str) -> None:
        """Nothing: stores have no folders."""

    def take(self, number: int, target: str) -> bool:
        """It is in its place."""
        return True

    def delete(self, target: str) -> None:
        """Delete a target, if that can be done."""
        self._before.discard(target)
        with suppress(OSError), as_os_errors():
            self._system.rm_file(f"{self._root}/{target}")

    def discard(self, part: str) -> None:
        """Nothing: what a worker wrote is whole."""
