"""Can each account get a token, open its secrets, and be reached by WeChat?"""

import base64
import binascii
import time
from collections.abc import Collection, Iterator

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.commands.callback import knock
from app.commands.checks.finding import Finding, bad, bad_as_said, ok, warn
from app.commands.frame import explain
from app.commands.speech import moment
from app.core.accounts import AES_KEY_SIGNS, OpenAccount, open_account
from app.core.clock import from_unix
from app.core.house import House
from app.core.nouns import Account, Mode
from app.core.secrets import UnsealError
from app.core.unit import reading
from app.web.tally import last_key
from app.web.webhook.door import refused_of_key
from app.wechat.gateway import gateway_for
from app.wechat.probe import check_token

_FRESH_S = 86_400
# What the webhook counts when WeChat's console and we disagree.
_DISAGREE = {
    "bad_signature": ("token 与公众平台不一致", "the token differs from the one in WeChat's console"),
    "bad_ciphertext": ("EncodingAESKey 与公众平台不一致", "the EncodingAESKey differs from the one in WeChat's console"),
    "wrong_appid": ("密文属于另一个 AppID", "what was encrypted belongs to another AppID"),
    "plaintext_refused": ("公众平台选择了明文, 这里是安全模式", "the console sends plain text and this account is in safe mode"),
    "wrong_mode": ("公众平台加密了, 这里是明文模式", "the console encrypts and this account is in plain mode"),
    "stale_timestamp": ("时间戳离本机时钟太远", "the timestamp is too far from this machine's clock"),
}


def check_accounts(house: House) -> Iterator[Finding]:
    """Secrets, token and callback address of every account, then what the webhook had to refuse."""
    try:
        with reading(house.engine, timeout_ms=10_000) as session:
            rows = session.scalars(select(Account).order_by(Account.appid)).all()
    except SQLAlchemyError as error:
        yield bad_as_said("accounts", explain(error)[1])
        return
    if not rows:
        yield warn("accounts", "还没有账号: fanka account add", "there is no account yet: `fanka account add`")
    for row in rows:
        yield from _check_one(house, row)
    yield from _check_refusals(house, {row.appid for row in rows})


def _check_one(house: House, row: Account) -> Iterator[Finding]:
    part = f"account {row.appid}"
    try:
        account = open_account(row, ring=house.ring)
    except UnsealError as error:
        yield bad_as_said(part, f"密钥打不开此账号的凭证 ({error}) / the keys do not open this account's secrets: {error}")
        return
    fault = aes_fault(account)
    if fault is not None:
        yield fault
    token = check_token(gateway_for(house, account))
    yield ok(part, "凭证有效", "the token is good") if token.ok else bad_as_said(part, token.line)
    heard = knock(house.settings, account)
    if heard.fault is None:
        yield ok(part, "回调地址有应答", "the callback address answers")
    else:
        yield bad_as_said(part, heard.fault)


def aes_fault(account: OpenAccount) -> Finding | None:
    """What is wrong with an account's EncodingAESKey; None when WeChat could have made it, or none is needed."""
    if account.mode is Mode.PLAIN and not account.aes_key:
        return None
    try:
        key = base64.b64decode(account.aes_key + "=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(account.aes_key) == AES_KEY_SIGNS and len(key) == 32:
        return None
    return bad(
        f"account {account.appid}",
        f"EncodingAESKey 有误: 应为 {AES_KEY_SIGNS} 位字母数字, 现有 {len(account.aes_key)} 位; 请从公众平台重新复制",
        f"the EncodingAESKey is bad: {AES_KEY_SIGNS} letters and digits are needed, it has {len(account.aes_key)}; copy it from the console again",
    )


def _check_refusals(house: House, appids: Collection[str]) -> Iterator[Finding]:
    """What the webhook refused in the last day, by account: a difference that was mended yesterday is no finding any more."""
    key = refused_of_key(house.settings.redis_prefix)
    try:
        counted: dict[str, str] = house.redis.hgetall(key)  # type: ignore[assignment]  # redis types its answers for both kinds of clients.
        last: dict[str, str] = house.redis.hgetall(last_key(key))  # type: ignore[assignment]  # As above.
    except RedisError:
        return
    for name, number in sorted(counted.items()):
        code, _, appid = name.partition(" ")
        at = int(last.get(name, 0))
        if code in _DISAGREE and appid in appids and time.time() - at < _FRESH_S:
            zh, en = _DISAGREE[code]
            shown = moment(from_unix(at))
            yield warn(
                f"account {appid}",
                f"拒绝过 {int(number):,} 个请求, 最近在 {shown} ({code}): {zh}",
                f"refused {int(number):,} requests, the last at {shown} ({code}): {en}",
            )
