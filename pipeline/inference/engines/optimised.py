"""Networks that were made faster on this machine (`optimise.py`): OpenVINO's files and what is known of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...base.files import Store

FOLDER = "optimised"  # of the cache folder
MOST = 1_000_000_000  # bytes of one network


def keep_network(path: Path, graph: bytes, constants: bytes, store: Store) -> bool:
    """Keep what was made of the weight file at `path`; it is used when `keep_record` has said what it is."""
    return all(
        store.write(FOLDER, f"{path.stem}.{kind}", content, MOST)
        for kind, content in (("xml", graph), ("bin", constants))
    )


def keep_record(path: Path, checksum: str, store: Store, **known: Any) -> bool:
    """From now on plan with it, as long as the weight file has this `checksum`."""
    return store.write(FOLDER, f"{path.stem}.json", json.dumps({"weights": checksum, **known}).encode(), MOST)


def read_record(path: Path, checksum: str, store: Store) -> dict[str, Any] | None:
    """What is known of that which was made of the file at `path`; None where there is nothing for this very file."""
    kept = store.read(FOLDER, f"{path.stem}.json")
    known: dict[str, Any] = json.loads(kept) if kept else {}
    return known if known.get("weights") == checksum else None


def read_network(path: Path, store: Store) -> tuple[bytes, np.ndarray]:
    """Graph and constants, ``(bytes,)`` uint8. Raises ``RuntimeError`` where they are not whole."""
    graph, constants = store.read(FOLDER, f"{path.stem}.xml"), store.map(FOLDER, f"{path.stem}.bin")
    if graph is None or constants is None:
        raise RuntimeError(f"nothing whole was made of {path.name}")
    return graph, constants


def delete(path: Path, store: Store) -> None:
    """Remove what was made of the file at `path`."""
    for kind in ("json", "xml", "bin"):
        store.delete(FOLDER, f"{path.stem}.{kind}")
