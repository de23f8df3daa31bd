"""The page's markup, and every word of it in every language, as its own script wants them."""

import json
from typing import Any

import gradio as gr

from pipeline import LANGUAGES, __version__, load_words

from . import ASSETS

SPOKEN = ("page.", "model.", "use.", "why.", "warning.", "error.", "preset.")
SCRIPTS = ("app", "models", "comparison", "settings", "views")


def html(fragment: str, **values: str) -> gr.HTML:
    """A piece of markup from ``assets/html``, with ``{values}`` in their places.

    Its words are filled in by the script, from ``data-say`` attributes.
    """
    text = (ASSETS / "html" / f"{fragment}.html").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    elem_id = "-".join([fragment.replace("_", "-"), *values.values(), "part"])
    return gr.HTML(text, elem_id=elem_id, apply_default_css=False, padding=False)


def head(facts: dict[str, Any]) -> str:
    """What stands in the head of the page: the words, `facts` for the script, the script, the icon."""
    words = {
        language: {key: text for key, text in load_words(language).items() if key.startswith(SPOKEN)}
        for language in LANGUAGES
    }
    data = json.dumps({"words": words, "version": __version__, **facts}, ensure_ascii=False)
    safe = data.replace("<", "\\u003c")
    addresses = json.dumps([f"app/{name}.js?{__version__}" for name in SCRIPTS])
    return (
        f"<script>window.CLEARCUT = {safe};"
        # Gradio puts the head in by a script of its own: scripts put in so run as they arrive, unless told otherwise
        f"window.clearcutThere = Promise.all({addresses}.map((src) => new Promise((onload) => "
        'document.head.append(Object.assign(document.createElement("script"), { src, async: false, onload })))));'
        "</script>"
        # not Gradio's css=: that prefixes every selector, and the states stand on <html>
        f'<link rel="stylesheet" href="app/app.css?{__version__}">'
        '<link rel="icon" type="image/svg+xml" href="app/icon.svg">'
        '<meta name="color-scheme" content="light dark">'
    )
