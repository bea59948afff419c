"""What every command shares: `--json`, paging, and errors as one line with an exit code."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click
from pydantic import ValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from app.commands.speech import Voice, printable, told
from app.commands.speech import as_json as document_of
from app.core.errors import FankaError, SettingError
from app.core.secrets import UnsealError
from app.wechat.errors import WeChatError

Command = TypeVar("Command", bound=Callable[..., Any])
REFUSED, USAGE = 1, 2
MOST_ROWS = 1000


def command(group: click.Group | None, name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command of `group`, or one of its own. It gets a `Voice` first; what it raises becomes one line and an exit code."""

    def make(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, as_json: bool, **options: Any) -> None:
            try:
                function(Voice(as_json=as_json), *args, **options)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the person gets one line.
                fail(error, as_json=as_json)

        with_json = click.option("--json", "as_json", is_flag=True, help="结果为一个 JSON 文档 · one JSON document on standard output.")(
            run
        )
        return (click.command if group is None else group.command)(name, help=function.__doc__)(with_json)

    return make


def paged(function: Command) -> Command:
    """`--limit` and `--after` for a list."""
    after = click.option("--after", default=None, help="从这一项之后开始 · start after this id, the `next` of the page before.")
    limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MOST_ROWS), help="最多几项 · how many at most.")
    return limit(after(function))


def fail(error: BaseException, *, as_json: bool) -> NoReturn:
    """Say in one line what went wrong and end with the code for it."""
    code, detail = explain(error)
    if os.environ.get("FANKA_LOG_LEVEL", "").upper() == "DEBUG":
        traceback.print_exception(error)
    if as_json:
        click.echo(document_of({"error": {"code": code, "detail": detail}}))
    else:
        click.echo(printable(" ".join(told(detail).split())), err=True)
    sys.exit(USAGE if isinstance(error, SettingError) else REFUSED)


def explain(error: BaseException) -> tuple[str, str]:
    """A stable code and a sentence for anything that may go wrong."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error)
    return "unexpected", (
        f"意外的错误 {type(error).__name__}, 用 FANKA_LOG_LEVEL=DEBUG 看详情 / "
        f"unexpected: {type(error).__name__}; FANKA_LOG_LEVEL=DEBUG shows more"
    )


def refusal(error: WeChatError) -> str:
    """What WeChat said, or that it said nothing, in one line."""
    if not error.code:
        return f"连不上微信或没有应答: {error.message} / WeChat cannot be reached or did not answer: {error.message}"
    zh, _, en = error.explained.partition(" / ")
    rid = f", rid {error.rid}" if error.rid else ""
    return f"微信返回 {error.code}: {zh}{rid} / WeChat answered {error.code}: {en}{rid}"


def _of_database(error: SQLAlchemyError) -> tuple[str, str]:
    if isinstance(error, ProgrammingError) and type(error.orig).__name__ in {"UndefinedTable", "UndefinedColumn"}:
        return "unmigrated", "数据库结构不是最新, 运行 fanka migrate / the database schema is not up to date; run `fanka migrate`"
    if isinstance(error, OperationalError):
        return "database", f"数据库没有应答 ({_first_line(error)}) / the database does not answer: {_first_line(error)}"
    return "database", f"数据库报错 {type(error).__name__} / the database refused: {type(error).__name__}"


def _of_schema(error: ValidationError) -> tuple[str, str]:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "?"
    return "bad_field", f"{where} 填写有误 / {where}: {first['msg']}"


def _first_line(error: BaseException) -> str:
    inner = getattr(error, "orig", None) or error
    return (str(inner).strip().splitlines() or [type(inner).__name__])[0][:200]


_NOT_UTF8 = "参数不是有效的 UTF-8 文本 / an argument is not UTF-8 text"
# The first kind that fits speaks.
_WORDS: tuple[tuple[type[BaseException], Callable[[Any], tuple[str, str]]], ...] = (
    (WeChatError, lambda error: (f"wechat_{error.code or error.reason}", refusal(error))),
    (FankaError, lambda error: (str(error.code), error.detail)),
    (ValidationError, _of_schema),
    (UnicodeError, lambda _: ("not_utf8", _NOT_UTF8)),
    (UnsealError, lambda error: ("keys", f"密钥打不开已加密的数据 ({error}) / the keys do not open what is sealed: {error}")),
    (SQLAlchemyError, _of_database),
    (RedisError, lambda error: ("redis", f"Redis 没有应答 ({_first_line(error)}) / Redis does not answer: {_first_line(error)}")),
)
