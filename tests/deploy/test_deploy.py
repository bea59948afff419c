"""The files for many machines run the same processes with the same commands as `fanka up` does."""

import re
import shlex

import pytest
import yaml

from app.core.settings import read_settings
from app.local.place import CHECKOUT
from app.local.programs import house_programs

DEPLOY = CHECKOUT / "deploy"


def skeleton(argv: list[str]) -> list[str]:
    """A command without its interpreter and without what differs between machines."""
    kept, words = [], iter(argv[1:])
    for word in words:
        if word in {"--host", "--port", "--workers", "--blocking-threads", "--log-level", "--workers-kill-timeout", "--number"}:
            next(words)
        else:
            kept.append(word)
    return kept


@pytest.fixture
def commands(environment) -> dict[str, list[str]]:
    return {program.name: skeleton(list(program.argv)) for program in house_programs(read_settings(environment), {})}


def test_the_procfile_runs_the_house(commands):
    lines = dict(line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines())
    assert lines.pop("release") == "python -m app.cli migrate"
    assert {name: skeleton(shlex.split(command)) for name, command in lines.items()} == commands


def test_the_units_run_the_house(commands):
    found = {}
    for path in (DEPLOY / "systemd").glob("*.service"):
        text = path.read_text()
        name = path.stem.removeprefix("fanka-").removesuffix("@")
        found[name] = skeleton(shlex.split(re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1]))
        assert "Restart=always" in text
        assert int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1]) >= 20
    assert found == commands
    wanted = re.search(r"^Wants=(.*)$", (DEPLOY / "systemd" / "fanka.target").read_text(), re.MULTILINE)[1].split()
    assert {unit.removeprefix("fanka-").removesuffix(".service").removesuffix("@1") for unit in wanted} == set(commands)


def test_the_containers_run_the_house(commands):
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {name: skeleton(services[name]["command"]) for name in commands} == commands
    assert set(services) == set(commands) | {"postgres", "redis", "migrate"}
    redis = services["redis"]["command"]
    assert redis[redis.index("--appendfsync") + 1] == "always"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_example_of_settings_is_read(tmp_path):
    lines = [line for line in (DEPLOY / "env.example").read_text().splitlines() if not line.startswith("#")]
    assert read_settings(dict(line.split("=", 1) for line in lines)).public_url == "https://wechat.example.com"
