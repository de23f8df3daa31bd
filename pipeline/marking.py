"""Marks worked into a matte, one after the other, and what a click would pick."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from .base.jobs import Job
from .edges.marks import Marks, Pick
from .edges.parts import Parts, choose_parts, split_parts, spread_mask
from .edges.refine import refine_guided
from .edges.touch_up import SOLID, Marked, Subject, draw_pick, draw_stroke, find_level
from .inference.picking import CORNERS, INSIDE, OUTSIDE, Prompt
from .inference.predict import flatten
from .memo import Memo
from .pixels.geometry import Size, fit_size
from .pixels.image_io import Photo
from .pixels.resample import resize_for_work

MASK_SIDE = 640  # pixels of the longer side at which a network's mask is looked at
CHANGED = 64  # grey levels from which on a click is said to change a pixel


class Picked(NamedTuple):
    """What a click would do.

    Attributes
    ----------
    kind
        ``erase`` where the subject is in the matte, ``keep`` where it is not; None where there is no subject.
    area
        ``(H, W)`` bool: where the matte would change.
    """

    kind: Literal["keep", "erase"] | None
    area: np.ndarray


@dataclass(frozen=True)
class Marking:
    """What marks are drawn on.

    Attributes
    ----------
    found
        The matte before them.
    photo, reduced
        The photo, and its size as a fraction of the original's, in whose pixels marks are told.
    job
        To stop the work.
    memo, read
        Where results are remembered, and what `found` was made from.
    find_mask
        Asks a network what is pointed at, as `inference.picking`; None without one.
    """

    found: Marked
    photo: Photo
    reduced: float
    job: Job
    memo: Memo | None
    read: tuple[Any, ...]
    find_mask: Callable[[Prompt], np.ndarray] | None = None

    @cached_property
    def _rgb(self) -> np.ndarray:
        return flatten(self.photo)

    @cached_property
    def _parts(self) -> Parts:
        make = partial(split_parts, self.found.alpha, self._rgb)
        return self.memo.remember("parts", self.read, make) if self.memo else make()

    def draw(self, marks: Marks | None) -> Marked:
        """`found` with `marks` on it; with a memo only those after the last that it remembers are drawn."""
        if marks is None:
            return self.found
        keys = [(*self.read, digest) for digest in marks.digests[1:]]
        done, marked = self.memo.recall("marks", keys, self.found) if self.memo else (0, self.found)
        for key, mark in zip(keys[done:], marks.strokes[done:], strict=True):
            self.job.check()
            if isinstance(mark, Pick):
                make = partial(self._draw_pick, marked, mark)
            else:
                make = partial(draw_stroke, marked, self._rgb, mark, self.reduced)
            marked = self.memo.remember("marks", key, make) if self.memo else make()
        return marked

    def preview(self, marks: Marks | None, pick: Pick, settled: bool) -> Picked:
        """What `pick` would do after `marks`.

        Unless its kind is `settled`: where the first point is opaque it erases; where it is not and would be, it keeps;
        else it does what changes more.
        """
        before = self.draw(marks)
        if settled:
            return self._preview(before, pick)
        keep, erase = (pick, pick.opposite) if pick.kind == "keep" else (pick.opposite, pick)
        level = partial(find_level, point=pick.include[0], reduced=self.reduced) if pick.include else None
        if level and level(before.alpha) >= SOLID:
            return self._preview(before, erase)
        kept = self._preview(before, keep)
        if level and level(kept.area):
            return kept
        return max(kept, self._preview(before, erase), key=lambda each: np.count_nonzero(each.area))

    def _preview(self, before: Marked, pick: Pick) -> Picked:
        area = cv2.absdiff(self._draw_pick(before, pick).alpha, before.alpha) > CHANGED
        return Picked(pick.kind if area.any() else None, area)

    def _draw_pick(self, marked: Marked, pick: Pick) -> Marked:
        return draw_pick(marked, self._rgb, pick, self._find_subject(pick), self.reduced)

    def _find_subject(self, pick: Pick) -> Subject | None:
        """What a click means: what a network says, else a part of the matte; None where there is neither."""
        alpha = self.found.alpha
        if self.find_mask and (mask := self.find_mask(_write_prompt(pick, self.photo.size, self.reduced))).any():
            return self._read_mask(mask)
        scale = max(self._parts.nearest.shape) / max(alpha.shape) * self.reduced
        chosen = choose_parts(self._parts, pick, scale)
        return None if chosen is None else Subject(_as_grey(chosen), alpha)

    def _read_mask(self, mask: np.ndarray) -> Subject:
        alpha = self.found.alpha
        size = fit_size(self.photo.size, MASK_SIDE)
        small = cv2.resize(_as_grey(mask), size, interpolation=cv2.INTER_AREA)
        share = spread_mask(small > 127, resize_for_work(alpha, size))
        seen = refine_guided(cv2.resize(small, self.photo.size, interpolation=cv2.INTER_LINEAR), self._rgb)
        return Subject(_as_grey(share), cv2.max(alpha, seen))


def _write_prompt(pick: Pick, size: Size, reduced: float) -> Prompt:
    corners = () if pick.box is None else (pick.box[:2], pick.box[2:])
    labels = (INSIDE,) * len(pick.include) + (OUTSIDE,) * len(pick.exclude) + (CORNERS if corners else ())
    return Prompt(np.array((*pick.include, *pick.exclude, *corners)) * reduced / size, labels)


def _as_grey(area: np.ndarray) -> np.ndarray:
    return area.view(np.uint8) * np.uint8(255)
