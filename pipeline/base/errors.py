"""Errors as codes with facts. The sentence for each code stands in the locale files, as ``error.<code>``."""

import errno
from typing import Any, Literal, NamedTuple


class Answer(NamedTuple):
    """How an error is answered: by which HTTP status, and with which exit code of the command line."""

    status: int
    exit_code: int


USER, FETCH, UNEXPECTED = 2, 3, 1  # exit codes
FULL = (errno.ENOSPC, errno.EDQUOT)  # no room left on the disk, or none left for this user

Code = Literal[
    "no_picture",
    "no_video",
    "empty_file",
    "not_a_picture",
    "camera_raw",
    "unsupported_format",
    "broken_picture",
    "too_many_pixels",
    "too_many_frames",
    "too_large",
    "not_a_video",
    "broken_video",
    "video_too_long",
    "video_stuck",
    "bad_option",
    "frame_too_large",
    "no_background",
    "bad_marks",
    "bad_trimap",
    "bad_setting",
    "unknown_option",
    "bad_request",
    "one_at_a_time",
    "too_many_parts",
    "unknown_model",
    "needs_package",
    "took_too_long",
    "worker_died",
    "not_found",
    "unknown_kind",
    "bad_name",
    "bad_size",
    "broken_catalog",
    "import_only",
    "not_removable",
    "read_only",
    "not_allowed",
    "model_missing",
    "offline",
    "fetch_failed",
    "wrong_checksum",
    "broken_weights",
    "trial_unreadable",
    "trial_external",
    "trial_failed",
    "trial_range",
    "trial_implausible",
    "trial_limits",
    "not_optimisable",
    "optimise_failed",
    "file_missing",
    "folder_empty",
    "pattern_empty",
    "unknown_extension",
    "format_clash",
    "file_unreadable",
    "output_exists",
    "output_clash",
    "broken_archive",
    "archive_locked",
    "archive_bomb",
    "unsafe_name",
    "link_not_followed",
    "bad_list",
    "file_changed",
    "no_inputs",
    "only_on_disk",
    "needs_journal",
    "no_cluster",
    "too_many_photos",
    "batch_too_large",
    "archive_too_large",
    "batch_running",
    "video_running",
    "batch_exists",
    "batch_changed",
    "disk_full",
    "write_failed",
    "busy",
    "too_many_requests",
    "stopping",
    "not_ready",
    "cancelled",
    "out_of_memory",
    "low_memory",
    "port_in_use",
    "bad_address",
    "needs_protection",
    "live_off",
    "url_off",
    "url_refused",
    "url_failed",
    "nothing_found",
    "unauthorized",
    "foreign_origin",
    "unknown_host",
    "expired",
    "self_test",
    "unexpected",
]

ANSWERS: dict[Code, Answer] = {
    # the picture
    "no_picture": Answer(422, USER),
    "no_video": Answer(422, USER),
    "empty_file": Answer(422, USER),
    "not_a_picture": Answer(415, USER),
    "camera_raw": Answer(415, USER),
    "unsupported_format": Answer(415, USER),
    "broken_picture": Answer(422, USER),
    "too_many_pixels": Answer(413, USER),
    "too_many_frames": Answer(413, USER),
    "too_large": Answer(413, USER),
    "not_a_video": Answer(415, USER),
    "broken_video": Answer(422, USER),
    "video_too_long": Answer(413, USER),
    "video_stuck": Answer(503, UNEXPECTED),
    # what was asked for
    "bad_option": Answer(422, USER),
    "frame_too_large": Answer(422, USER),
    "no_background": Answer(422, USER),
    "bad_marks": Answer(422, USER),
    "bad_trimap": Answer(422, USER),
    "bad_setting": Answer(500, USER),
    "unknown_option": Answer(422, USER),
    "bad_request": Answer(400, USER),
    "one_at_a_time": Answer(422, USER),
    "too_many_parts": Answer(413, USER),
    "unknown_model": Answer(422, USER),
    "needs_package": Answer(501, USER),
    "took_too_long": Answer(503, UNEXPECTED),
    "worker_died": Answer(503, UNEXPECTED),
    "not_found": Answer(404, USER),
    # models and their weights
    "unknown_kind": Answer(422, USER),
    "bad_name": Answer(422, USER),
    "bad_size": Answer(422, USER),
    "broken_catalog": Answer(500, USER),
    "import_only": Answer(409, FETCH),
    "not_removable": Answer(409, USER),
    "read_only": Answer(403, USER),
    "not_allowed": Answer(403, USER),
    "model_missing": Answer(409, FETCH),
    "offline": Answer(409, FETCH),
    "fetch_failed": Answer(502, FETCH),
    "wrong_checksum": Answer(409, FETCH),
    "broken_weights": Answer(500, FETCH),
    "trial_unreadable": Answer(422, USER),
    "trial_external": Answer(422, USER),
    "trial_failed": Answer(422, USER),
    "trial_range": Answer(422, USER),
    "trial_implausible": Answer(422, USER),
    "trial_limits": Answer(422, USER),
    "not_optimisable": Answer(422, USER),
    "optimise_failed": Answer(500, UNEXPECTED),
    # files
    "file_missing": Answer(404, USER),
    "folder_empty": Answer(404, USER),
    "pattern_empty": Answer(404, USER),
    "unknown_extension": Answer(422, USER),
    "format_clash": Answer(422, USER),
    "file_unreadable": Answer(422, USER),
    "output_exists": Answer(409, USER),
    "output_clash": Answer(409, USER),
    "broken_archive": Answer(422, USER),
    "archive_locked": Answer(422, USER),
    "archive_bomb": Answer(413, USER),
    "unsafe_name": Answer(422, USER),
    "link_not_followed": Answer(422, USER),
    "bad_list": Answer(422, USER),
    "file_changed": Answer(409, UNEXPECTED),
    "no_inputs": Answer(422, USER),
    "only_on_disk": Answer(422, USER),
    "needs_journal": Answer(422, USER),
    "no_cluster": Answer(502, FETCH),
    "too_many_photos": Answer(413, USER),
    "batch_too_large": Answer(413, USER),
    "archive_too_large": Answer(413, USER),
    "batch_running": Answer(409, USER),
    "video_running": Answer(409, USER),
    "batch_exists": Answer(409, USER),
    "batch_changed": Answer(409, USER),
    "disk_full": Answer(507, UNEXPECTED),
    "write_failed": Answer(500, UNEXPECTED),
    # the machine and its doors
    "busy": Answer(429, UNEXPECTED),
    "too_many_requests": Answer(429, UNEXPECTED),
    "stopping": Answer(503, UNEXPECTED),
    "not_ready": Answer(503, UNEXPECTED),
    "cancelled": Answer(499, UNEXPECTED),
    "out_of_memory": Answer(507, UNEXPECTED),
    "low_memory": Answer(503, UNEXPECTED),
    "port_in_use": Answer(500, USER),
    "bad_address": Answer(500, USER),
    "needs_protection": Answer(500, USER),
    "live_off": Answer(403, USER),
    "url_off": Answer(403, USER),
    "url_refused": Answer(422, USER),
    "url_failed": Answer(422, USER),
    "nothing_found": Answer(422, USER),
    "unauthorized": Answer(401, USER),
    "foreign_origin": Answer(403, USER),
    "unknown_host": Answer(421, USER),
    "expired": Answer(410, USER),
    "self_test": Answer(500, UNEXPECTED),
    "unexpected": Answer(500, UNEXPECTED),
}


class ClearcutError(Exception):
    """An error that a person is told about; `explain` makes the sentence.

    It can be pickled, so that worker processes can raise it.

    Parameters
    ----------
    code
        One of `Code`.
    facts
        JSON values for the places in the sentence, such as ``{limit}``. Never a path of the server: facts are sent to
        whoever made the request.

    Examples
    --------
    >>> error = ClearcutError("busy", waiting=3, retry_after=8)
    >>> error.status, error.exit_code, error.facts["waiting"]
    (429, 1, 3)
    """

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    @property
    def status(self) -> int:
        """The HTTP status; that of ``unexpected`` for a code that is not in `ANSWERS`."""
        return ANSWERS.get(self.code, ANSWERS["unexpected"]).status

    @property
    def exit_code(self) -> int:
        """The exit code of the command line."""
        return ANSWERS.get(self.code, ANSWERS["unexpected"]).exit_code

    def about(self, part: str) -> "ClearcutError":
        """The same error, with the fact that it is about this `part` of what was given.

        >>> ClearcutError("empty_file", name="beach.jpg").about("background").facts
        {'name': 'beach.jpg', 'part': 'background'}
        """
        return ClearcutError(self.code, **self.facts | {"part": part})

    def __str__(self) -> str:
        return f"{self.code} {self.facts}" if self.facts else self.code

    def __reduce__(self) -> tuple[Any, ...]:  # BaseException's own cannot pass keyword arguments
        return _rebuild_error, (self.code, self.facts)


def _rebuild_error(code: Code, facts: dict[str, Any]) -> ClearcutError:
    return ClearcutError(code, **facts)


def as_clearcut_error(error: BaseException, **facts: Any) -> ClearcutError:
    """Any exception as a `ClearcutError`.

    A `ClearcutError` is returned itself, a full disk becomes ``disk_full`` with `facts`, `MemoryError` becomes
    ``out_of_memory``, all others ``unexpected``.

    >>> as_clearcut_error(ValueError("wrong")).code
    'unexpected'
    """
    if isinstance(error, ClearcutError):
        return error
    if isinstance(error, OSError) and error.errno in FULL:
        return ClearcutError("disk_full", **facts)
    if isinstance(error, MemoryError):
        return ClearcutError("out_of_memory")
    return ClearcutError("unexpected", kind=type(error).__name__)


def as_write_error(error: OSError, name: str) -> ClearcutError:
    """The error of a file called `name` that could not be written: ``disk_full`` or ``write_failed``."""
    return ClearcutError("disk_full" if error.errno in FULL else "write_failed", name=name)
