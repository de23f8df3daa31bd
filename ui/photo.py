"""The Photo tab: a photo in, its cut-out over a checkerboard, a link to the full size; models side by side."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipeline import (
    AUTOMATIC,
    Card,
    Options,
    Picker,
    Runtime,
    count_bytes,
    group_models,
    is_installed,
    say,
    to_megabytes,
)

from .controls import FOLDED, NOT_THE_PAGES, control, names_of, words
from .words import html

MOST_COMPARED = 4
MORE = "+more"  # the menu's last line, which opens the Models tab; no model can have this name


@dataclass(frozen=True)
class PhotoTab:
    """The components of the tab that have events, or words.

    Attributes
    ----------
    upload, behind, trimap
        What takes the files of the photo, of the picture for behind it, and of its trimap.
    options
        The control of each option by its name, in the order of the fields.
    texts
        Other components by the key of their words.
    """

    upload: gr.UploadButton
    behind: gr.UploadButton
    trimap: gr.UploadButton
    options: dict[str, gr.components.Component]
    texts: dict[str, gr.Button]

    @property
    def spoken(self) -> list[Any]:
        """Those whose words change with the language, in the order of `words_for`."""
        return [self.upload, self.behind, *self.options.values(), *self.texts.values()]


def build_photo_tab(runtime: Runtime) -> PhotoTab:
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
    html("batch_bar")
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
            with gr.Column(elem_id="controls"):
                options, behind = _build_panel(runtime)
            html("actions")
    trimap = gr.UploadButton(type="filepath", elem_id="trimap-file")  # chosen in the bar of the brushes
    return PhotoTab(upload, behind, trimap, options, texts)


def _build_panel(runtime: Runtime) -> tuple[dict[str, gr.components.Component], gr.UploadButton]:
    """Presets, the model, and a fold of controls for each other group of options."""
    html("presets")
    model = gr.Dropdown(
        model_choices(runtime, "en", runtime.settings.model), value=runtime.settings.model, elem_id="model",
        label=say("option.model.label"), interactive=True,
        allow_custom_value=True,  # one that is chosen on the Models tab is not among the choices yet
    )  # fmt: skip
    model.filterable = False  # it is no field to type in; the constructor does not take both
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
                        behind = gr.UploadButton(say("page.choose_behind"), type="filepath", elem_id="behind")
    return {name: options[name] for name in Options.model_fields if name in options}, behind


def list_classes(runtime: Runtime, model: str, language: str, chosen: list[str] | None) -> Any:
    """What the chosen model tells apart, as an update of that dropdown; of what was `chosen` that which is among it."""
    card = runtime.list_models().get(model)
    classes = card.classes if card else ()
    choices = [(say(f"class.{name}", language), name) for name in classes]
    return gr.update(choices=choices, value=[name for name in chosen or () if name in classes])


def words_for(tab: PhotoTab, runtime: Runtime, language: str, model: str) -> list[Any]:
    """Updates for `PhotoTab.spoken`, in `language`, while `model` is chosen."""
    said = {name: words(name, language) for name in tab.options if name not in NOT_THE_PAGES}
    said["model"] = {"label": say("option.model.label", language), "choices": model_choices(runtime, language, model)}
    said["keep"] = {"label": say("option.keep.label", language), "info": say("option.keep.info", language)}
    return [
        gr.update(label=say("page.choose", language)),
        gr.update(label=say("page.choose_behind", language)),
        *(gr.update(**said[name]) for name in tab.options),
        *(gr.update(value=say(key, language)) for key in tab.texts),
    ]


def model_choices(runtime: Runtime, language: str, chosen: str) -> list[tuple[str, str]]:
    """What the menu offers, marked where it is not here yet: automatic, the featured models, `chosen`, and `MORE`."""
    groups = group_models(runtime.list_models())
    offered = [
        (_menu_title(card, group, runtime, language), card.name)
        for group, cards in groups.items()
        for card in cards
        if card.featured or (card.name == chosen and not isinstance(card, Picker))
    ]
    automatic = say(f"model.{AUTOMATIC}.title", language), AUTOMATIC
    return [automatic, *offered, (say("page.menu.more", language), MORE)]


def _menu_title(card: Card, group: str, runtime: Runtime, language: str) -> str:
    title = say(f"model.{card.name}.title", language, default=card.name)
    if group != "general":
        title = f"{say(f'use.{group}', language)} · {title}"
    if is_installed(card, runtime.settings):
        return title
    how = "page.menu.fetch" if card.fetchable else "page.menu.bring"
    return f"{title} · {say(how, language, megabytes=to_megabytes(count_bytes(card, runtime.settings)))}"
