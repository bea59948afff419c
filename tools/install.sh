#!/bin/sh
# Brings .venv up to one lock: tools/install.sh run|dev. A second call with the same lock does nothing.
set -eu
kind=$1
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.installed
wanted="$kind $(cat requirements/"$kind".lock pyproject.toml | cksum)"
if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(sh tools/python.sh)
    echo "making $venv with $python"
    "$python" -m venv --clear "$venv"
fi
echo "installing requirements/$kind.lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "requirements/$kind.lock" </dev/null
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable . </dev/null
# What dev installs contains what run installs.
echo "$wanted" >"$stamp"
if [ "$kind" = dev ]; then
    echo "run $(cat requirements/run.lock pyproject.toml | cksum)" >>"$stamp"
fi
