"""The Photo tab: a photo in, its cut-out over a checkerboard, a link to the full size; models side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pipeline import Card, Options, group_models, is_installed, megabytes, model_size, models, say

from .controls import FOLDED, NOT_THE_PAGES, control, names_of, words
from .desk import Message
from .photo_work import Asked, PhotoWork
from .words import html

LIVE: dict[str, Any] = {
    "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "multiple", "api_visibility": "private"
}  # fmt: skip
AT_ONCE = LIVE | {"queue": False}  # what is no work, and waits for none
MOST_COMPARED = 4


@dataclass(frozen=True)
class PhotoTab:
    """The components of the tab that other files wire or translate.

    Attributes
    ----------
    options
        The control of each option by its name, in the order of the fields.
    texts
        Other components by the key of their words.
    """

    upload: gr.UploadButton
    behind: gr.UploadButton
    options: dict[str, gr.components.Component]
    texts: dict[str, gr.Button]
    restore: gr.Button
    forget: gr.Button
    kept: gr.Button
    compared: gr.Textbox
    language: gr.Textbox
    photo: gr.JSON
    message: gr.JSON

    @property
    def spoken(self) -> list[Any]:
        """Those whose words change with the language, in the order of `words_for`."""
        return [self.upload, self.behind, *self.options.values(), *self.texts.values()]


def build_photo_tab(default_model: str) -> PhotoTab:
    """Lay the tab out."""
    texts: dict[str, gr.Button] = {}

    def button(key: str, elem_id: str, **how: Any) -> gr.Button:
        texts[key] = gr.Button(say(key), elem_id=elem_id, **how)
        return texts[key]

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
                button("page.cancel", "cancel", size="sm")
            with gr.Column(elem_id="ask"):
                html("ask")
                button("page.ask.fetch", "fetch", variant="primary")
                button("page.ask.not_now", "later")
            with gr.Column(elem_id="compare"):
                html("compare")
                button("page.compare.run", "compare-run", variant="primary")
                html("compare_tiles")
        with gr.Column(elem_id="panel", scale=1, min_width=260):
            options, behind = _build_panel(default_model)
            html("actions")
    unseen = {name: gr.Button(visible="hidden", elem_id=name) for name in ("restore", "forget", "kept")}
    return PhotoTab(
        upload, behind, options, texts, **unseen,
        compared=gr.Textbox(visible=False), language=gr.Textbox(visible=False), photo=gr.JSON(visible=False),
        message=gr.JSON(visible="hidden", elem_id="message"),
    )  # fmt: skip


def _build_panel(default_model: str) -> tuple[dict[str, gr.components.Component], gr.UploadButton]:
    """Presets, the model, and a fold of controls for each other group of options."""
    html("presets")
    model = gr.Dropdown(model_choices("en"), value=default_model, label=say("option.model.label"),
                        elem_id="model", filterable=False, interactive=True)  # fmt: skip
    html("model_facts")
    keep = gr.Dropdown(
        [], value=[], multiselect=True, elem_id="keep", interactive=True,
        allow_custom_value=True,  # those of the model before may still be chosen when another one is
        label=say("option.keep.label"), info=say("option.keep.info"),
    )  # fmt: skip
    options: dict[str, gr.components.Component] = {"model": model, "keep": keep}
    for group in FOLDED:
        with gr.Column(elem_id=f"group-{group}", elem_classes="fold"):
            html("fold", group=group)
            with gr.Column(elem_id=f"fold-{group}", elem_classes="fold-body"):
                for name in names_of(group):
                    options[name] = control(name)
                    if name == "background":
                        behind = gr.UploadButton(
                            say("page.choose_behind"), type="filepath", file_types=["image"], elem_id="behind"
                        )
    return {name: options[name] for name in Options.model_fields if name in options}, behind


def wire_photo_tab(tab: PhotoTab, work: PhotoWork) -> None:
    """Run at once when a photo comes, and again when a setting changes."""
    names = list(tab.options)

    def asked(request: gr.Request, upload: str | None, behind: str | None, photo: Any, values: Any) -> Asked:
        return Asked(request.session_hash or "", upload, behind, photo, dict(zip(names, values, strict=True)))

    def go(request: gr.Request, photo: Any, upload: Any, behind: Any, *values: Any) -> Iterator[Message]:
        if photo:
            yield from work.run(asked(request, upload, behind, photo, values), bring_model=False)

    def fetch_and_go(request: gr.Request, photo: Any, upload: Any, behind: Any, *values: Any) -> Iterator[Message]:
        if photo:
            yield from work.run(asked(request, upload, behind, photo, values), bring_model=True)

    def compare(
        request: gr.Request, chosen: str, photo: Any, upload: Any, behind: Any, *values: Any
    ) -> Iterator[Message]:
        if photo:
            side_by_side = [str(name) for name in json.loads(chosen)][:MOST_COMPARED]
            yield from work.compare(asked(request, upload, behind, photo, values), side_by_side)

    def stop(request: gr.Request, *values: Any) -> list[Any]:
        work.desk.stop(request.session_hash or "")
        return list(values)

    def forget(request: gr.Request, *uploads: str | None) -> list[None]:
        work.forget(request.session_hash or "", [Path(upload) for upload in uploads if upload])
        return [None, None]

    settings = list(tab.options.values())
    given = [tab.photo, tab.upload, tab.behind, *settings]
    with_photo = "(...given) => window.clearcut.withPhoto(given)"
    sliders = [each for each in settings if isinstance(each, gr.Slider)]
    others = [each for each in settings if not isinstance(each, gr.Slider)]
    newest_wins = [tab.upload.upload, tab.behind.upload, *(each.input for each in others)]
    gr.on(newest_wins, go, given, tab.message, js=with_photo, **LIVE)
    moving = LIVE | {"trigger_mode": "always_last"}  # a slider tells every step of its way
    gr.on([each.input for each in sliders], go, given, tab.message, js=with_photo, **moving)
    tab.texts["page.ask.fetch"].click(fetch_and_go, given, tab.message, js=with_photo, **LIVE)
    with_models = "(...given) => window.clearcut.comparison.withModels(given)"
    tab.texts["page.compare.run"].click(compare, [tab.compared, *given], tab.message, js=with_models, **LIVE)

    def put_back(button: gr.Button, values: str) -> Any:
        return button.click(stop, settings, settings, js=values, **AT_ONCE)

    of_the_result = "() => window.clearcut.lastSettings()"
    wanted = "() => window.clearcut.settings.wanted()"
    for button, values in ((tab.texts["page.ask.not_now"], of_the_result), (tab.restore, wanted)):
        put_back(button, values).then(go, given, tab.message, js=with_photo, **LIVE)
    for button in (tab.texts["page.cancel"], tab.kept):
        put_back(button, of_the_result)
    tab.forget.click(forget, [tab.upload, tab.behind], [tab.upload, tab.behind], **AT_ONCE)
    model, keep = tab.options["model"], tab.options["keep"]
    with_language = "(model, _, keep) => window.clearcut.withLanguage(model, keep)"
    model.change(class_choices, [model, tab.language, keep], keep, js=with_language, **AT_ONCE)
    tab.message.change(None, tab.message, js="(message) => window.clearcut.show(message)", api_visibility="private")


def class_choices(model: str, language: str, chosen: list[str] | None) -> Any:
    """What the chosen model tells apart, as an update of that dropdown; of what was `chosen` that which is among it."""
    card = models().get(model)
    classes = card.classes if card else ()
    choices = [(say(f"class.{name}", language), name) for name in classes]
    return gr.update(choices=choices, value=[name for name in chosen or () if name in classes])


def words_for(tab: PhotoTab, language: str) -> list[Any]:
    """Updates for `PhotoTab.spoken`, in `language`."""
    said = {name: words(name, language) for name in tab.options if name not in NOT_THE_PAGES}
    said["model"] = {"label": say("option.model.label", language), "choices": model_choices(language)}
    said["keep"] = {"label": say("option.keep.label", language), "info": say("option.keep.info", language)}
    return [
        gr.update(label=say("page.choose", language)),
        gr.update(label=say("page.choose_behind", language)),
        *(gr.update(**said[name]) for name in tab.options),
        *(gr.update(value=say(key, language)) for key in tab.texts),
    ]


def model_choices(language: str) -> list[tuple[str, str]]:
    """Every model as the menu names it, group by group; marked where it is not here yet."""
    groups = group_models(models())
    return [(_menu_title(card, group, language), card.name) for group, cards in groups.items() for card in cards]


def _menu_title(card: Card, group: str, language: str) -> str:
    title = say(f"model.{card.name}.title", language, default=card.name)
    if group != "general":
        title = f"{say(f'use.{group}', language)} · {title}"
    if is_installed(card):
        return title
    how = "page.menu.fetch" if card.fetchable else "page.menu.bring"
    return f"{title} · {say(how, language, megabytes=megabytes(model_size(card)))}"
