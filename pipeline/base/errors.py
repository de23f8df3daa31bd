"""What can go wrong: a code and its facts. The sentence for the person stands in the locale files, under the code."""

import errno
from typing import Any, Literal, NamedTuple


class Kind(NamedTuple):
    """How the faces answer an error: over HTTP, and to a shell."""

    status: int
    exit_code: int


USER, FETCH, UNEXPECTED = 2, 3, 1  # exit codes
FULL = (errno.ENOSPC, errno.EDQUOT)  # no room left on the disk, or none left for this user

Code = Literal[
    "no_picture",
    "empty_file",
    "not_a_picture",
    "broken_picture",
    "too_many_pixels",
    "too_large",
    "bad_option",
    "no_background",
    "bad_setting",
    "bad_request",
    "unknown_model",
    "needs_package",
    "took_too_long",
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
    "file_unreadable",
    "output_exists",
    "output_clash",
    "disk_full",
    "write_failed",
    "busy",
    "cancelled",
    "out_of_memory",
    "port_in_use",
    "bad_address",
    "needs_protection",
    "unauthorized",
    "foreign_origin",
    "unknown_host",
    "expired",
    "self_test",
    "unexpected",
]

KINDS: dict[Code, Kind] = {
    # the picture
    "no_picture": Kind(422, USER),
    "empty_file": Kind(422, USER),
    "not_a_picture": Kind(415, USER),
    "broken_picture": Kind(422, USER),
    "too_many_pixels": Kind(413, USER),
    "too_large": Kind(413, USER),
    # what was asked for
    "bad_option": Kind(422, USER),
    "no_background": Kind(422, USER),
    "bad_setting": Kind(500, USER),
    "bad_request": Kind(400, USER),
    "unknown_model": Kind(422, USER),
    "needs_package": Kind(501, USER),
    "took_too_long": Kind(503, UNEXPECTED),
    "not_found": Kind(404, USER),
    # models and their weights
    "unknown_kind": Kind(422, USER),
    "bad_name": Kind(422, USER),
    "bad_size": Kind(422, USER),
    "broken_catalog": Kind(500, USER),
    "import_only": Kind(409, FETCH),
    "not_removable": Kind(409, USER),
    "read_only": Kind(403, USER),
    "not_allowed": Kind(403, USER),
    "model_missing": Kind(409, FETCH),
    "offline": Kind(409, FETCH),
    "fetch_failed": Kind(502, FETCH),
    "wrong_checksum": Kind(500, FETCH),
    "broken_weights": Kind(500, FETCH),
    "trial_unreadable": Kind(422, USER),
    "trial_external": Kind(422, USER),
    "trial_failed": Kind(422, USER),
    "trial_range": Kind(422, USER),
    "trial_implausible": Kind(422, USER),
    "trial_limits": Kind(422, USER),
    "not_optimisable": Kind(422, USER),
    "optimise_failed": Kind(500, UNEXPECTED),
    # files
    "file_missing": Kind(404, USER),
    "folder_empty": Kind(404, USER),
    "file_unreadable": Kind(422, USER),
    "output_exists": Kind(409, USER),
    "output_clash": Kind(409, USER),
    "disk_full": Kind(507, UNEXPECTED),
    "write_failed": Kind(500, UNEXPECTED),
    # the machine and its doors
    "busy": Kind(429, UNEXPECTED),
    "cancelled": Kind(499, UNEXPECTED),
    "out_of_memory": Kind(507, UNEXPECTED),
    "port_in_use": Kind(500, USER),
    "bad_address": Kind(500, USER),
    "needs_protection": Kind(500, USER),
    "unauthorized": Kind(401, USER),
    "foreign_origin": Kind(403, USER),
    "unknown_host": Kind(421, USER),
    "expired": Kind(410, USER),
    "self_test": Kind(500, UNEXPECTED),
    "unexpected": Kind(500, UNEXPECTED),
}


class ClearcutError(Exception):
    """Something that a person should be told, as a code of `KINDS` and the facts that its sentence names.

    Facts are JSON values. They never hold a path of the server: they travel to whoever asked. The error survives
    pickling, so that worker processes can raise it.

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
        """How HTTP answers it; an unknown code, say of a newer worker process, is answered as ``unexpected``."""
        return KINDS.get(self.code, KINDS["unexpected"]).status

    @property
    def exit_code(self) -> int:
        """How the command line ends with it."""
        return KINDS.get(self.code, KINDS["unexpected"]).exit_code

    def __str__(self) -> str:
        return f"{self.code} {self.facts}" if self.facts else self.code

    def __reduce__(self) -> tuple[Any, ...]:  # BaseException's own would call the class with the facts as an argument
        return _rebuild_error, (self.code, self.facts)


def _rebuild_error(code: Code, facts: dict[str, Any]) -> ClearcutError:
    return ClearcutError(code, **facts)


def as_clearcut_error(error: BaseException, **facts: Any) -> ClearcutError:
    """Any exception as a `ClearcutError`: itself, a full disk, too little memory, or ``unexpected``."""
    if isinstance(error, ClearcutError):
        return error
    if isinstance(error, OSError) and error.errno in FULL:
        return ClearcutError("disk_full", **facts)
    if isinstance(error, MemoryError):
        return ClearcutError("out_of_memory")
    return ClearcutError("unexpected", kind=type(error).__name__)


def write_error(error: OSError, name: str) -> ClearcutError:
    """Why the file called `name` could not be written: ``disk_full`` or ``write_failed``."""
    return ClearcutError("disk_full" if error.errno in FULL else "write_failed", name=name)
