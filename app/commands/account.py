"""`fanka account`: official accounts and mini programs, their secrets and their followers."""

import json
import os
import sys
import time
from typing import IO, Any

import click
from sqlalchemy import func, select

from app.commands.callback import callback_url, knock
from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.speech import Voice, iso
from app.core.accounts import add_account
from app.core.errors import BadRequestError, ConflictError
from app.core.followers import FOLLOWING
from app.core.nouns import Account, AccountKind, Follower, Mode, Retention
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from app.wechat.probe import check_token
from jobs.followers.bring_in import Progress, import_followers

SECRETS = {"secret": "WECHAT_SECRET", "token": "WECHAT_TOKEN", "aes_key": "WECHAT_AES_KEY"}
_MOST_SECRETS = 4096


@click.group()
def account() -> None:
    """公众号与小程序 · Official accounts and mini programs."""


@command(account, "add")
@click.argument("appid")
@click.option("--name", required=True, help="显示的名称 · the name shown.")
@click.option("--kind", type=click.Choice([str(kind) for kind in AccountKind]), default="service", show_default=True)
@click.option(
    "--mode", type=click.Choice([str(mode) for mode in Mode]), default="safe", show_default=True, help="消息加密方式 · as in the console."
)
@click.option(
    "--retention",
    type=click.Choice([str(policy) for policy in Retention]),
    default="erase",
    show_default=True,
    help="取消关注后 · what an un-follow does to the follower's data.",
)
@click.option(
    "--priority", type=click.IntRange(0, 10_000), default=100, show_default=True, help="小者先发 · the lower number speaks first."
)
@click.option("--trust-client-msg-id", is_flag=True, help="平台按 client_msg_id 去重 · WeChat honours client_msg_id for this account.")
@click.option(
    "--secrets",
    type=click.File("r"),
    help='含 {"secret", "token", "aes_key"} 的 JSON 文件, - 为标准输入 · a JSON file with them, - for standard input.',
)
def add(
    voice: Voice,
    *,
    appid: str,
    name: str,
    kind: str,
    mode: str,
    retention: str,
    priority: int,
    trust_client_msg_id: bool,
    secrets: IO[str] | None,
) -> None:
    """添加账号 · Add an account.

    密钥不写在命令行: 来自 --secrets, 环境变量 WECHAT_SECRET, WECHAT_TOKEN, WECHAT_AES_KEY, 或询问 ·
    Secrets never stand on the command line: they come from --secrets, from the environment, or are asked for.
    """
    given = read_secrets(secrets, mode=Mode(mode))
    with opened() as house, work(house.engine) as session:
        row = add_account(
            session,
            ring=house.ring,
            now=house.clock.now(),
            appid=appid,
            name=name,
            kind=AccountKind(kind),
            mode=Mode(mode),
            retention=Retention(retention),
            priority=priority,
            client_msg_id_trusted=trust_client_msg_id,
            actor="cli",
            **given,
        )
        house.accounts.forget()
        address = callback_url(house.settings, row.appid)
        voice.line(
            f"已添加 {row.name}; 公众平台的服务器地址填写: {address}",
            f"added {row.name}; the server address for WeChat's console: {address}",
        )
        voice.answer({"id": str(row.public_id), "appid": row.appid, "callback_url": address})


def read_secrets(file: IO[str] | None, *, mode: Mode) -> dict[str, str]:
    """The secret, token and AES key of an account: from a file, else the environment, else asked for. Raises BadRequestError."""
    found: dict[str, str] = {}
    if file is not None:
        found = _from_json(file.read(_MOST_SECRETS + 1))
    for name, variable in SECRETS.items():
        found.setdefault(name, os.environ.get(variable, ""))
    asked = [name for name in SECRETS if not found[name] and not (name == "aes_key" and mode is Mode.PLAIN)]
    for name in asked:
        if not sys.stdin.isatty():
            raise BadRequestError(
                f"缺少 {name}: 设置 {SECRETS[name]} 或使用 --secrets / {name} is missing: set {SECRETS[name]} or use --secrets",
                code="no_secret",
            )
        found[name] = str(click.prompt(name, hide_input=True))
    return found


def _from_json(text: str) -> dict[str, str]:
    try:
        held: Any = json.loads(text) if len(text) <= _MOST_SECRETS else None
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict) or not set(held) <= set(SECRETS) or not all(isinstance(value, str) for value in held.values()):
        raise BadRequestError(
            "--secrets 应为含 secret, token, aes_key 的 JSON 对象 / --secrets is a JSON object of the texts secret, token and aes_key",
            code="bad_secrets",
        )
    return dict(held)


@command(account, "list")
@paged
def list_accounts(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出账号 · List the accounts."""
    with opened() as house, reading(house.engine) as session:
        query = select(Account).order_by(Account.appid).limit(limit + 1)
        rows = session.scalars(query if after is None else query.where(Account.appid > after)).all()
        counts = select(Follower.account_id, func.count()).where(Follower.state == FOLLOWING).group_by(Follower.account_id)
        following: dict[int, int] = {row[0]: row[1] for row in session.execute(counts)}
    shown = rows[:limit]
    heads = [
        ("AppID", "AppID"),
        ("名称", "name"),
        ("类型", "kind"),
        ("模式", "mode"),
        ("取关后", "after un-follow"),
        ("关注者", "followers"),
    ]
    voice.table(
        heads,
        [(row.appid, row.name, row.kind, row.mode, row.retention, following.get(row.id, 0)) for row in shown],
        empty=("还没有账号", "there is no account yet"),
    )
    voice.answer(
        {
            "accounts": [
                {
                    "id": str(row.public_id),
                    "appid": row.appid,
                    "name": row.name,
                    "kind": str(row.kind),
                    "mode": str(row.mode),
                    "retention": str(row.retention),
                    "priority": row.priority,
                    "followers": following.get(row.id, 0),
                    "created_at": iso(row.created_at),
                }
                for row in shown
            ],
            "next": shown[-1].appid if len(rows) > limit else None,
        }
    )


@command(account, "check")
@click.argument("appid")
def check(voice: Voice, *, appid: str) -> None:
    """检查凭证与回调地址 · Check the token with WeChat and the callback address from outside."""
    with opened() as house:
        found = account_called(house, appid)
        faults: list[str] = []
        token = check_token(gateway_for(house, found))
        if not token.ok:
            faults.append(token.line)
        heard = knock(house.settings, found)
        if heard.fault is not None:
            faults.append(heard.fault)
        if faults:
            zh = "; ".join(fault.partition(" / ")[0] for fault in faults)
            en = "; ".join(fault.partition(" / ")[2] or fault for fault in faults)
            raise ConflictError(f"{zh} / {en}", code="account_unfit")
        voice.line(f"{found.name}: 凭证有效, 回调地址有应答", f"{found.name}: the token is good and the callback address answers")
        voice.answer({"appid": appid, "token": "ok", "callback": "ok"})


@command(account, "import")
@click.argument("appid")
def import_(voice: Voice, *, appid: str) -> None:
    """导入已有关注者 · Bring in the followers an account already has; killed, it goes on where it stopped."""
    with opened() as house:
        found = account_called(house, appid)
        last = [0.0]

        def tell(progress: Progress) -> None:
            if progress.finished or time.monotonic() - last[0] >= 1:
                last[0] = time.monotonic()
                voice.progress(
                    f"已列出 {progress.listed}/{progress.total}, 已读取 {progress.read}",
                    f"listed {progress.listed} of {progress.total}, read {progress.read}",
                )

        done = import_followers(house, found, tell=tell)
        voice.line(f"{found.name}: 已导入 {done.listed} 个关注者", f"{found.name}: {done.listed} followers brought in")
        voice.answer({"appid": appid, "total": done.total, "listed": done.listed, "read": done.read, "finished": done.finished})
