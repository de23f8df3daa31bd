"""Which paths are answered, how large their bodies may be, and how their errors look.

Routes for other programs add rules here: larger bodies, another form of errors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from pipeline import ClearcutError, Marks

from .compat.errors import explain_as_rembg, explain_as_removebg
from .records import note_outcome
from .replies import make_error_response
from .settings import ServerSettings

LARGEST_FILE = 4_000_000_000  # bytes of a weight file that is sent for import
LARGEST_UPLOAD = 64_000_000_000  # bytes of photos that come in one request
MANY = 10  # times the limit of a picture that a request may bring where others can reach the server
CLIP_BEHIND_MB = 200.0  # of a clip for behind a video, which is in memory on its way
MARKS = 4 << 20  # bytes of strokes
SMALL = 1 << 20  # bytes of a request without a picture
FORM_PICTURES = 3  # of one photo: itself, what is behind it, a trimap
FORM_OVERHEAD = 1 << 16  # bytes of a form beside its pictures
FORMS = ("multipart/", "application/x-www-form-urlencoded")


class BodyLimit(NamedTuple):
    """How much the body of a request may be.

    Attributes
    ----------
    size
        Its bytes.
    told
        The limit in MB that a person is told, such as that of a picture in the body; None: that of the body itself.
    """

    size: int
    told: float | None = None

    def refuse(self, size: int) -> ClearcutError:
        """The error for a body of `size` bytes."""
        told = round(self.size / 1e6, 1) if self.told is None else self.told
        return ClearcutError("too_large", megabytes=round(size / 1e6, 1), limit=told)


Limit = Callable[[ServerSettings, Headers], BodyLimit]
ErrorShape = Callable[[ClearcutError, str | None], Response]  # the error, Accept-Language


def count_base64(megabytes: float) -> int:
    """The most bytes that a file of so many MB takes as a text: base64 in lines, with a word of what it is."""
    return int(megabytes * 1e6 * 4 / 3 * 1.04) + 1024


def limit_pictures(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """One picture in a multipart form, `SMALL` for any other body."""
    if headers.get("content-type", "").lower().startswith("multipart/"):
        return BodyLimit(int(settings.max_mb * 1e6) + FORM_OVERHEAD, settings.max_mb)
    return BodyLimit(SMALL)


def limit_form(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """Photo, background, trimap and marks in a form, as files or as text; its reader limits each picture."""
    if not headers.get("content-type", "").lower().startswith(FORMS):
        return BodyLimit(SMALL)
    escaped = 1 if headers["content-type"].lower().startswith("multipart/") else 3  # a sign as %2B
    pictures = FORM_PICTURES * count_base64(settings.max_mb)
    return BodyLimit(escaped * (pictures + Marks.MOST_BYTES) + FORM_OVERHEAD, settings.max_mb)


def limit_event(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """What the page asks for: its settings, and marks."""
    return BodyLimit(Marks.MOST_BYTES + SMALL)


def limit_foreign_picture(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """As `limit_form`, or one picture as base64 in JSON."""
    if headers.get("content-type", "").lower().startswith("application/json"):
        return BodyLimit(count_base64(settings.max_mb) + FORM_OVERHEAD, settings.max_mb)
    return limit_form(settings, headers)


def limit_tool(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """Photo and background as base64 in JSON."""
    return BodyLimit(2 * count_base64(settings.max_mb) + SMALL, settings.max_mb)


def limit_weights(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """One weight file. Raises ``read_only``, before one is sent, where visitors may not."""
    if not settings.may_manage:
        raise ClearcutError("read_only")
    return BodyLimit(LARGEST_FILE)


def limit_batch(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """Many pictures or an archive, as much as a disk takes on one's own machine."""
    if not headers.get("content-type", "").lower().startswith("multipart/"):
        return BodyLimit(SMALL)
    return BodyLimit(int(MANY * settings.max_mb * 1e6) if settings.exposed else LARGEST_UPLOAD)


def limit_video(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """One clip and the picture behind it, as much as a disk takes on one's own machine."""
    if not headers.get("content-type", "").lower().startswith("multipart/"):
        return BodyLimit(SMALL)
    most = settings.most_video_mb
    if most is None:
        return BodyLimit(LARGEST_UPLOAD)
    return BodyLimit(int((most + limit_behind(settings)) * 1e6) + FORM_OVERHEAD, most)


def limit_behind(settings: ServerSettings) -> float:
    """How many MB a clip behind a video may have."""
    return max(settings.max_mb, min(CLIP_BEHIND_MB, settings.most_video_mb or CLIP_BEHIND_MB))


def limit_frame(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """One frame of a camera, small whatever pictures may be."""
    return BodyLimit(SMALL)


def limit_changes(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """Strokes and two pictures, as files or as text, of a batch or of a photo of it."""
    return BodyLimit(2 * count_base64(settings.max_mb) + MARKS + FORM_OVERHEAD, settings.max_mb)


def limit_video_changes(settings: ServerSettings, headers: Headers) -> BodyLimit:
    """Strokes, and what is behind: a picture, or a clip as a file."""
    changes, most = limit_changes(settings, headers), limit_behind(settings)
    return BodyLimit(max(changes.size, int(most * 1e6) + MARKS + FORM_OVERHEAD), most)


@dataclass(frozen=True)
class Rule:
    """What applies to paths that match.

    Attributes
    ----------
    path
        Matched from the start of the path, below the server's root path.
    limit
        How much the body of a request may be.
    explain
        Makes the answer of an error.
    methods
        To which it applies; to all where empty.
    works
        Whether a mere GET makes the server work, and so is none for pages of other sites, and counts for the rate.
    counts
        Whether other methods count for the rate; not where something else bounds them.
    """

    path: re.Pattern[str]
    limit: Limit = limit_pictures
    explain: ErrorShape = make_error_response
    methods: frozenset[str] = frozenset()
    works: bool = False
    counts: bool = True

    def matches(self, method: str, path: str) -> bool:
        """Whether it applies to a request."""
        return bool(self.path.match(path)) and (not self.methods or method in self.methods)


RULES = (
    Rule(re.compile(r"/api/models/[^/]+/file$"), limit_weights, methods=frozenset({"PUT"})),
    Rule(re.compile(r"/api/remove-bg$"), limit_form, methods=frozenset({"POST"})),
    Rule(re.compile(r"/api/remove$"), limit_form, explain_as_rembg, works=True),
    Rule(re.compile(r"/v1\.0/(removebg|account)$"), limit_foreign_picture, explain_as_removebg),
    Rule(re.compile(r"/mcp$"), limit_tool),
    Rule(re.compile(r"/api/batches(/[^/]+/items)?$"), limit_batch, methods=frozenset({"POST"})),
    Rule(re.compile(r"/api/batches/[^/]+(/items/[^/]+)?$"), limit_changes, methods=frozenset({"PATCH"})),
    Rule(re.compile(r"/api/videos$"), limit_video, methods=frozenset({"POST"})),
    Rule(re.compile(r"/api/videos/[^/]+$"), limit_video_changes, methods=frozenset({"PATCH"})),
    Rule(re.compile(r"/api/videos/[^/]+/(preview|frame)$"), works=True),
    Rule(re.compile(r"/api/live/[^/]+/frames$"), limit_frame, counts=False),  # one after another, of few at a time
    Rule(re.compile(r"/api/")),
    Rule(re.compile(r"/($|healthz$|readyz$|metrics$|app/|results/|examples/)")),
    Rule(re.compile(r"/gradio_api/queue/join$"), limit_event),
    Rule(re.compile(r"/gradio_api/file=cutouts/[^/]+/[^/]+$")),
    # of Gradio's routes only those that its page and its client use, not those for files and proxies
    Rule(re.compile(r"/(config|theme\.css$|assets/|static/|svelte/|favicon\.ico$|manifest\.json$)")),
    Rule(
        re.compile(
            r"/gradio_api/(upload$|upload_progress|run/|queue/(data|status)|heartbeat/|info|call/|cancel$|reset|app_id"
            r"|startup-events)"
        )
    ),
)


def find_rule(scope: Scope) -> Rule | None:
    """The first rule that applies to a request; None where no path is answered."""
    path = strip_root_path(scope)
    return next((rule for rule in RULES if rule.matches(scope["method"], path)), None)


def explain_to(scope: Scope, error: ClearcutError) -> Response:
    """The answer for `error` in the form of this path's rule."""
    note_outcome(scope, error.code)
    rule = find_rule(scope)
    explain = rule.explain if rule else make_error_response
    return explain(error, Headers(scope=scope).get("accept-language"))


def strip_root_path(scope: Scope) -> str:
    """The path of a request below the server's root path, without doubled slashes."""
    path: str = re.sub("/+", "/", scope["path"])
    root = scope.get("app_root_path", scope.get("root_path", ""))  # within a mount the latter is the mount's
    return (path.removeprefix(root) or "/") if root else path
