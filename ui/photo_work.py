"""What the Photo tab has done for a visitor: a photo read, cut out at screen size, and kept for download."""

import base64
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import (
    LANGUAGES,
    ClearcutError,
    Draft,
    Job,
    Marks,
    Options,
    Pick,
    Result,
    Runtime,
    describe_fill,
    describe_head,
    encode_area,
    estimate_seconds,
    fetch,
)

from .desk import Desk, Message, Work, known_error
from .results import Beside, Results
from .settings import PageSettings

DRAFTS = 16  # photos that are at hand at once, some 15 to 50 MB each, 75 with marks
CHECKED = 1000  # pictures that are known to be harmless
MASK = "matte"  # the format of which the page shows the mask
CROPPING = ("crop_box", "crop", "canvas", "offset_x", "offset_y", "scale", "sheet")  # left out while one crops by hand
FRAMING = (*CROPPING, "rotate", "flip")  # options by which the picture has another frame than the photo
VIEW = 1600  # longer side of what the page shows, in pixels: enough for a sharp picture on a dense screen


@dataclass(frozen=True)
class Asked:
    """What a visitor wants done.

    Attributes
    ----------
    session
        Whose page it is.
    upload, behind, trimap
        Files that Gradio has taken: the photo, a picture for behind it, and its trimap.
    photo
        What the page knows of the photo: ``id``, which every message bears; ``name``; ``key`` of an earlier result
        where the page has gone back to the photo of that; and ``behind``, the page's own mark of the file `behind` with
        its ``name``, which every message bears, too. Without a key it is the file `upload`. ``marks`` are the strokes
        that are drawn on it, ``change`` their number as the page counts, which every message bears; ``touching``,
        whether it is to be seen in its own frame, to draw on; ``hand``, with which tool it is being framed by hand,
        which every message bears, too.
    options
        Values by name, as the controls have them.
    """

    session: str
    upload: str | None
    behind: str | None
    trimap: str | None
    photo: dict[str, Any]
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """The photo's own file name."""
        return Path(str(self.photo.get("name") or Path(self.upload or "photo").name)).name

    @property
    def behind_name(self) -> str:
        """The own file name of the picture for behind."""
        mark = self.photo.get("behind") or {}
        return Path(str(mark.get("name") or Path(self.behind or "").name)).name

    @cached_property
    def marks(self) -> Marks | None:
        """The strokes that are drawn on the photo. Raises ``bad_marks``."""
        drawn = self.photo.get("marks")
        return Marks.of(drawn) if drawn else None

    @property
    def warnings(self) -> list[str]:
        """Codes of what cannot be obeyed."""
        return ["no_picture_behind"] if self.options.get("background") == "image" and not self.behind else []

    @property
    def left_out(self) -> dict[str, Any]:
        """The options that would frame the photo anew while a hand is on it, by name, each with its default."""
        touching, hand = self.photo.get("touching"), self.photo.get("hand")
        names = FRAMING if touching else CROPPING if hand == "crop" else ("sheet",) if hand else ()
        defaults = {name: Options.model_fields[name].default for name in names}
        return {name: plain for name, plain in defaults.items() if self.options.get(name) != plain}

    def wanted(self, runtime: Runtime, **other: Any) -> Options:
        """The options that can be obeyed: the page may still show classes of the model before, or lack a picture."""
        values = self.options | self.left_out | other
        keep = [name for name in values.get("keep") or () if name in runtime.find_card(values["model"]).classes]
        if values.get("background") == "image" and not self.behind:
            values["background"] = "transparent"
        texts = {name: values.get(name) or "" for name in ("canvas", "crop_box")}
        return Options.of(**values | {"keep": keep} | texts)


class OpenedPhoto(NamedTuple):
    """A visitor's photo: its file, what is in it, and its draft."""

    source: Path
    data: bytes
    draft: Draft


class PhotoWork:
    """Photos of all visitors, each visitor's newest only.

    Parameters
    ----------
    check
        Called with each picture before it is opened here. Raises where that would do harm.
    """

    def __init__(
        self,
        settings: PageSettings,
        runtime: Runtime,
        results: Results,
        check: Callable[[bytes], object] | None = None,
    ) -> None:
        self.settings, self.runtime = settings, runtime
        self.results, self._check = results, check
        self._checked: OrderedDict[str, None] = OrderedDict()
        self.desk = Desk(settings.queue, runtime.slots.places)
        self._drafts: OrderedDict[str, tuple[Draft, float]] = OrderedDict()  # and when they were last looked at
        self._unwanted: set[Path] = set()
        self._uploads: dict[str, set[Path]] = {}  # of each visitor, where nothing may stay
        self._lock = threading.Lock()
        self.on_cutout: list[Callable[[Result], None]] = []
        results.swept_too.append(self._let_go)
        runtime.on_forget.append(self._forget_drafts)

    async def run(self, asked: Asked, bring_model: bool) -> AsyncIterator[Message]:
        """Cut a photo out, fetching the model first where that was asked for; messages for the page."""

        def make(work: Work) -> Message:
            options = asked.wanted(self.runtime)
            self._note_uploads(asked)
            photo = self._open(asked)
            self._show_early(work, asked, options, photo)
            return self._make(work, asked, options, photo)

        def fetch_model(work: Work) -> None:
            card = self.runtime.find_card(asked.wanted(self.runtime).model)
            fetch(card, self.runtime.settings, work.fetching)

        beside = bring_model, asked.upload, asked.behind, asked.trimap
        first = fetch_model if bring_model and self.settings.may_fetch else None
        async for message in self.desk.run(asked.session, self._said_back(asked), make, beside, first):
            yield message

    async def compare(self, asked: Asked, models: list[str]) -> AsyncIterator[Message]:
        """Cut a photo out with each of `models`; messages that bear ``tiles``, one a model, as they come."""

        def make(work: Work) -> Message:
            tiles: list[Message] = [{"model": model, "state": "waiting"} for model in models]

            def put(at: int, **facts: Any) -> None:
                tiles[at] = tiles[at] | facts
                work.facts = {"tiles": list(tiles)}

            for at, model in enumerate(models):
                put(at, state="working")
                try:
                    done = self._make(work, asked, asked.wanted(self.runtime, model=model), self._open(asked))
                    put(
                        at,
                        **done,
                        network_seconds=_rounded(estimate_seconds(model, self.runtime)),
                        options=asked.options | {"model": model},
                    )
                except Exception as error:
                    work.job.check()
                    known = known_error(error, asked.name)
                    put(at, state="error", code=known.code, facts=known.facts)
            return {"state": "compared", "tiles": tiles}

        beside = models, asked.upload, asked.behind, asked.trimap
        async for message in self.desk.run(asked.session, self._said_back(asked) | {"comparing": True}, make, beside):
            yield message

    def forget(self, session: str, uploads: list[Path]) -> None:
        """Forget all that this visitor gave, and, where visitors may, every prediction that is kept."""
        self._delete(session, uploads)
        if self.settings.may_fetch:
            self.runtime.forget()

    def leave(self, session: str) -> None:
        """Forget all that this visitor gave: the page has been closed."""
        with self._lock:
            uploads = self._uploads.pop(session, set())
        self._delete(session, list(uploads))

    def _delete(self, session: str, uploads: list[Path]) -> None:
        """A file that another visitor's result rests on, or a run that is just ending, goes when they have gone."""
        self.desk.stop(session)
        self.results.forget(session)
        self._forget_drafts()
        with self._lock:
            self._unwanted.update(uploads)
            self._delete_unwanted()

    def _forget_drafts(self) -> None:
        with self._lock:
            self._drafts.clear()

    def _said_back(self, asked: Asked) -> dict[str, Any]:
        return {
            "photo": asked.photo.get("id"),
            "name": asked.name,
            "behind": asked.photo.get("behind"),
            "change": asked.photo.get("change"),
            "hand": asked.photo.get("hand"),
            "may_fetch": self.settings.may_fetch,
            "options": asked.options,
        }

    def _show_early(self, work: Work, asked: Asked, options: Options, photo: OpenedPhoto) -> None:
        """Tell of the fast model's result while a better one has yet to look at the photo for ``automatic``."""
        fast = self.runtime.find_quick_model(options.model)
        if fast is None or asked.trimap or self.runtime.resolve_model(options.model) in photo.draft.seen_by:
            return
        early = self._make(work, asked, options.model_copy(update={"model": fast}), photo)
        if "nothing_found" not in early["warnings"]:  # the better one may find it
            work.facts = {"early": early}

    def preview_pick(self, key: str, places: str, instead: bool) -> dict[str, Any]:
        """What a pick on the result under `key` would do.

        ``kind``, None where there is nothing to pick; and ``area``, a mask of what would change as a data URI.

        Parameters
        ----------
        places
            JSON: ``include``, ``exclude`` and ``box`` of a `Pick`.
        instead
            Whether it takes the place of the last mark, which is a pick, and does the same.

        Raises
        ------
        ClearcutError
            ``expired``; ``bad_marks`` where they are none or not in the photo; ``busy``.
        """
        kept = self.results.find(key)
        data = self._read(self.results.source(key))
        marks, trimap = kept.beside.marks, kept.beside.trimap
        pick = Pick.at(places)
        if instead and marks:
            marks, pick = marks.make_way(pick)
        levels = self._read_trimap(trimap) if trimap else None
        job = Job(most_ahead=self.settings.queue)
        picked = self._draft(data, kept.name).preview_pick(data, kept.options, pick, instead, marks, levels, job)
        area = base64.b64encode(encode_area(picked.area)).decode() if picked.kind else None
        return {"kind": picked.kind, "area": area and f"data:image/png;base64,{area}"}

    def _note_uploads(self, asked: Asked) -> None:
        if self.settings.no_store:
            given = {Path(file) for file in (asked.upload, asked.behind, asked.trimap) if file}
            with self._lock:
                self._uploads.setdefault(asked.session, set()).update(given)

    def _open(self, asked: Asked) -> OpenedPhoto:
        key = asked.photo.get("key")
        source = self.results.source(str(key)) if key else Path(asked.upload or "")
        data = self._read(source)
        return OpenedPhoto(source, data, self._draft(data, asked.name))

    def _make(self, work: Work, asked: Asked, options: Options, photo: OpenedPhoto) -> Message:
        source, data, draft = photo
        behind = Path(asked.behind) if asked.behind and options.background == "image" else None
        background = self._read_behind(behind) if behind else None
        trimap = Path(asked.trimap) if asked.trimap else None
        levels = self._read_trimap(trimap) if trimap else None
        view = draft.cut_out(data, options, background, work.job, asked.behind_name, asked.marks, levels)
        for tell in self.on_cutout:
            tell(view)
        beside = Beside(behind, trimap, asked.marks)
        kept = self.results.keep(asked.session, source, asked.name, view.cutout.options, view, beside)
        if work.job.cancelled:  # it may have been forgotten a moment ago
            self.results.drop(kept.key)
            work.job.check()
        width, height = view.full_size
        picture, canvas = view.cutout.picture, options.canvas
        said_of_frame = {
            language: describe_head(picture.head, canvas, language) or describe_fill(picture.fill, canvas, language)
            for language in LANGUAGES
        }
        return {
            "state": "done",
            "model": view.cutout.model,
            "before": f"results/{kept.key}/{kept.before}",
            "after": f"results/{kept.key}/{Results.MATTE if options.format == MASK else Results.AFTER}",
            "matte": f"results/{kept.key}/{Results.MATTE}",
            "close": f"results/{kept.key}/{Results.CLOSE}",
            "download": f"results/{kept.key}/",
            "file": kept.download,
            "trimap": f"results/{kept.key}/{Results.TRIMAP}",
            "tint": f"results/{kept.key}/{Results.TINT}" if trimap else None,
            "width": width,
            "height": height,
            "photo_size": view.original_size,
            "left_out": bool(asked.left_out),
            "whole": all(getattr(options, name) == Options.model_fields[name].default for name in FRAMING),
            "stand": picture.stand._asdict(),
            "own_alpha": view.cutout.photo.alpha is not None,
            "frame": said_of_frame,
            "enlarged": picture.placement.enlarged,
            "engine": view.cutout.engine,
            "seconds": _rounded(sum(view.cutout.seconds.values())),
            "warnings": [*view.cutout.warnings, *asked.warnings],
        }

    def _draft(self, data: bytes, name: str) -> Draft:
        """The photo in `data` as it was looked at before, or for the first time."""
        key = f"{hashlib.blake2b(data).hexdigest()} {name}"
        with self._lock:
            known, _ = self._drafts.pop(key, (None, 0.0))
            draft = known or Draft(name, VIEW, self.runtime)
            self._drafts[key] = draft, time.monotonic()
            while len(self._drafts) > DRAFTS:
                self._drafts.popitem(last=False)
        return draft

    def _let_go(self) -> None:
        """Forget the photos that nobody has looked at for as long as results are kept."""
        with self._lock:
            old = [key for key, (_, used) in self._drafts.items() if time.monotonic() - used > self.results.seconds]
            for key in old:
                del self._drafts[key]
            self._delete_unwanted()

    def _delete_unwanted(self) -> None:
        for file in list(self._unwanted):
            try:
                if file.stat().st_nlink > 1:  # the same file is the source of a result
                    continue
                file.unlink()
            except OSError:
                pass
            self._unwanted.discard(file)

    def _read_behind(self, file: Path) -> bytes:
        try:
            return self._read(file)
        except ClearcutError as error:
            gone = error.code == "expired"
            raise (ClearcutError("no_background") if gone else error).about("background") from None

    def _read_trimap(self, file: Path) -> bytes:
        try:
            return self._read(file)
        except ClearcutError as error:
            raise error.about("trimap") from None

    def _read(self, source: Path) -> bytes:
        with self._lock:
            self._unwanted.discard(source)  # somebody gave it again
        try:
            os.utime(source)  # in use: the sweeper passes it by
            data = source.read_bytes()
        except OSError:
            raise ClearcutError("expired") from None
        if len(data) > self.settings.max_mb * 1e6:
            raise ClearcutError("too_large", megabytes=round(len(data) / 1e6, 1), limit=self.settings.max_mb)
        self._check_once(data)
        return data

    def _check_once(self, data: bytes) -> None:
        """Check a picture, unless it was found harmless a while ago: each slider that moves has it read again."""
        digest = hashlib.blake2b(data).hexdigest()
        if self._check is None or digest in self._checked:
            return
        self._check(data)
        self._checked[digest] = None
        while len(self._checked) > CHECKED:
            self._checked.popitem(last=False)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
