"""Pictures and options, read from a multipart form."""

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline import ClearcutError, InputFiles, Options

PHOTO, BEHIND = "image", "background_image"
MOST_FILES, MOST_FIELDS = 2, 100


async def read_form(request: Request) -> tuple[InputFiles, Options]:
    """The pictures and options of a request's multipart form.

    Raises
    ------
    ClearcutError
        ``bad_request``, ``no_picture``, ``bad_option``
    """
    try:
        async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS) as form:
            photo, behind = form.get(PHOTO), form.get(BEHIND)
            if not isinstance(photo, UploadFile):
                raise ClearcutError("no_picture")
            data, name = await photo.read(), photo.filename or ""
            picture = await behind.read() if isinstance(behind, UploadFile) else None
            values = {key: value for key, value in form.items() if key not in (PHOTO, BEHIND) and value != ""}
    except (HTTPException, AssertionError):
        raise ClearcutError("bad_request") from None
    options = Options.of(**values, background_image=bool(picture))
    return InputFiles(data, picture or None, name), options
