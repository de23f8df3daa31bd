"""What engines make of networks on this machine, kept in the cache folder for the next process."""

import hashlib
from pathlib import Path

from ...base.files import Store

FOLDER = "compiled"  # of the cache folder
MOST = 1_000_000_000  # bytes


def name_compiled(path: Path, *facts: object) -> str:
    """What to call that which is made of the network at `path`, where it hangs on `facts`."""
    return f"{path.stem}-{hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()}"


def keep_compiled(name: str, content: bytes | memoryview, store: Store) -> None:
    """Keep it, if there is room; what was not used for longest goes."""
    store.write(FOLDER, name, content, MOST)
    store.sweep(FOLDER, MOST)
