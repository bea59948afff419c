"""What every command promises: one line for an error, a code for a program, one JSON document and nothing else, both languages."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from redis.exceptions import ConnectionError as RedisGoneError
from sqlalchemy.exc import OperationalError

from app.cli import COMMANDS, main
from app.commands.frame import command, explain
from app.commands.manual import manual
from app.commands.speech import Voice, pad, told, width
from app.core.errors import ConflictError, SettingError
from app.core.secrets import UnsealError
from app.local.place import CHECKOUT
from app.wechat.errors import AccountRefused, Unreached


def leaves(group=main, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield from leaves(found, (*path, name)) if isinstance(found, click.Group) else [((*path, name), found)]


LEAVES = dict(leaves())


def test_every_command_of_the_list_is_there():
    assert set(COMMANDS) == {path[0] for path in LEAVES}
    wanted = """up, demo, sandbox, migrate, account add, account list, account check, account import, channel add, channel list, channel qr, menu push,
        menu set, menu show, menu diff, reply add, reply list, reply remove, tags list, tags define, tags rule add, tags why, segment count,
        segment list, segment explain, segment save, broadcast plan, broadcast forecast, broadcast send, broadcast pause, broadcast resume,
        broadcast cancel, broadcast status, facts count, facts show, dead list, dead replay, handlers, rules, keys new, keys list, keys add,
        keys rotate, keys retire, doctor"""
    assert {tuple(each.split()) for each in wanted.split(",")} <= set(LEAVES)


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_every_command_speaks_json_and_both_languages(path):
    found = LEAVES[path]
    assert " · " in found.help
    assert any("\u4e00" <= sign <= "\u9fff" for sign in found.help)
    if path not in {("demo",), ("sandbox",)}:
        # Those two become programs of their own.
        assert "--json" in [name for option in found.params for name in option.opts]


def test_the_manual_is_that_of_these_commands():
    assert (CHECKOUT / "docs" / "cli.md").read_text() == manual(), "run: python -m app.commands.manual > docs/cli.md"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (ConflictError("满了 / it is full", code="full"), "full", 1),
        (SettingError("REDIS_URL is not set"), "setting", 2),
        (OperationalError("SELECT 1", {}, Exception("connection refused\nsecond line")), "database", 1),
        (RedisGoneError("connection refused"), "redis", 1),
        (UnsealError("no key 'k9' in the ring"), "keys", 1),
        (AccountRefused(40125, "invalid appsecret rid: 1234-abcd"), "wechat_40125", 1),
        (Unreached("connection refused"), "wechat_unreached", 1),
        (KeyError("a customer's words"), "unexpected", 1),
    ],
)
def test_an_error_is_one_line_or_one_document_and_never_a_traceback(monkeypatch, error, code, status):
    monkeypatch.delenv("FANKA_LOG_LEVEL", raising=False)

    @command(None, "fails")
    def fails(voice: Voice) -> None:
        """失败 · Fail."""
        raise error

    said = CliRunner().invoke(fails, [])
    assert said.exit_code == status
    assert said.stdout == ""
    assert len(said.stderr.strip().splitlines()) == 1
    assert "Traceback" not in said.stderr
    assert "a customer's words" not in said.stderr
    given = CliRunner().invoke(fails, ["--json"])
    assert given.exit_code == status
    assert json.loads(given.stdout)["error"]["code"] == code
    assert given.stderr == ""


def test_an_error_is_said_in_the_language_asked_for(monkeypatch):
    monkeypatch.setenv("FANKA_LANG", "en")
    assert told("没有账号 wx1 / there is no account wx1") == "there is no account wx1"
    assert told("a path / with a slash") == "a path / with a slash"
    monkeypatch.setenv("FANKA_LANG", "zh")
    assert told("没有账号 wx1 / there is no account wx1") == "没有账号 wx1 / there is no account wx1"


def test_wrong_usage_ends_with_2():
    for arguments in (["nothing"], ["account", "add"], ["facts", "show", "--limit", "0"], ["tags", "why", "not-an-id", "tag"]):
        said = CliRunner().invoke(main, arguments)
        assert said.exit_code == 2, said.output
        assert "Traceback" not in said.output


def test_missing_settings_end_with_2_in_one_line(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    for name in ("REDIS_URL", "FANKA_KEYS", "FANKA_LOOKUP_KEYS", "FANKA_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)
    said = CliRunner().invoke(main, ["account", "list"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.strip() == "REDIS_URL is not set"


def test_a_program_gets_one_document_and_nothing_else(environment, house, make_account):
    """As a process of its own: nothing of a log, a warning or a progress line may stand beside the document."""
    account = make_account(name="粉卡旗舰店")
    for arguments in (["account", "list"], ["handlers"], ["migrate"]):
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments, "--json"],
            cwd=CHECKOUT,
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.count(b"\n") == 1
        document = json.loads(done.stdout)
        if arguments == ["account", "list"]:
            assert [each["appid"] for each in document["accounts"]] == [account.appid]


def test_a_closed_database_is_one_line(environment):
    env = {"PATH": "/usr/bin:/bin", **environment, "DATABASE_URL": "postgresql://fanka@127.0.0.1:9/fanka"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "account", "list"], cwd=CHECKOUT, env=env, capture_output=True, timeout=60, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "数据库没有应答" in done.stderr


def test_columns_line_up_under_chinese_heads():
    assert width("粉卡 fanka") == 10
    assert pad("粉卡", 6) + "|" == "粉卡  |"


def test_an_unknown_error_says_nothing_of_its_words():
    code, detail = explain(ValueError("13800000003"))
    assert code == "unexpected"
    assert "13800000003" not in detail


def test_no_log_line_stands_between_the_words_of_a_command():
    code = "import app.cli\nfrom app.core.log import get_logger\nget_logger('app.wechat.transport').warning('wechat_refused', code=46003)"
    said = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True)
    assert (said.stdout, said.stderr) == ("", "")
