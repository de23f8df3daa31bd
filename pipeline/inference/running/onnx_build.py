"""Which build of onnxruntime is installed, found without importing it."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def is_plain() -> bool:
    """Whether the installed build is that of the package ``onnxruntime``, which has no provider for GPUs."""
    spec = find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        try:
            text = (Path(folder) / "capi" / "build_and_package_info.py").read_text(encoding="utf-8")
        except OSError:
            continue
        return re.search(r"^package_name\s*=\s*['\"]onnxruntime['\"]", text, re.MULTILINE) is not None
    return False
