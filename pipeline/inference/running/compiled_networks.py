"""Networks that engines have compiled for this machine, kept in the cache folder for the next process."""

import hashlib
from pathlib import Path

from ...base.files import Store

FOLDER = "compiled"  # of the cache folder
MOST = 1_000_000_000  # bytes


def name_compiled(path: Path, *facts: object) -> str:
    """The file name for what is compiled from the weights at `path`; `facts` are all that the result depends on."""
    return f"{path.stem}-{hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()}"


def keep_compiled(name: str, content: bytes | memoryview, store: Store) -> None:
    """Keep a compiled network, and delete the least recently used beyond `MOST` bytes."""
    store.write(FOLDER, name, content, MOST)
    store.sweep(FOLDER, MOST)
