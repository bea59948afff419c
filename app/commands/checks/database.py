"""Is the database open, new enough and migrated?"""

from collections.abc import Iterator

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.commands.checks.finding import Finding, bad, ok, warn
from app.commands.frame import explain
from app.commands.migrate import newest, revision_of

LEAST = 15


def check_database(engine: Engine, part: str = "database") -> Iterator[Finding]:
    """Findings about one database; the last is never ok when nothing further can be asked of it."""
    try:
        with engine.connect() as connection:
            version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
            read_only = connection.scalar(text("SHOW transaction_read_only")) == "on"
            at = revision_of(connection)
    except SQLAlchemyError as error:
        zh, _, en = explain(error)[1].partition(" / ")
        yield bad(part, zh, en)
        return
    if version < LEAST:
        yield bad(part, f"PostgreSQL {version} 太旧, 需要 {LEAST} 或更新", f"PostgreSQL {version} is too old; {LEAST} or newer is needed")
    else:
        yield ok(part, f"PostgreSQL {version} 可用", f"PostgreSQL {version} answers")
    if read_only and part == "database":
        yield bad(part, "DATABASE_URL 指向只读副本", "DATABASE_URL leads to a read-only replica")
    if at == newest():
        yield ok("schema", f"结构是最新 ({at})", f"the schema is up to date ({at})")
    elif part == "database":
        yield bad(
            "schema",
            f"数据库结构在 {at or '空'}, 需要 {newest()}: 运行 fanka migrate",
            f"the schema is at {at or 'nothing'} and {newest()} is needed: run `fanka migrate`",
        )
    else:
        yield warn("schema", f"副本的结构还在 {at or '空'}", f"the replica's schema is still at {at or 'nothing'}")
