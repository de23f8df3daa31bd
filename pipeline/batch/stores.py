"""Object stores, named by addresses such as ``s3://shop/in``, through fsspec, which is loaded for the first only."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from ..base.errors import ClearcutError
from ..pixels.names import count_name

ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
FILE = "file://"  # of this machine, which needs no fsspec
VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "last_modified", "created")


class Object(NamedTuple):
    """A file in an object store.

    Attributes
    ----------
    address
        By which it is read.
    name
        Its path below what was listed, with ``/``.
    size
        In bytes.
    stamp
        What changes when it does.
    """

    address: str
    name: str
    size: int
    stamp: str


def is_address(path: str) -> bool:
    """Whether it names something in an object store.

    >>> is_address("s3://shop/in"), is_address("C:/photos"), is_address("photos")
    (True, False, False)
    """
    return ADDRESS.match(path) is not None


def drop_file_scheme(path: str) -> str:
    """The path that a ``file://`` address names; everything else as it is.

    >>> drop_file_scheme("file:///photos/a.jpg"), drop_file_scheme("s3://shop/a.jpg")
    ('/photos/a.jpg', 's3://shop/a.jpg')
    """
    return path.removeprefix(FILE) if path.startswith(FILE) else path


def list_objects(address: str) -> list[Object]:
    """All objects below a folder of a store, in the order in which people count. Raises ``OSError``."""
    system, root = open_store(address)
    with as_os_errors():
        found = system.find(root, detail=True)
    objects = (_describe(system, path, facts, root) for path, facts in found.items())
    return sorted(objects, key=lambda each: [count_name(part) for part in each.name.split("/")])


def find_inner(address: str, outer: str) -> str | None:
    """The path of a folder of a store below another; None where it lies elsewhere.

    >>> find_inner("memory://shop/out", "memory://shop"), find_inner("memory://shop", "memory://shop/out")
    ('out', None)
    """
    (system, inner), (other, home) = open_store(address), open_store(outer)
    is_below = system == other and inner.startswith(f"{home}/")
    return inner.removeprefix(f"{home}/") if is_below else None


def find_objects(pattern: str) -> list[str]:
    """The addresses of the objects that a pattern means. Raises ``OSError``."""
    system, path = open_store(pattern)
    with as_os_errors():
        return sorted((system.unstrip_protocol(each) for each in system.glob(path)), key=count_name)


def is_store_folder(address: str) -> bool:
    """Whether there are objects below it. Raises ``OSError`` where there is nothing at all."""
    system, path = open_store(address)
    with as_os_errors():
        return bool(system.info(path)["type"] == "directory")


def find_object(address: str) -> Object:
    """What is known of an object. Raises ``OSError``."""
    system, path = open_store(address)
    with as_os_errors():
        return _describe(system, path, system.info(path), path)


def read_object(address: str) -> bytes:
    """Its content. Raises ``OSError``."""
    system, path = open_store(address)
    with as_os_errors():
        return bytes(system.cat_file(path))


def write_object(address: str, data: bytes) -> None:
    """Write an object, whole or not at all. Raises ``OSError``."""
    system, path = open_store(address)
    with as_os_errors():
        system.pipe_file(path, data)


def open_store(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    scheme = address.partition("://")[0]
    try:
        import fsspec

        return fsspec.url_to_fs(address, use_listings_cache=False)  # others write there, too
    except ImportError:
        raise ClearcutError("needs_package", package=f"fsspec[{scheme}]") from None
    except ValueError:  # no such kind of store
        raise ClearcutError("file_missing", name=address) from None


def _describe(system: Any, path: str, facts: dict[str, Any], root: str) -> Object:
    version = next((facts[name] for name in VERSIONS if facts.get(name)), "")
    if isinstance(version, datetime):  # some tell a time now as this, now as a number
        version = version.timestamp()
    size = int(facts.get("size") or 0)
    return Object(system.unstrip_protocol(path), path.removeprefix(root).lstrip("/"), size, f"{size} {version}")


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Stores have errors of their own: no credentials, no such host."""
    try:
        yield
    except (OSError, ClearcutError):
        raise
    except Exception as error:
        raise OSError(str(error)) from error
