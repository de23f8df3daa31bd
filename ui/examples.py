"""Example photos for the first screen: a thing, a person and an animal, from files that installed packages carry."""

from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipeline import decode, encode_view


class Example(NamedTuple):
    """A picture in an installed package, without as many pixels at its left as distract from its subject."""

    package: str
    file: str
    left: int = 0


EXAMPLES = {
    "cup": Example("skimage", "data/coffee.png"),
    "astronaut": Example("skimage", "data/astronaut.png", left=24),  # a strip of a flag
    "cheetah": Example("gradio", "media_assets/images/cheetah.jpg"),
}


def list_examples() -> list[str]:
    """The names of the example photos that are here, in their order."""
    return [name for name, example in EXAMPLES.items() if _locate(example)]


@cache
def read_example(name: str) -> bytes:
    """An example photo as a JPEG. Raises `KeyError` where there is none of that name."""
    example = EXAMPLES[name]
    path = _locate(example)
    if path is None:
        raise KeyError(name)
    photo = decode(path.read_bytes())
    return encode_view(replace(photo, rgb=photo.rgb[:, example.left :].copy()))


def _locate(example: Example) -> Path | None:
    """Where the picture is, if its package is installed; no code of the package is loaded."""
    spec = find_spec(example.package)
    path = Path(spec.origin).parent / example.file if spec and spec.origin else None
    return path if path and path.is_file() else None
