"""What the page says of itself to a tab, a bookmark and whoever is sent its address: title, description, picture.

Gradio's own page names Gradio there, and pictures on other hosts.
"""

import re
from collections.abc import Callable
from html import escape

from jinja2 import BaseLoader, Environment

from pipeline import LANGUAGES, say

PICTURE = "app/preview.jpg"
THEIRS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')  # values in braces hold no angle brackets


def _tags(language: str) -> str:
    title, about = (escape(say(key, language)) for key in ("page.title", "page.description"))
    picture = "{{ config.get('root', '') }}/" + PICTURE
    return (
        f"<title>{title}</title>"
        f'<meta name="description" content="{about}">'
        '<meta property="og:site_name" content="Clearcut"><meta property="og:type" content="website">'
        f'<meta property="og:title" content="{title}"><meta property="og:description" content="{about}">'
        f'<meta property="og:image" content="{picture}">'
        '<meta property="og:image:width" content="1200"><meta property="og:image:height" content="630">'
        '<meta name="twitter:card" content="summary_large_image">'
    )


def speak_for_itself(template: str) -> str:
    """Gradio's `template` of the page with our words in its head, in the language that the browser asks for first."""
    first = "request.headers.get('accept-language', '').lower()"
    tags = _tags("en")
    for language in LANGUAGES:
        if language != "en":
            short = language.split("-")[0]
            tags = f"{{% if {first}.startswith('{short}') %}}{_tags(language)}{{% else %}}{tags}{{% endif %}}"
    return THEIRS.sub("", template).replace('<meta charset="utf-8" />', f'<meta charset="utf-8" />{tags}', 1)


class OwnHead(BaseLoader):
    """Gradio's templates, each as `speak_for_itself` has it."""

    def __init__(self, theirs: BaseLoader) -> None:
        self._theirs = theirs

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As `BaseLoader` says."""
        source, file, is_new = self._theirs.get_source(environment, template)
        return speak_for_itself(source), file, is_new
