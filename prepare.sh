# Sourced by clearcut, webui.sh and test.sh: a virtual environment in .venv with the packages of a requirements file.

# prepare DIR FILE: make DIR/.venv if there is none, and install DIR/FILE when it has changed since the last time.
# Nothing goes to standard output, which may be a picture. What is ready costs no process: the shell alone looks.
prepare() {
    is_ready "$1" "$2" || make_ready "$1" "$2"
}

# The packages of FILE are installed, for a Python that is still the one that made the environment.
is_ready() {
    local line python= home=
    [ -f "$1/.venv/$2.installed" ] && [ -r "$1/.venv/pyvenv.cfg" ] || return
    [ "$(<"$1/.venv/$2.installed")" = "$(<"$1/requirements.txt")"$'\n'"$(<"$1/$2")" ] || return
    while read -r line; do
        case $line in
            "executable = "*) python=${line#executable = } ;;
            "home = "*) home=${line#home = } ;;
        esac
    done <"$1/.venv/pyvenv.cfg"
    [ -x "$1/.venv/bin/python" ] || return
    # some tools that make environments write down only where Python was
    if [ -n "$python" ]; then [ "$1/.venv/bin/python" -ef "$python" ]; else [ -n "$home" ] && [ -d "$home" ]; fi
}

# In a process of its own, one at a time. It looks again at what the shell could not judge, and at what another has done
# meanwhile. Standard input may be a picture too.
make_ready() (
    cd "$1"
    exec >&2
    [ -t 0 ] || exec </dev/null
    if command -v flock >/dev/null; then
        exec 9<prepare.sh
        flock 9
    fi
    make_environment
    install_packages "$2"
)

make_environment() {
    local python
    .venv/bin/python -c 'import pip' 2>/dev/null && return
    if [ -e .venv ] && [ ! -e .venv/clearcut ] && ! compgen -G '.venv/*.installed' >/dev/null; then
        echo "The folder .venv here was made by something else and has no pip: move it away, or install pip in it, and start again."
        exit 2
    fi
    rm -rf .venv # none, half made, or of a Python that is gone
    python=$(find_python)
    if [ ! -w . ]; then
        echo "Clearcut cannot write to its own folder: make it writable once, so that what it needs can be installed there."
        exit 2
    fi
    mkdir .venv && : >.venv/clearcut # that it was made here, and may be made anew
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        echo "Python cannot make virtual environments here: install its venv module (on Debian and Ubuntu: apt install python3-venv)."
        exit 2
    fi
}

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

install_packages() {
    local stamp=".venv/$1.installed" wanted
    wanted=$(<requirements.txt)$'\n'$(<"$1")
    if [ -f "$stamp" ] && [ "$wanted" = "$(<"$stamp")" ]; then
        return
    fi
    echo "Installing what Clearcut needs ($1) …"
    rm -f "$stamp" # whatever interrupts this, it is done again
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$1"; then
        echo "The packages could not be installed: check the network, or pip's index and proxy settings, and start again."
        exit 3
    fi
    printf '%s\n' "$wanted" >"$stamp"
}
