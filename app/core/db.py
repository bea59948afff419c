"""The declarative base, the column types and the engine: PostgreSQL through Flask-SQLAlchemy."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Engine, Identity, MetaData, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.core.settings import Settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class _Declarative(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=_Declarative, disable_autonaming=True)

if TYPE_CHECKING:

    class Base(DeclarativeBase):
        """What every model inherits."""
else:
    Base = db.Model


class Moment(TypeDecorator[datetime]):
    """A UTC moment: naive values are refused going in, aware UTC values come out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.astimezone(UTC)


def row_id() -> Mapped[int]:
    """The internal bigint key of a row, which never leaves the house."""
    return mapped_column(BigInteger, Identity(), primary_key=True)


def engine_options(*, pool_size: int, statement_timeout_ms: int = 0) -> dict[str, Any]:
    """How every engine is opened: UTC, a bounded pool, and a limit on waiting for it."""
    options = f"-c timezone=UTC -c statement_timeout={statement_timeout_ms} -c idle_in_transaction_session_timeout=60000"
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 5,
        "pool_pre_ping": True,
        # An error's text goes to logs and terminals; what a statement was given may be somebody's openid, phone or words.
        "hide_parameters": True,
        "connect_args": {"connect_timeout": 5, "options": options, "application_name": "fanka"},
    }


def connect(flask_app: Flask, settings: Settings, *, pool_size: int) -> Engine:
    """Bind the application to the database and hand back its engine. Called once per process, after a fork."""
    flask_app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    flask_app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(pool_size=pool_size)
    db.init_app(flask_app)
    with flask_app.app_context():
        return db.engine
