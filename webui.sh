#!/usr/bin/env bash
# Serve Clearcut at http://localhost:7860. The first start prepares everything; later ones skip what is done.
set -euo pipefail
cd "$(dirname "$0")"
. ./prepare.sh
prepare . requirements.txt
exec .venv/bin/python webui.py "$@"
