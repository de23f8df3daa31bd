"""Example photos for the first screen: a thing, a person and an animal. NOTICE.md tells whose they are."""

from . import ASSETS

EXAMPLES = ("bag", "man", "dog")


def read_example(name: str) -> bytes:
    """An example photo as a JPEG. Raises `KeyError` where there is none of that name."""
    if name not in EXAMPLES:
        raise KeyError(name)
    return (ASSETS / "examples" / f"{name}.jpg").read_bytes()
