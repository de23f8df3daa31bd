"""The Photo tab: a photo in, its cut-out over a checkerboard, a link to the full size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipeline import Options, models, say

from .desk import Message
from .photo_work import PhotoWork
from .words import html

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
    photo: gr.JSON
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
    photo = gr.JSON(visible=False)
    message = gr.JSON(visible="hidden", elem_id="message")
    return PhotoTab(upload, model, edges, feather, cancel, fetch_it, later, photo, message)


def wire_photo_tab(tab: PhotoTab, work: PhotoWork) -> None:
    """Run at once when a photo comes, and again when a setting changes."""

    def go(upload: str | None, model: str, feather: float, photo: Any, request: gr.Request) -> Iterator[Message]:
        if photo:
            yield from work.run(request.session_hash or "", upload, photo, False, model=model, feather=feather)

    def fetch_and_go(upload: str, model: str, feather: float, photo: Any, request: gr.Request) -> Iterator[Message]:
        yield from work.run(request.session_hash or "", upload, photo, True, model=model, feather=feather)

    def stop(model: str, feather: float, request: gr.Request) -> tuple[str, float]:
        work.desk.stop(request.session_hash or "")
        return model, feather

    asked = [tab.upload, tab.model, tab.feather, tab.photo]
    with_photo = "(...given) => window.clearcut.withPhoto(given)"
    for event in (tab.upload.upload, tab.model.input, tab.feather.input):
        event(go, asked, tab.message, js=with_photo, **LIVE)
    tab.fetch.click(fetch_and_go, asked, tab.message, js=with_photo, **LIVE)
    settings = [tab.model, tab.feather]
    back = "() => window.clearcut.lastSettings()"  # those of the result that is shown
    later = tab.later.click(stop, settings, settings, js=back, **LIVE | {"queue": False})
    later.then(go, asked, tab.message, js=with_photo, **LIVE)
    tab.cancel.click(stop, settings, settings, js=back, **LIVE | {"queue": False})
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
