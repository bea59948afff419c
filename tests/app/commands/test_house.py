"""Which house a command works in: the one the environment names, or the embedded one of its checkout."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.local.place import CHECKOUT


@pytest.fixture
def alone():
    """A command in a checkout's state folder of its own, told of no server."""
    # Under /var or /tmp itself: root's servers run as another user, who may not enter pytest's folder.
    state = Path(tempfile.gettempdir()) / f"fanka-test-{os.getpid()}"

    def run(*arguments, **more):
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "FANKA_STATE_DIR": str(state), **more}
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments], cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False
        )

    yield run
    subprocess.run(["rm", "-rf", str(state)], check=True)


def test_without_settings_the_embedded_house_serves_and_is_kept(alone):
    migrated = alone("migrate")
    assert migrated.returncode == 0, migrated.stderr
    secrets = {"WECHAT_SECRET": "s", "WECHAT_TOKEN": "token1"}
    added = alone("account", "add", "wxabc123", "--name", "粉卡", "--mode", "plain", **secrets)
    assert added.returncode == 0, added.stderr
    assert "wxabc123" in alone("account", "list").stdout


def test_half_a_setting_is_refused(alone):
    said = alone("account", "list", DATABASE_URL="postgresql://fanka@127.0.0.1:9/fanka")
    assert (said.returncode, said.stderr.strip()) == (2, "REDIS_URL is not set")
