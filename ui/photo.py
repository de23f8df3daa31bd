"""The Photo tab: a photo in, its cut-out over a checkerboard, a link to the full size."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pipeline import ClearcutError, Options, card, cut_out_file, fetch, models, say

from .desk import Desk, Message, Work
from .results import Results
from .words import html

VIEW = 1600  # longer side of what the page shows, in pixels: enough for a sharp picture on a dense screen
LIVE: dict[str, Any] = {
    "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "multiple", "api_visibility": "private"
}  # fmt: skip


@dataclass(frozen=True)
class PhotoTab:
    """The components of the tab that other files wire or translate."""

    upload: gr.UploadButton
    model: gr.Dropdown
    edges: gr.Accordion
    feather: gr.Slider
    cancel: gr.Button
    fetch: gr.Button
    later: gr.Button
    name: gr.Textbox
    message: gr.JSON

    @property
    def spoken(self) -> list[gr.components.Component]:
        """Those whose words change with the language, in the order of `words_for`."""
        return [self.upload, self.model, self.edges, self.feather, self.cancel, self.fetch, self.later]


def build_photo_tab(default_model: str) -> PhotoTab:
    """Lay the tab out."""
    feather_limits = {type(item).__name__: item for item in Options.model_fields["feather"].metadata}
    with gr.Column(elem_id="start"):
        html("start")
        with gr.Column(elem_id="input"):
            upload = gr.UploadButton(say("page.choose"), variant="primary", type="filepath")
        html("start_below")
    with gr.Row(elem_id="work"):
        with gr.Column(elem_id="picture", scale=3):
            html("stage")
            with gr.Column(elem_id="busy"):
                html("busy")
                cancel = gr.Button(say("page.cancel"), size="sm", elem_id="cancel")
            with gr.Column(elem_id="ask"):
                html("ask")
                fetch_it = gr.Button(say("page.ask.fetch"), variant="primary", elem_id="fetch")
                later = gr.Button(say("page.ask.not_now"), elem_id="later")
        with gr.Column(elem_id="panel", scale=1, min_width=260):
            model = gr.Dropdown(_choices("en"), value=default_model, label=say("option.model.label"), elem_id="model",
                                filterable=False, interactive=True)  # fmt: skip
            html("model_facts")
            with gr.Accordion(say("page.edges"), open=False, elem_id="edges") as edges:
                feather = gr.Slider(
                    feather_limits["Ge"].ge, feather_limits["Le"].le, value=0, step=0.5, elem_id="feather",
                    label=say("option.feather.label"), info=say("option.feather.info"),
                )  # fmt: skip
            html("actions")
    name = gr.Textbox(visible=False)
    message = gr.JSON(visible="hidden", elem_id="message")
    return PhotoTab(upload, model, edges, feather, cancel, fetch_it, later, name, message)


def wire_photo_tab(
    tab: PhotoTab, desk: Desk, results: Results, max_megapixels: float, max_mb: float, may_fetch: bool
) -> None:
    """Run at once when a photo comes, and again when a setting changes."""

    def make(work: Work, source: Path, name: str, options: Options, bring_model: bool) -> Message:
        if bring_model and may_fetch:
            fetch(card(options.model), work.fetching)
            work.fetched = None
        try:
            os.utime(source)  # in use: the sweeper passes it by
            data = source.read_bytes()
        except OSError:
            raise ClearcutError("expired") from None
        if len(data) > max_mb * 1e6:
            raise ClearcutError("too_large", megabytes=round(len(data) / 1e6, 1), limit=max_mb)
        view = cut_out_file(
            data, options, name=name, max_megapixels=max_megapixels, long_side=VIEW, job=work.job
        )  # fmt: skip
        kept = results.keep(source, name, options, view)
        width, height = view.original_size
        return {
            "state": "done",
            "before": f"results/{kept.key}/{kept.before}",
            "after": f"results/{kept.key}/{results.AFTER}",
            "download": f"results/{kept.key}/",
            "file": kept.download,
            "width": width,
            "height": height,
            "model": options.model,
            "engine": view.cutout.engine,
            "seconds": round(sum(view.cutout.seconds.values()), 2),
            "warnings": list(view.cutout.warnings),
        }

    def run(bring_model: bool, upload: str | None, model: str, feather: float, name: str,
            request: gr.Request) -> Iterator[Message]:  # fmt: skip
        if not upload:
            return
        source = Path(upload)
        shown_name = Path(name or source.name).name

        def work_on(work: Work) -> Message:
            return make(work, source, shown_name, Options.of(model=model, feather=feather), bring_model)

        asked_for = {"model": model, "may_fetch": may_fetch, "name": shown_name}
        yield from desk.run(request.session_hash or "", asked_for, work_on)

    def go(upload: str | None, model: str, feather: float, name: str, request: gr.Request) -> Iterator[Message]:
        yield from run(False, upload, model, feather, name, request)

    def fetch_and_go(upload: str | None, model: str, feather: float, name: str,
                     request: gr.Request) -> Iterator[Message]:  # fmt: skip
        yield from run(True, upload, model, feather, name, request)

    def stop(last_model: str, request: gr.Request) -> str:
        desk.stop(request.session_hash or "")
        return last_model

    asked = [tab.upload, tab.model, tab.feather, tab.name]
    with_name = "(...given) => window.clearcut.withName(given)"
    for event in (tab.upload.upload, tab.model.input, tab.feather.input):
        event(go, asked, tab.message, js=with_name, **LIVE)
    tab.fetch.click(fetch_and_go, asked, tab.message, js=with_name, **LIVE)
    last_model = "() => window.clearcut.lastModel()"
    back = tab.later.click(lambda name: name, tab.name, tab.model, js=last_model, **LIVE)
    back.then(go, asked, tab.message, js=with_name, **LIVE)
    tab.cancel.click(stop, tab.name, tab.model, js=last_model, **LIVE | {"queue": False})
    tab.message.change(None, tab.message, js="(message) => window.clearcut.show(message)", api_visibility="private")


def words_for(language: str) -> list[Any]:
    """Updates for `PhotoTab.spoken`, in `language`."""
    return [
        gr.update(label=say("page.choose", language)),
        gr.update(label=say("option.model.label", language), choices=_choices(language)),
        gr.update(label=say("page.edges", language)),
        gr.update(label=say("option.feather.label", language), info=say("option.feather.info", language)),
        gr.update(value=say("page.cancel", language)),
        gr.update(value=say("page.ask.fetch", language)),
        gr.update(value=say("page.ask.not_now", language)),
    ]


def _choices(language: str) -> list[tuple[str, str]]:
    return [(say(f"model.{name}.title", language, default=name), name) for name in models()]
