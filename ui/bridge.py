"""The seam between Gradio and the page; its other half is ``assets/public/js/bridge.js``.

Here alone stands which event of which component runs what, and which function of the page's script, an attribute of
``window.clearcut``, has a say before. What such a function returns takes the place of the event's inputs, in order.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import processing_utils, queueing, route_utils, routes
from gradio.routes import templates
from gradio_client.utils import is_file_obj_with_meta

from pipeline import ClearcutError, explain

from .client import ClientWork, describe_parameters, make_signature, with_signature
from .desk import Message
from .photo import MOST_COMPARED, PhotoTab, list_classes, model_choices
from .photo_work import Asked, PhotoWork
from .sharing import OwnHead

log = logging.getLogger("clearcut")
PRESSED = ("restore", "rerun", "forget", "kept", "respeak")  # by the page's script; nobody sees them
LIVE: dict[str, Any] = {
    "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "multiple", "api_visibility": "private",
    "concurrency_id": "work",  # one queue for all: what is asked later never begins sooner
}  # fmt: skip
SLIDING = LIVE | {"trigger_mode": "always_last"}  # a slider tells every step of its way
AT_ONCE = LIVE | {"queue": False}  # what is no work, and waits for none
IN_PAGE = {"api_visibility": "private"}  # by the page's script alone: no answer of the server can come too late
WITH_PHOTO = "(...given) => window.clearcut.withPhoto(given)"
WITH_RESTORED = "(...given) => window.clearcut.withRestored(given)"
WITH_MODELS = "(...given) => window.clearcut.withModels(given)"
WITH_LANGUAGE = "(model, _, keep) => window.clearcut.withLanguage(model, keep)"
LAST_SETTINGS = "() => window.clearcut.lastSettings()"
WANTED_SETTINGS = "(...given) => window.clearcut.wantedSettings(given)"
REAL_MODEL = "(model) => window.clearcut.realModel(model)"
MADE = "cutouts"  # where Gradio's client fetches results, below ``gradio_api/file=``
SHOW = "(message) => window.clearcut.show(message)"
LANGUAGE = "() => window.clearcut.language()"
SWITCH_LANGUAGE = "() => window.clearcut.switchLanguage()"
Speak = Callable[[str, str], list[Any]]
Event = Callable[..., AsyncIterator[Message]]


def _once_there(call: str) -> str:
    """For events that may come before the page's script has."""
    return f"async () => {{ await window.clearcutThere; return window.clearcut.{call}; }}"


@dataclass(frozen=True)
class Unseen:
    """Components that nobody sees: buttons for the page's script to press, and what carries values to and fro.

    Attributes
    ----------
    restore
        Sets the controls to what the page wants them to be, and runs.
    rerun
        Runs with the controls as they are: something was marked on the photo.
    kept
        Sets them, and the picture for behind, to those of the result that is shown, and stops what is under way.
    forget
        Deletes all that the visitor gave.
    respeak
        Renews the words of what Gradio draws.
    photo, compared, language
        What the page says of its photo, which models to compare (JSON), and the language it speaks.
    message
        What the server says to the page.
    """

    restore: gr.Button
    rerun: gr.Button
    forget: gr.Button
    kept: gr.Button
    respeak: gr.Button
    photo: gr.JSON
    compared: gr.Textbox
    language: gr.Textbox
    message: gr.JSON


def build_unseen() -> Unseen:
    """Lay them out. ``visible="hidden"`` are there for the script; the others are not on the page at all."""
    return Unseen(
        **{name: gr.Button(visible="hidden", elem_id=name) for name in PRESSED},
        photo=gr.JSON(visible=False),
        compared=gr.Textbox(visible=False),
        language=gr.Textbox(visible=False),
        message=gr.JSON(visible="hidden", elem_id="message"),
    )


def wire_photo_tab(tab: PhotoTab, unseen: Unseen, work: PhotoWork) -> None:
    """Run at once when a photo comes, and again when a setting changes."""
    settings = list(tab.options.values())
    files = [tab.upload, tab.behind, tab.trimap]
    given = [unseen.photo, *files, *settings]
    to_page = unseen.message
    go, fetch_and_go, compare = _work_events(list(tab.options), work)
    sliders = [each for each in settings if isinstance(each, gr.Slider)]
    others = [each for each in settings if not isinstance(each, gr.Slider)]
    newest_wins = [*(each.upload for each in files), unseen.rerun.click, *(each.input for each in others)]
    gr.on(newest_wins, go, given, to_page, js=WITH_PHOTO, **LIVE)
    gr.on([each.input for each in sliders], go, given, to_page, js=WITH_PHOTO, **SLIDING)
    tab.texts["page.ask.fetch"].click(fetch_and_go, given, to_page, js=WITH_PHOTO, **LIVE)
    tab.texts["page.compare.run"].click(compare, [unseen.compared, *given], to_page, js=WITH_MODELS, **LIVE)
    to_page.change(None, to_page, js=SHOW, **IN_PAGE)

    def stop(request: gr.Request) -> None:
        work.desk.stop(request.session_hash or "")

    last = [tab.behind, *settings]
    restored = unseen.restore.click(None, settings, settings, js=WANTED_SETTINGS, **IN_PAGE)
    refused = tab.texts["page.ask.not_now"].click(None, last, last, js=LAST_SETTINGS, **IN_PAGE)
    for set_back in (restored, refused):
        set_back.then(go, given, to_page, js=WITH_RESTORED, **LIVE)
    for button in (tab.texts["page.cancel"], unseen.kept):
        button.click(None, last, last, js=LAST_SETTINGS, **IN_PAGE).then(stop, **AT_ONCE)

    def forget(request: gr.Request, *uploads: str | None) -> list[None]:
        work.forget(request.session_hash or "", [Path(upload) for upload in uploads if upload])
        return [None] * len(uploads)

    def follow_model(model: str, language: str, chosen: list[str] | None) -> list[Any]:
        choices = model_choices(work.runtime, language, model)
        return [gr.update(choices=choices), list_classes(work.runtime, model, language, chosen)]

    unseen.forget.click(forget, files, files, **AT_ONCE)
    model, keep = tab.options["model"], tab.options["keep"]
    model.input(None, model, model, js=REAL_MODEL, **IN_PAGE)  # the menu's last line is none
    model.change(follow_model, [model, unseen.language, keep], [model, keep], js=WITH_LANGUAGE, **AT_ONCE)


def _work_events(names: list[str], work: PhotoWork) -> tuple[Event, Event, Event]:
    """Cut out, fetch the model and cut out, compare; none does anything while the page has no photo."""

    def asked(request: gr.Request, given: tuple[Any, ...]) -> Asked:
        photo, upload, behind, trimap, *values = given
        options = dict(zip(names, values, strict=True))
        return Asked(request.session_hash or "", upload, behind, trimap, photo, options)

    async def go(request: gr.Request, *given: Any) -> AsyncIterator[Message]:
        if given[0]:
            async for message in work.run(asked(request, given), bring_model=False):
                yield message

    async def fetch_and_go(request: gr.Request, *given: Any) -> AsyncIterator[Message]:
        if given[0]:
            async for message in work.run(asked(request, given), bring_model=True):
                yield message

    async def compare(request: gr.Request, chosen: str, *given: Any) -> AsyncIterator[Message]:
        if given[0]:
            side_by_side = [str(name) for name in json.loads(chosen)][:MOST_COMPARED]
            async for message in work.compare(asked(request, given), side_by_side):
                yield message

    return go, fetch_and_go, compare


def wire_load(page: gr.Blocks, tab: PhotoTab) -> None:
    """Set the controls as this browser had them last."""
    settings = list(tab.options.values())
    page.load(None, None, settings, js=_once_there("rememberedSettings()"), **IN_PAGE)


def wire_unload(page: gr.Blocks, work: PhotoWork) -> None:
    """Delete what a visitor gave once the page is closed, or loaded anew, which brings again what it needs."""

    def leave(request: gr.Request) -> None:
        work.leave(request.session_hash or "")

    page.unload(leave)


def wire_language(
    page: gr.Blocks, switch: gr.Button, unseen: Unseen, model: gr.Dropdown, speak: Speak, spoken: list[Any]
) -> None:
    """Let what Gradio draws, `spoken`, speak the page's language; `speak` gives the updates for it and a `model`."""
    given = [unseen.language, model]
    page.load(speak, given, spoken, js=_once_there("language()"), **AT_ONCE)
    unseen.respeak.click(speak, given, spoken, js=LANGUAGE, **AT_ONCE)
    switch.click(speak, given, spoken, js=SWITCH_LANGUAGE, **AT_ONCE)


def wire_client(page: gr.Blocks, work: ClientWork) -> None:
    """Offer `ClientWork.remove_background` to Gradio's client; nothing else of the page is shown to it."""
    signature = make_signature(gr.FileData, gr.FileData)
    files = [name for name, each in signature.parameters.items() if "FileData" in str(each.annotation)]

    def remove_background(*given: Any) -> dict[str, Any]:
        values = {name: value for name, value in zip(signature.parameters, given, strict=True) if value is not None}
        try:
            uploads = {name: _find_upload(name, values.pop(name)) for name in files if name in values}
            place = work.remove_background(**uploads, **values)
        except ClearcutError as error:
            raise gr.Error(explain(error), print_exception=False) from None
        return {"path": f"{MADE}/{place}", "url": f"/gradio_api/file={MADE}/{place}"}  # no file of Gradio's own

    gr.api(
        with_signature(remove_background, signature),
        api_name="remove_background",
        api_description="Remove the background of a photo. What is not given is as on the page.",
        concurrency_limit=None,
    )
    endpoint = next(each for each in page.fns.values() if each.api_name == "remove_background")
    for component, words in zip(endpoint.inputs, describe_parameters().values(), strict=True):
        component.label = words


def _find_upload(name: str, given: Any) -> Path:
    """A file that came by Gradio's upload, which has looked whether it did wherever ``meta`` says that it is a file."""
    if not is_file_obj_with_meta(given):
        raise ClearcutError("not_a_picture", name=name)
    return Path(given["path"])


def fetch_nothing() -> None:
    """Let Gradio fetch no file from an address that a caller names, for every page that this process serves."""

    async def refuse(*_: Any, **__: Any) -> str:
        raise gr.Error(explain(ClearcutError("url_off")), print_exception=False)

    processing_utils.async_ssrf_protected_download = refuse


def log_in_one_line() -> None:
    """Have our log tell of what Gradio refuses or fails at, for every page that this process serves.

    Gradio prints the whole exception, which may quote what a caller has sent, in lines of the caller's making.
    """

    def log_error() -> None:
        log.error("an event of the page failed", exc_info=True)

    for module in (queueing, route_utils, routes):
        setattr(module, "traceback", SimpleNamespace(print_exc=log_error))  # noqa: B010


def own_the_head() -> None:
    """Let the page's head be Clearcut's, for every page that this process serves."""
    if templates.env.loader and not isinstance(templates.env.loader, OwnHead):
        templates.env.loader = OwnHead(templates.env.loader)
