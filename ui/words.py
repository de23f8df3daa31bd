"""The page's markup, and every word of it in every language, as its own script wants them."""

import hashlib
import json
from functools import cache
from typing import Any

import gradio as gr

from pipeline import LANGUAGES, __version__, load_words

from . import ASSETS, PUBLIC

SPOKEN = ("page.", "model.", "use.", "why.", "warning.", "error.", "preset.")


def html(fragment: str, **values: str) -> gr.HTML:
    """A piece of markup from ``assets/html``, with ``{values}`` in their places.

    Its words are filled in by the script, from ``data-say`` attributes.
    """
    text = (ASSETS / "html" / f"{fragment}.html").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    elem_id = "-".join([fragment.replace("_", "-"), *values.values(), "part"])
    return gr.HTML(text, elem_id=elem_id, apply_default_css=False, padding=False)


@cache
def public_version() -> str:
    """A mark of the files in ``assets/public``: where one of them has changed, no browser may show what it kept."""
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted(PUBLIC.rglob("*.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def scripts_address() -> str:
    """Where the page's scripts are served, relative to the page.

    The version is a part of the path, not a query: so it reaches the modules that a module imports by relative names.
    """
    return f"app/js/{public_version()}"


def _is_spoken(key: str) -> bool:
    """Whether the page's script may have to say it; errors name units."""
    return key.startswith(SPOKEN) or key.endswith(".unit")


def head(facts: dict[str, Any]) -> str:
    """What stands in the head of the page: the words, `facts` for the script, the script, the icon."""
    words = {
        language: {key: text for key, text in load_words(language).items() if _is_spoken(key)} for language in LANGUAGES
    }
    data = json.dumps({"words": words, "version": __version__, **facts}, ensure_ascii=False)
    safe = data.replace("<", "\\u003c")
    scripts = scripts_address()
    # All at once, rather than each when another that imports it has come.
    early = "".join(
        f'<link rel="modulepreload" href="{scripts}/{file.name}">' for file in sorted((PUBLIC / "js").glob("*.js"))
    )
    # Not Gradio's css=: that prefixes every selector, and the states stand on <html>.
    styles = "".join(
        f'<link rel="stylesheet" href="app/{file.name}?{public_version()}">' for file in sorted(PUBLIC.glob("*.css"))
    )
    return (
        f"<script>window.CLEARCUT = {safe};"
        # Gradio's own events may come first: they wait until the script is there, see bridge.py
        "window.clearcutThere = new Promise((connected) => { window.CLEARCUT.connected = connected; });</script>"
        f'{early}<script type="module" src="{scripts}/main.js"></script>{styles}'
        '<link rel="icon" type="image/svg+xml" href="app/icon.svg">'
        '<meta name="color-scheme" content="light dark">'
    )
