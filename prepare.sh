# Sourced by webui.sh and test.sh: a virtual environment in .venv with the packages of a requirements file.

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Clearcut needs Python 3.11 or newer: install it from https://www.python.org/downloads/ or with your system's package manager." >&2
    exit 2
}

# prepare FILE: make .venv if there is none, and install FILE when it has changed since the last time.
prepare() {
    local python stamp wanted
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then # none, half made, or of a Python that is gone
        rm -rf .venv
        python=$(find_python)
        if ! "$python" -m venv .venv 2>/dev/null; then
            rm -rf .venv
            echo "Python cannot make virtual environments here: install its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2
            exit 2
        fi
    fi
    stamp=".venv/$1.installed"
    wanted=$(cat requirements.txt "$1")
    if [ ! -f "$stamp" ] || [ "$wanted" != "$(cat "$stamp")" ]; then
        echo "Installing what Clearcut needs ($1) …"
        if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$1"; then
            echo "The packages could not be installed: check the network, or pip's index and proxy settings, and start again." >&2
            exit 3
        fi
        printf '%s\n' "$wanted" >"$stamp"
    fi
}
