"""Alembic's door to the house: composes every room's models and runs migrations on the one database."""

from alembic import context
from sqlalchemy import NullPool, create_engine

from app.core.db import Base
from app.core.settings import read_settings
from app.factory import MODEL_MODULES, import_models

import_models()
assert MODEL_MODULES
config = context.config


def run() -> None:
    """Run against the connection the caller holds, or open one from the settings."""
    connection = config.attributes.get("connection")
    if connection is None:
        # Without a pool the connection is closed by the block alone, also when a migration fails in the middle of it.
        engine = create_engine(config.attributes.get("url") or read_settings().database_url, poolclass=NullPool)
        with engine.connect() as opened:
            context.configure(connection=opened, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
        return
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run()
