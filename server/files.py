"""Files that come and go: uploads onto the disk, and files as answers."""

import shutil
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse

from pipeline import ClearcutError, as_clearcut_error

BLOCK = 1 << 18  # bytes of a file that are read at a time


def copy_upload(upload: UploadFile, target: Path) -> None:
    """Write an upload into a file; nothing is left where that fails. Raises ``disk_full``, ``write_failed``."""
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(upload.file, file, BLOCK)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise as_clearcut_error(error, name=target.name) from None


def send_file(file: Path, name: str, *, attachment: bool = False, media_type: str | None = None) -> FileResponse:
    """A file as an answer, or the part of it that is asked for. Raises ``not_found``."""
    if not file.is_file():
        raise ClearcutError("not_found")
    how = "attachment" if attachment else "inline"
    headers = {"Cache-Control": "no-store"}
    return FileResponse(file, media_type=media_type, filename=name, content_disposition_type=how, headers=headers)
