"""What the Photo tab has done for a visitor: a photo read, cut out at screen size, and kept for download."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import ClearcutError, Options, card, cut_out_file, fetch

from .desk import Desk, Message, Work
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
        self, session: str, upload: str | None, photo: dict[str, Any], bring_model: bool, **options: Any
    ) -> Iterator[Message]:
        """Cut a photo out, fetching the model first where that was asked for; messages for the page.

        `photo` is what the page knows of it: ``id``, which every message bears; ``name``; and ``key`` of an earlier
        result where the page has gone back to the photo of that. Without a key it is the file `upload`.
        """
        name = Path(str(photo.get("name") or Path(upload or "photo").name)).name

        def make(work: Work) -> Message:
            wanted = Options.of(**options)
            if bring_model and self.settings.may_fetch:
                fetch(card(wanted.model), work.fetching)
                work.fetched = None
            key = photo.get("key")
            source = self.results.source(str(key)) if key else Path(upload or "")
            return self._make(work, source, name, wanted)

        asked = {"photo": photo.get("id"), "name": name, "may_fetch": self.settings.may_fetch, **options}
        yield from self.desk.run(session, asked, make)

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
            "seconds": round(sum(view.cutout.seconds.values()), 2),
            "warnings": list(view.cutout.warnings),
        }


def _read(source: Path) -> bytes:
    try:
        os.utime(source)  # in use: the sweeper passes it by
        return source.read_bytes()
    except OSError:
        raise ClearcutError("expired") from None
