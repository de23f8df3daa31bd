"""The Photo tab: a photo in, its cut-out over a checkerboard, a link to the full size; models side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipeline import Card, Options, is_installed, megabytes, model_size, models, say

from .desk import Message
from .photo_work import PhotoWork
from .words import html

LIVE: dict[str, Any] = {
    "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "multiple", "api_visibility": "private"
}  # fmt: skip
MOST_COMPARED = 4


@dataclass(frozen=True)
class PhotoTab:
    """The components of the tab that other files wire or translate; `options` by the names of their fields."""

    upload: gr.UploadButton
    options: dict[str, gr.components.Component]
    edges: gr.Accordion
    cancel: gr.Button
    fetch: gr.Button
    later: gr.Button
    compare: gr.Button
    kept: gr.Button
    compared: gr.Textbox
    language: gr.Textbox
    photo: gr.JSON
    message: gr.JSON

    @property
    def spoken(self) -> list[gr.components.Component]:
        """Those whose words change with the language, in the order of `words_for`."""
        return [self.upload, *self.options.values(), self.edges, self.cancel, self.fetch, self.later, self.compare]


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
            with gr.Column(elem_id="compare"):
                html("compare")
                compare = gr.Button(say("page.compare.run"), variant="primary", elem_id="compare-run")
                html("compare_tiles")
        with gr.Column(elem_id="panel", scale=1, min_width=260):
            model = gr.Dropdown(model_choices("en"), value=default_model, label=say("option.model.label"),
                                elem_id="model", filterable=False, interactive=True)  # fmt: skip
            html("model_facts")
            keep = gr.Dropdown(
                [], value=[], multiselect=True, elem_id="keep", interactive=True,
                allow_custom_value=True,  # those of the model before may still be chosen when another one is
                label=say("option.keep.label"), info=say("option.keep.info"),
            )  # fmt: skip
            with gr.Accordion(say("page.edges"), open=False, elem_id="edges") as edges:
                feather = gr.Slider(
                    feather_limits["Ge"].ge, feather_limits["Le"].le, value=0, step=0.5, elem_id="feather",
                    label=say("option.feather.label"), info=say("option.feather.info"),
                )  # fmt: skip
            html("actions")
    compared, language = gr.Textbox(visible=False), gr.Textbox(visible=False)
    kept = gr.Button(visible="hidden", elem_id="kept")
    photo = gr.JSON(visible=False)
    message = gr.JSON(visible="hidden", elem_id="message")
    options: dict[str, gr.components.Component] = {"model": model, "feather": feather, "keep": keep}
    return PhotoTab(upload, options, edges, cancel, fetch_it, later, compare, kept, compared, language, photo, message)


def wire_photo_tab(tab: PhotoTab, work: PhotoWork) -> None:
    """Run at once when a photo comes, and again when a setting changes."""
    names = list(tab.options)

    def run(bring_model: bool, upload: str | None, photo: Any, values: Any, request: gr.Request) -> Iterator[Message]:
        if photo:
            session, wanted = request.session_hash or "", dict(zip(names, values, strict=True))
            yield from work.run(session, upload, photo, bring_model, wanted)

    def go(request: gr.Request, upload: str | None, photo: Any, *values: Any) -> Iterator[Message]:
        yield from run(False, upload, photo, values, request)

    def fetch_and_go(request: gr.Request, upload: str | None, photo: Any, *values: Any) -> Iterator[Message]:
        yield from run(True, upload, photo, values, request)

    def compare(request: gr.Request, chosen: str, upload: str | None, photo: Any, *values: Any) -> Iterator[Message]:
        if photo:
            session, wanted = request.session_hash or "", dict(zip(names, values, strict=True))
            side_by_side = [str(name) for name in json.loads(chosen)][:MOST_COMPARED]
            yield from work.compare(session, upload, photo, side_by_side, wanted)

    def stop(request: gr.Request, *values: Any) -> list[Any]:
        work.desk.stop(request.session_hash or "")
        return list(values)

    settings = list(tab.options.values())
    asked = [tab.upload, tab.photo, *settings]
    with_photo = "(...given) => window.clearcut.withPhoto(given)"
    for event in (tab.upload.upload, *(component.input for component in settings)):
        event(go, asked, tab.message, js=with_photo, **LIVE)
    tab.fetch.click(fetch_and_go, asked, tab.message, js=with_photo, **LIVE)
    with_models = "(...given) => window.clearcut.comparison.withModels(given)"
    tab.compare.click(compare, [tab.compared, *asked], tab.message, js=with_models, **LIVE)
    back = "() => window.clearcut.lastSettings()"  # those of the result that is shown
    later = tab.later.click(stop, settings, settings, js=back, **LIVE | {"queue": False})
    later.then(go, asked, tab.message, js=with_photo, **LIVE)
    for button in (tab.cancel, tab.kept):
        button.click(stop, settings, settings, js=back, **LIVE | {"queue": False})
    model, keep = tab.options["model"], tab.options["keep"]
    with_language = "(name) => window.clearcut.withLanguage(name)"
    model.change(class_choices, [model, tab.language], keep, js=with_language, **LIVE | {"queue": False})
    tab.message.change(None, tab.message, js="(message) => window.clearcut.show(message)", api_visibility="private")


def class_choices(model: str, language: str) -> Any:
    """What the chosen model tells apart, as an update of that dropdown."""
    card = models().get(model)
    classes = card.classes if card else ()
    return gr.update(choices=[(say(f"class.{name}", language), name) for name in classes], value=[])


def words_for(language: str) -> list[Any]:
    """Updates for `PhotoTab.spoken`, in `language`."""
    return [
        gr.update(label=say("page.choose", language)),
        gr.update(label=say("option.model.label", language), choices=model_choices(language)),
        gr.update(label=say("option.feather.label", language), info=say("option.feather.info", language)),
        gr.update(label=say("option.keep.label", language), info=say("option.keep.info", language)),
        gr.update(label=say("page.edges", language)),
        gr.update(value=say("page.cancel", language)),
        gr.update(value=say("page.ask.fetch", language)),
        gr.update(value=say("page.ask.not_now", language)),
        gr.update(value=say("page.compare.run", language)),
    ]


def model_choices(language: str) -> list[tuple[str, str]]:
    """Every model as the menu names it: those for most photos first, then by use; marked where it is not here yet."""
    cards = list(models().values())
    general = {name for card in cards if len(card.networks) > 1 for name in (card.name, *_member_names(card))}
    uses = list(dict.fromkeys(card.good_for[0] for card in cards))
    cards.sort(key=lambda card: (card.name not in general, card.name not in general and uses.index(card.good_for[0])))
    return [(_menu_title(card, card.name in general, language), card.name) for card in cards]


def _member_names(card: Card) -> list[str]:
    return [member.name for member in card.networks]


def _menu_title(card: Card, general: bool, language: str) -> str:
    title = say(f"model.{card.name}.title", language, default=card.name)
    if not general:
        title = f"{say(f'use.{card.good_for[0]}', language)} · {title}"
    if is_installed(card):
        return title
    how = "page.menu.fetch" if card.fetchable else "page.menu.bring"
    return f"{title} · {say(how, language, megabytes=megabytes(model_size(card)))}"
