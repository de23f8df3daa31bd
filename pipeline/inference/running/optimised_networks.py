"""8-bit networks that ``manage/optimise.py`` made on this machine: OpenVINO's two files and a record of each."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.files import Store

if TYPE_CHECKING:
    import numpy as np

FOLDER = "optimised"  # of the cache folder
MOST = 1_000_000_000  # bytes of one network


def keep_network(path: Path, graph: bytes, constants: bytes, store: Store) -> bool:
    """Keep the network made from the weight file at `path`; it is not used before `keep_record`. Whether it worked."""
    return all(
        store.write(FOLDER, f"{path.stem}.{kind}", content, MOST)
        for kind, content in (("xml", graph), ("bin", constants))
    )


def keep_record(path: Path, checksum: str, store: Store, **known: Any) -> bool:
    """Keep a record of the network made from `path`, so that it is planned with while the checksum is this one."""
    return store.write(FOLDER, f"{path.stem}.json", json.dumps({"weights": checksum, **known}).encode(), MOST)


def read_record(path: Path, checksum: str, store: Store) -> dict[str, Any] | None:
    """The record of the network made from the file at `path`; None where there is none for this checksum."""
    content = store.read(FOLDER, f"{path.stem}.json")
    record: dict[str, Any] = json.loads(content) if content else {}
    return record if record.get("weights") == checksum else None


def read_network(path: Path, store: Store) -> "tuple[bytes, np.ndarray]":
    """Graph and constants, ``(bytes,)`` uint8. Raises `RuntimeError` where one is missing or damaged."""
    graph, constants = store.read(FOLDER, f"{path.stem}.xml"), store.map(FOLDER, f"{path.stem}.bin")
    if graph is None or constants is None:
        raise RuntimeError(f"nothing whole was made of {path.name}")
    return graph, constants


def delete(path: Path, store: Store) -> None:
    """Delete network and record made from the file at `path`."""
    for kind in ("json", "xml", "bin"):
        store.delete(FOLDER, f"{path.stem}.{kind}")
