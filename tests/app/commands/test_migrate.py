"""The schema from a terminal: brought up to date once, checked, and waited for by a second process."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect

from app.commands.migrate import migrate_to, newest
from tests.app.commands.conftest import run_cli


@pytest.fixture
def empty(servers, house):
    with servers.empty_database("cli") as given:
        url = given.replace("postgresql://", "postgresql+psycopg://", 1)
        house.settings = replace(house.settings, database_url=url)
        yield url


def test_an_empty_database_is_brought_up_to_date_once(empty, doc, fanka):
    unready = fanka("migrate", "--check")
    assert unready.code == 1
    assert "fanka migrate" in unready.err
    assert doc("migrate") == {"before": None, "revision": newest(), "newest": newest()}
    assert doc("migrate")["before"] == newest()
    assert doc("migrate", "--check")["revision"] == newest()
    engine = create_engine(empty)
    assert {"account", "fact", "tag", "delivery"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_two_processes_that_migrate_at_once_do_it_once(empty):
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(migrate_to, [empty, empty]))
    assert sorted(results, key=str) == sorted([(None, newest()), (newest(), newest())], key=str)


def test_a_command_on_an_unmigrated_database_says_what_to_do(empty, environment, monkeypatch):
    from app.core import house as held

    monkeypatch.setattr(held, "_current", None)
    for name, value in {**environment, "DATABASE_URL": empty}.items():
        monkeypatch.setenv(name, value)
    answer = run_cli("account", "list")
    assert answer.code == 1
    assert answer.err.strip() == "数据库结构不是最新, 运行 fanka migrate / the database schema is not up to date; run `fanka migrate`"
