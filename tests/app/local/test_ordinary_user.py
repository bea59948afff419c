"""The same as an ordinary user, with no server on PATH: PostgreSQL and Redis come out of the wheels and live below the user's own home."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.local.place import CHECKOUT

# Everything is imported while root's folders can still be read; then the process becomes the user, for good.
SCRIPT = """
import json, os, sys, secrets, encodings.idna, psycopg, redis, psutil
import app.local.binaries, app.local.home, app.local.program, psycopg.errors, redis.commands
uid, gid, state = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if os.getuid() == 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
os.environ.update(PATH="/nowhere", XDG_STATE_HOME=state, HOME=state)
app.local.binaries.DEBIAN = app.local.binaries.Path("/nowhere")
home = app.local.home.Home()
with home.reached() as env:
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        version = connection.execute("SHOW server_version").fetchone()[0]
    with redis.Redis.from_url(env["REDIS_URL"], decode_responses=True) as client:
        fsync = client.config_get("appendfsync")["appendfsync"]
        program = client.info("server").get("executable", "")
    owners = sorted({p.uids().real for server in (home.postgres, home.redis) for p in app.local.program.servers_in(server.data)})
print(json.dumps({"uid": os.getuid(), "root": str(home.place.root), "version": version, "fsync": fsync, "program": program, "owners": owners,
                  "keys": oct(os.stat(env["FANKA_KEYS_FILE"]).st_mode & 0o777),
                  "left": sum(len(app.local.program.servers_in(server.data)) for server in (home.postgres, home.redis))}))
"""


def reachable_by_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


def test_an_ordinary_user_needs_nothing_but_the_wheels():
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    if os.getuid() == 0 and not reachable_by_all(CHECKOUT):
        pytest.skip("this checkout lies in a folder of root's own, so no other user can read its wheels")
    with tempfile.TemporaryDirectory(prefix="fanka-user-", dir="/tmp") as state:
        os.chown(state, user.pw_uid, user.pw_gid)
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(user.pw_uid), str(user.pw_gid), state],
            cwd=CHECKOUT,
            env={"PATH": "/nowhere", "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr[-3000:]
        found = json.loads(answer.stdout.splitlines()[-1])
    assert found["uid"] == user.pw_uid != 0
    assert found["root"].startswith(f"{state}/fanka/")
    assert int(found["version"].split(".")[0]) >= 18
    assert found["fsync"] == "always"
    assert "valkey" in found["program"]
    assert found["owners"] == [user.pw_uid]
    assert found["keys"] == "0o600"
    assert found["left"] == 0
