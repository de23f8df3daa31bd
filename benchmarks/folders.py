"""Folders of pictures with their truth: ``images`` and ``masks`` with equal stems."""

from pathlib import Path

import numpy as np
from PIL import Image


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Each photo of `folder` with its mask, in the order of their names."""
    if not all((folder / name).is_dir() for name in ("images", "masks")):
        raise SystemExit(f"{folder} holds no images/ and masks/")
    masks = {path.stem: path for path in (folder / "masks").iterdir()}
    photos = sorted((folder / "images").iterdir())
    alone = [photo.name for photo in photos if photo.stem not in masks]
    if alone or not photos:
        raise SystemExit(f"{folder}: no mask for {', '.join(alone)}" if alone else f"{folder} holds no photos")
    return [(photo, masks[photo.stem]) for photo in photos]


def truth(mask: Path) -> np.ndarray:
    """The true alpha in a mask's file, ``(H, W)`` uint8."""
    with Image.open(mask) as image:
        return np.asarray(image.convert("L"))
