"""What the Photo tab has done for a visitor: a photo read, cut out at screen size, and kept for download."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import ClearcutError, Options, card, cut_out_file, fetch, speed

from .desk import Desk, Message, Work, known_error
from .results import Results
from .settings import PageSettings

VIEW = 1600  # longer side of what the page shows, in pixels: enough for a sharp picture on a dense screen


class PhotoWork:
    """Photos of all visitors, each visitor's newest only."""

    def __init__(self, settings: PageSettings, results: Results) -> None:
        self.settings = settings
        self.results = results
        self.desk = Desk(settings.queue)

    def run(
        self, session: str, upload: str | None, photo: dict[str, Any], bring_model: bool, options: dict[str, Any]
    ) -> Iterator[Message]:
        """Cut a photo out, fetching the model first where that was asked for; messages for the page.

        `photo` is what the page knows of it: ``id``, which every message bears; ``name``; and ``key`` of an earlier
        result where the page has gone back to the photo of that. Without a key it is the file `upload`.
        """
        name = _name(upload, photo)

        def make(work: Work) -> Message:
            wanted = Options.of(**_fitting(options))
            if bring_model and self.settings.may_fetch:
                fetch(card(wanted.model), work.fetching)
                work.fetched = None
            return self._make(work, self._source(upload, photo), name, wanted)

        yield from self.desk.run(session, self._asked(photo, name, options), make, (bring_model, upload))

    def compare(
        self, session: str, upload: str | None, photo: dict[str, Any], models: list[str], options: dict[str, Any]
    ) -> Iterator[Message]:
        """Cut a photo out with each of `models`; messages that bear ``tiles``, one a model, as they come."""
        name = _name(upload, photo)

        def make(work: Work) -> Message:
            tiles: list[Message] = [{"model": model, "state": "waiting"} for model in models]

            def put(at: int, **facts: Any) -> None:
                tiles[at] = tiles[at] | facts
                work.facts = {"tiles": list(tiles)}

            for at, model in enumerate(models):
                asked = {**options, "model": model}
                put(at, state="working")
                try:
                    wanted = Options.of(**_fitting(asked))
                    done = self._make(work, self._source(upload, photo), name, wanted)
                    put(at, **done, network_seconds=_rounded(speed(model)), options=asked)
                except Exception as error:
                    work.job.check()
                    known = known_error(error, name)
                    put(at, state="error", code=known.code, facts=known.facts)
            return {"state": "compared", "tiles": tiles}

        asked = self._asked(photo, name, options) | {"comparing": True}
        yield from self.desk.run(session, asked, make, (models, upload))

    def _asked(self, photo: dict[str, Any], name: str, options: dict[str, Any]) -> dict[str, Any]:
        return {"photo": photo.get("id"), "name": name, "may_fetch": self.settings.may_fetch, "options": options}

    def _source(self, upload: str | None, photo: dict[str, Any]) -> Path:
        key = photo.get("key")
        return self.results.source(str(key)) if key else Path(upload or "")

    def _make(self, work: Work, source: Path, name: str, options: Options) -> Message:
        limits = self.settings
        data = _read(source)
        if len(data) > limits.max_mb * 1e6:
            raise ClearcutError("too_large", megabytes=round(len(data) / 1e6, 1), limit=limits.max_mb)
        view = cut_out_file(
            data, options, name=name, max_megapixels=limits.max_megapixels, long_side=VIEW, job=work.job
        )  # fmt: skip
        kept = self.results.keep(source, name, options, view)
        width, height = view.original_size
        return {
            "state": "done",
            "before": f"results/{kept.key}/{kept.before}",
            "after": f"results/{kept.key}/{Results.AFTER}",
            "download": f"results/{kept.key}/",
            "file": kept.download,
            "width": width,
            "height": height,
            "engine": view.cutout.engine,
            "seconds": _rounded(sum(view.cutout.seconds.values())),
            "warnings": list(view.cutout.warnings),
        }


def _name(upload: str | None, photo: dict[str, Any]) -> str:
    return Path(str(photo.get("name") or Path(upload or "photo").name)).name


def _fitting(options: dict[str, Any]) -> dict[str, Any]:
    """`options` without classes that the model does not know: the page may still show those of the model before."""
    keep = [name for name in options.get("keep") or () if name in card(options["model"]).classes]
    return {**options, "keep": keep}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def _read(source: Path) -> bytes:
    try:
        os.utime(source)  # in use: the sweeper passes it by
        return source.read_bytes()
    except OSError:
        raise ClearcutError("expired") from None
