"""What the Photo tab has done for a visitor: a photo read, cut out at screen size, and kept for download."""

import os
from collections.abc import Iterator
from pathlib import Path

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
        self, session: str, upload: str, name: str, bring_model: bool, model: str, feather: float
    ) -> Iterator[Message]:
        """Cut the file `upload` out, fetching the model first where that was asked for; messages for the page."""
        source = Path(upload)
        shown_name = Path(name or source.name).name

        def make(work: Work) -> Message:
            options = Options.of(model=model, feather=feather)
            if bring_model and self.settings.may_fetch:
                fetch(card(options.model), work.fetching)
                work.fetched = None
            return self._make(work, source, shown_name, options)

        asked = {"model": model, "may_fetch": self.settings.may_fetch, "name": shown_name}
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
            "model": options.model,
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
