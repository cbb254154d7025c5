#!/bin/sh
# venv.sh run|dev: make .venv if it is missing or broken, and install this project into it if that is out of date.
# The stamp holds all that an installation depends on, the folder too: an editable install remembers its path.
set -eu
cd "$(dirname "$0")/.."
extra=${1:?usage: venv.sh run|dev}
venv=.venv
oldest='import sys; sys.exit(sys.version_info < (3, 11))'

say() { echo "$*" >&2; }

# Prints the first interpreter that is new enough and can make a virtual environment.
find_python() {
    without_venv=
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11
    fi
    for python in "$@"; do
        "$python" -c "$oldest" >/dev/null 2>&1 || continue
        if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "$python"
            return
        fi
        without_venv=${without_venv:-$python}
    done
    if [ -n "$without_venv" ]; then
        say "$without_venv cannot make a virtual environment: apt-get install python3-venv"
    else
        say "Python 3.11 or newer is needed and was not found: apt-get install python3 python3-venv, or PYTHON=/path/to/python3"
    fi
    exit 1
}

if ! { "$venv/bin/python" -c "$oldest" && "$venv/bin/python" -m pip --version; } >/dev/null 2>&1; then
    python=$(find_python)
    say "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

stamp="$venv/.installed-$extra"
wanted=$(pwd && cksum pyproject.toml && "$venv/bin/python" --version)
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

case $extra in
    run) what=. ;;
    *) what=".[$extra]" ;;
esac
say "Installing into $venv (once)"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --editable "$what"
echo "$wanted" >"$stamp"
