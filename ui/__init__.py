"""What a person sees: the Gradio Blocks page, one file a tab. Imports the pipeline, never the server."""

from pathlib import Path

ASSETS: Path = Path(__file__).parent.parent / "assets"
PUBLIC: Path = ASSETS / "public"

from .bridge import MADE  # noqa: E402
from .client import ClientWork  # noqa: E402
from .examples import read_example  # noqa: E402
from .page import build_page, mount_page  # noqa: E402
from .photo_work import PhotoWork  # noqa: E402
from .results import Results  # noqa: E402
from .settings import PageSettings  # noqa: E402
from .uploads import HiddenFolder  # noqa: E402
from .words import scripts_address  # noqa: E402

__all__ = [
    "MADE",
    "PUBLIC",
    "ClientWork",
    "HiddenFolder",
    "PageSettings",
    "PhotoWork",
    "Results",
    "build_page",
    "mount_page",
    "read_example",
    "scripts_address",
]
