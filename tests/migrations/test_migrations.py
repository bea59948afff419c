"""The schema: migrations go up, down and up again, and say the same as the models."""

import re

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, inspect, text

from app.core.db import Base
from app.factory import import_models
from tests.support.servers import Servers, alembic_config

SHAPE = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length, is_identity
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2""",
    """SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2""",
    """SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL ORDER BY 1""",
)


def driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def empty(servers: Servers):
    with servers.empty_database("migrations") as url:
        engine = create_engine(driver(url))
        yield engine
        engine.dispose()


def migrate(engine: Engine, revision: str) -> None:
    config = alembic_config(engine.url.render_as_string(hide_password=False))
    (command.downgrade if revision == "base" else command.upgrade)(config, revision)


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def differences(engine: Engine, metadata: MetaData) -> list[object]:
    with engine.connect() as connection:
        return compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True}), metadata
        )


def shape(engine: Engine) -> list[tuple[object, ...]]:
    """Columns, constraints and indexes as PostgreSQL describes them."""
    with engine.connect() as connection:
        return [tuple(row) for query in SHAPE for row in connection.execute(text(query))]


def test_up_down_up_leads_back_to_the_same_schema(empty):
    migrate(empty, "head")
    first = shape(empty)
    assert {"account", "follower", "customer", "fact", "inbound"} <= tables(empty)
    migrate(empty, "base")
    assert tables(empty) == set()
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'")) == 0
    migrate(empty, "head")
    assert shape(empty) == first


def test_each_step_goes_down_by_itself(empty):
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    for revision in reversed(list(script.walk_revisions())):
        migrate(empty, revision.revision)
        before = shape(empty)
        if revision.down_revision is not None:
            command.downgrade(alembic_config(empty.url.render_as_string(hide_password=False)), "-1")
            migrate(empty, revision.revision)
            assert shape(empty) == before, revision.revision


def test_migrations_and_models_say_the_same(engine):
    import_models()
    assert differences(engine, Base.metadata) == []


def test_a_model_without_a_migration_is_found(engine):
    import_models()
    more = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(more)
    Table("forgotten", more, Column("id", Integer, primary_key=True))
    assert [found[0] for found in differences(engine, more)] == ["add_table"]


def test_migrations_and_models_make_the_same_schema(empty, engine):
    # Autogenerate looks neither at CHECKs nor at the conditions of partial indexes; PostgreSQL's own description has both.
    import_models()
    Base.metadata.create_all(empty)
    assert shape(empty) == shape(engine)


def test_there_is_one_chain_with_dated_names():
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    for revision in script.walk_revisions():
        assert re.fullmatch(r"\d{8}_\d{4}", revision.revision)
        assert revision.path.rsplit("/", 1)[1].startswith(f"{revision.revision}_")
        assert re.fullmatch(r"\d{8}_\d{4}_[a-z_]+\.py", revision.path.rsplit("/", 1)[1])
