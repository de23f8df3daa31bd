#!/usr/bin/env bash
# Run the whole test suite. The first run prepares everything: packages, Chromium, a font with Chinese, pngcheck, ffprobe.
# Pictures and weights that are not in the repository come from CLEARCUT_TEST_DATA and CLEARCUT_TEST_MODELS, where set.
set -euo pipefail
cd "$(dirname "$0")"
. ./prepare.sh
prepare . requirements-dev.txt
.venv/bin/python -c 'from importlib.metadata import version; version("pysodmetrics")' 2>/dev/null ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-metrics.txt

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
[ -n "$(fc-list :lang=zh 2>/dev/null | head -n 1)" ] || missing+=(fontconfig fonts-noto-cjk)
command -v pngcheck >/dev/null || missing+=(pngcheck)
command -v ffprobe >/dev/null || missing+=(ffmpeg)
if [ ${#missing[@]} -gt 0 ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        echo "Installing ${missing[*]} …"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
    else
        echo "Some tests need: ${missing[*]}. Install them, for example: sudo apt-get install ${missing[*]}" >&2
    fi
fi

.venv/bin/ruff check --quiet .
.venv/bin/ruff format --check --quiet .
export PYTHONDONTWRITEBYTECODE=  # the many processes of the tests would each compile all modules
.venv/bin/mypy --no-error-summary &  # it takes one core only
types=$!
.venv/bin/python -m pytest "$@" && tests=0 || tests=$?
wait "$types" || { echo "mypy found faults, see above" >&2; exit 1; }
exit "$tests"
