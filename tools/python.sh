#!/bin/sh
# Prints the newest Python on PATH that is 3.11 or newer and can make a virtual environment; says what to do when there is none.
set -u
usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}
look() {
    for name in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && usable "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}
look && exit 0
# Debian ships venv apart from Python.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv) </dev/null >&2
    look && exit 0
fi
echo "Fanka needs Python 3.11 or newer with the venv module (on Debian and Ubuntu: apt-get install python3-venv)." >&2
echo "None was found on PATH. Name one with: make PYTHON=/path/to/python3 test" >&2
exit 1
