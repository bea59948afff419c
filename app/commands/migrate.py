"""`fanka migrate`: the schema brought up to date, by one process at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from app.commands.frame import command
from app.commands.house import found_settings
from app.commands.speech import Voice
from app.core import house as held
from app.core.errors import ConflictError, UnavailableError
from app.core.settings import read_settings

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"
# Any number nobody else locks in this database.
_LOCK = 0x66616E6B616D6967


def migrate_to(database_url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring a database to a revision; says from which to which. Waits for another process that is migrating."""
    engine = create_engine(database_url)
    try:
        # The lock has a connection of its own, because each migration commits.
        with engine.connect() as guard, engine.connect() as connection:
            guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            before = revision_of(connection)
            connection.rollback()
            config = _config()
            config.attributes["url"] = database_url
            alembic.upgrade(config, revision)
            after = revision_of(connection)
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        return before, after
    finally:
        engine.dispose()


def migrate_environment(env: Mapping[str, str]) -> None:
    """Bring the database that an environment names up to date: what `fanka up` does before it starts anybody."""
    migrate_to(read_settings(env).database_url)


def revision_of(connection: Connection) -> str | None:
    """The revision a database is at; None for an empty one."""
    found: str | None = MigrationContext.configure(connection).get_current_revision()
    return found


def newest() -> str:
    """The revision this version of Fanka needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


@contextmanager
def _database_url() -> Iterator[str]:
    try:
        house = held.current()
    except UnavailableError:
        with found_settings() as settings:
            yield settings.database_url
    else:
        yield house.settings.database_url


@command(None, "migrate")
@click.option("--check", is_flag=True, help="只检查是否最新 · only say whether it is up to date; exit code 1 when it is not.")
def migrate(voice: Voice, *, check: bool) -> None:
    """更新数据库结构 · Bring the database schema up to date."""
    with _database_url() as url:
        if check:
            _check(voice, url)
        else:
            _migrate(voice, url)


def _check(voice: Voice, url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            at = revision_of(connection)
    finally:
        engine.dispose()
    if at != newest():
        raise ConflictError(
            f"数据库结构在 {at or '空'}, 需要 {newest()}; 运行 fanka migrate / "
            f"the schema is at {at or 'nothing'} and {newest()} is needed; run `fanka migrate`",
            code="unmigrated",
        )
    voice.line(f"已是最新: {at}", f"up to date: {at}")
    voice.answer({"revision": at, "newest": newest()})


def _migrate(voice: Voice, url: str) -> None:
    before, after = migrate_to(url)
    if before == after:
        voice.line(f"已是最新: {after}", f"up to date: {after}")
    else:
        voice.line(f"已更新: {before or '空'} -> {after}", f"migrated: {before or 'nothing'} -> {after}")
    voice.answer({"before": before, "revision": after, "newest": newest()})
