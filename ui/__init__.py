"""What a person sees: the Gradio Blocks page, one file a tab. Imports the pipeline, never the server."""

from pathlib import Path

ASSETS: Path = Path(__file__).parent.parent / "assets"
PUBLIC: Path = ASSETS / "public"

from .page import build_page, example_photos, mount_page  # noqa: E402
from .results import Results  # noqa: E402
from .settings import PageSettings  # noqa: E402
from .words import scripts_address  # noqa: E402

__all__ = ["PUBLIC", "PageSettings", "Results", "build_page", "example_photos", "mount_page", "scripts_address"]
