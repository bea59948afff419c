#!/bin/sh
# Sees to it that the browser tests find a Chromium and a Chinese font: from PATH, else by apt for root, else by Playwright's own installer.
set -u
cd "$(dirname "$0")/.."
present() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1
}
present && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium with apt"
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk) </dev/null >/dev/null
    present && exit 0
fi
echo "installing chromium with Playwright"
.venv/bin/python -m playwright install chromium </dev/null || echo "no Chromium could be installed; the browser tests will fail and say so" >&2
