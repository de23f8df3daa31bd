"""The page as a whole: header, tabs, languages; and how it is mounted into an app."""

from typing import Any

import gradio as gr
from fastapi import FastAPI

from pipeline import (
    AUTOMATIC,
    LANGUAGES,
    NOT_OF_CLIPS,
    Marks,
    Options,
    list_preferred,
    list_presets,
    list_video_formats,
    say,
)

from .bridge import (
    build_unseen,
    fetch_nothing,
    log_in_one_line,
    own_the_head,
    wire_client,
    wire_language,
    wire_load,
    wire_photo_tab,
    wire_unload,
)
from .client import ClientWork
from .controls import page_facts
from .examples import EXAMPLES
from .photo import MORE, MOST_COMPARED, build_photo_tab, words_for
from .photo_work import FRAMING, PhotoWork
from .settings import PageSettings
from .theme import theme
from .words import head, html

IDLE_SECONDS = 0.02  # between looks into Gradio's queue: its own millisecond costs an unused page 5 % of a core


def build_page(work: PhotoWork, client: ClientWork) -> gr.Blocks:
    """The Gradio Blocks of the page."""
    runtime = work.runtime
    with gr.Blocks(title="Clearcut", analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="top"):
            html("brand")
            html("tabs")
            language = gr.Button(say("page.language"), size="sm", elem_id="language")
            html("tools")
        html("notice")
        tab = build_photo_tab(runtime)
        html("batch")
        html("video")
        html("models")
        html("dialogs")
        unseen = build_unseen()

        def speak(wanted: str, model: str) -> list[Any]:
            known = wanted if wanted in LANGUAGES else "en"
            return [gr.update(value=say("page.language", known)), *words_for(tab, runtime, known, model)]

        wire_photo_tab(tab, unseen, work)
        wire_load(page, tab)
        if work.settings.no_store:
            wire_unload(page, work)
        wire_client(page, client)
        wire_language(page, language, unseen, tab.options["model"], speak, [language, *tab.spoken])
    return page


def mount_page(app: FastAPI, page: gr.Blocks, settings: PageSettings) -> FastAPI:
    """Put `page` at the root of `app`."""
    page.has_launched = True  # without it Gradio would hand any readable file of the machine to whoever names it
    page._queue.sleep_when_free = IDLE_SECONDS
    own_the_head()
    fetch_nothing()
    log_in_one_line()
    facts = {
        "maxMegabytes": settings.max_mb,
        "mostMarkBytes": Marks.MOST_BYTES,
        "keepMinutes": round(settings.keep_minutes),
        "batchLimits": {"photos": settings.batch_photos, "mb": settings.batch_mb},
        "videoLimits": {"mb": settings.video_mb, "seconds": settings.video_seconds},
        "offersLive": settings.offers_live,
        "videoFormats": list_video_formats(),
        "notOfClips": NOT_OF_CLIPS,
        "framing": FRAMING,
        "mayManage": settings.may_fetch,
        "mostCompared": MOST_COMPARED,
        "moreModels": MORE,
        "automatic": AUTOMATIC,
        "better": list_preferred()[0],
        "options": list(Options.model_fields),
        "presets": {
            name: Options.of(preset=name).model_dump(mode="json", exclude={"model"}) for name in list_presets()
        },
        **page_facts(settings.model),
        "examples": EXAMPLES,
    }
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        root_path=settings.root_path or None,
        max_file_size=int(settings.max_mb * 1e6),
        ssr_mode=False,
        theme=theme(),
        head=head(facts),
    )
