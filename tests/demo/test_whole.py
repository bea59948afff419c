"""The whole demo as a process of its own: every server, every process, one short day, and a last line that a program can read."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.local.place import CHECKOUT


@pytest.fixture
def run():
    """Run the demo in a state folder of its own, so that one that somebody looks at is not disturbed."""
    state = Path(tempfile.gettempdir()) / f"fanka-demo-{os.getpid()}"

    def start(*arguments, **more):
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "FANKA_STATE_DIR": str(state), **more}
        command = [sys.executable, "-m", "app.cli", "demo", "--once", "--people", "60", "--seconds", "4", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=240, check=False)

    yield start
    subprocess.run(["rm", "-rf", str(state)], check=True)


@pytest.mark.timeout(300)
def test_a_short_day_ends_clean_and_says_so(run):
    done = run()
    *lines, last = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(last)
    assert (figures["ok"], figures["lost"], figures["doubled"], figures["people"]) == (True, 0, 0, 60)
    assert sum(part["truth"] for part in figures["messages"].values()) > 10
    assert {"orders", "points", "coupons", "tiers", "settlement"} <= set(figures)
    assert figures["members"] == 9
    assert 5 <= figures["phones"] <= 9
    assert figures["points"]["pending"]["truth"] > 100
    assert any("真相 truth" in line for line in lines)
    assert any("nothing is lost" in line for line in lines)


@pytest.mark.timeout(300)
def test_mutations_from_the_environment_turn_it_red_each_in_its_own_rows(run):
    done = run(FANKA_DEMO_MUTATE="drop-fact,double-send,double-points")
    assert done.returncode == 1, done.stdout + done.stderr
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    for part, wrong in (("facts_by_kind", "lost"), ("messages", "doubled"), ("points", "doubled")):
        assert sum(row[wrong] for row in figures[part].values()) > 0, part


def test_a_mutation_nobody_knows_is_refused(run):
    done = run(FANKA_DEMO_MUTATE="drop-fact,explode")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
