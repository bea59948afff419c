"""`fanka merchant`: merchants of WeChat Pay whose payments become purchases, and the payments that wait for a person."""

import os
from typing import IO, Any
from uuid import UUID

import click
from sqlalchemy import select

from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.speech import Voice
from app.core.errors import BadRequestError
from app.core.nouns import Account, Store
from app.core.staffing import store_called
from app.core.unit import reading, work
from cards.models.payments import PayMerchant, PayNotice
from cards.pay_matching import match_by_hand, open_doubles
from cards.payments import open_merchant
from cards.programmes import programme_called

ACTOR = "cli"
KEY = "WECHAT_PAY_KEY"
LONGEST_KEY_FILE = 16 * 1024


@click.group()
def merchant() -> None:
    """微信支付商户 · Merchants of WeChat Pay."""


@command(merchant, "set")
@click.argument("mchid")
@click.option(
    "--account", required=True, help="服务号的 AppID, 付款人以它的 openid 识别 · AppID of the account whose openids name the payers."
)
@click.option("--store", required=True, help="门店编号, 收款记在此店 · code of the store the payments belong to.")
@click.option("--serial", required=True, help="微信支付公钥 ID 或平台证书序列号 · id of WeChat Pay's public key.")
@click.option("--public-key", required=True, type=click.File(), help="微信支付公钥文件 (PEM) · the file with that key.")
@click.option("--key", "key_file", type=click.File(), default=None, help="含 APIv3 密钥的文件, - 为标准输入 · a file with the APIv3 key.")
@click.option("--programme", default=None, help="会员计划, 只有一个时可省略 · the programme, when there is more than one.")
def set_merchant(
    voice: Voice, *, mchid: str, account: str, store: str, serial: str, public_key: IO[str], key_file: IO[str] | None, programme: str | None
) -> None:
    """设置商户, 打印通知地址 · Keep a merchant and print the address for its notices.

    APIv3 密钥不写在命令行: 来自 --key, 环境变量 WECHAT_PAY_KEY, 或询问 ·
    The APIv3 key never stands on the command line: it comes from --key, from WECHAT_PAY_KEY, or is asked for.
    """
    key = read_key(key_file)
    pem = public_key.read(LONGEST_KEY_FILE)
    with opened() as house:
        known = account_called(house, account)
        with work(house.engine) as session:
            made = open_merchant(
                session,
                house.ring,
                mchid=mchid,
                account=session.get_one(Account, known.id),
                programme_id=programme_called(session, programme).id,
                store=store_called(session, store),
                api_v3_key=key,
                serial=serial,
                public_key=pem,
                actor=ACTOR,
                now=house.clock.now(),
            )
            address = f"{house.settings.public_url}/pay/wechat/{made.public_id}"
            voice.line(f"商户 {mchid} 已设置, 通知地址 {address}", f"the merchant {mchid} is set; its notify_url is {address}")
            voice.answer({"id": str(made.public_id), "mchid": mchid, "notify_url": address, "serials": sorted(made.public_keys)})


@command(merchant, "list")
def list_merchants(voice: Voice) -> None:
    """列出商户 · List the merchants."""
    with opened() as house, reading(house.engine) as session:
        query = select(PayMerchant, Account.appid, Store.code).join(Account, Account.id == PayMerchant.account_id)
        rows = session.execute(query.join(Store, Store.id == PayMerchant.store_id).order_by(PayMerchant.mchid)).all()
        found = [
            {"id": str(held.public_id), "mchid": held.mchid, "appid": appid, "store": code, "serials": sorted(held.public_keys)}
            for held, appid, code in rows
        ]
    heads = [("商户号", "mchid"), ("AppID", "appid"), ("门店", "store"), ("公钥", "keys")]
    table = [(each["mchid"], each["appid"], each["store"], ", ".join(each["serials"])) for each in found]
    voice.table(heads, table, empty=("还没有商户", "there is no merchant yet"))
    voice.answer({"merchants": found})


@command(merchant, "parked")
@paged
def parked(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出待处理的付款与退款 · List payments and refunds that wait for a person, the latest first."""
    with opened() as house, reading(house.engine) as session:
        query = select(PayNotice).where(PayNotice.state == "parked").order_by(PayNotice.received_at.desc(), PayNotice.notice_id)
        if after is not None:
            since = select(PayNotice.received_at).where(PayNotice.notice_id == after, PayNotice.state == "parked").limit(1)
            query = query.where(PayNotice.received_at < since.scalar_subquery())
        rows = session.scalars(query.limit(limit + 1)).all()
    shown = rows[:limit]
    heads = [("时间", "at"), ("交易", "transaction"), ("退款", "refund"), ("金额(分)", "fen"), ("原因", "reason")]
    table = [(row.received_at.isoformat(), row.transaction_id, row.refund_id or "", row.amount_fen, row.code) for row in shown]
    voice.table(heads, table, empty=("没有待处理的付款", "nothing waits"))
    voice.answer(
        {
            "parked": [
                {
                    "notice": row.notice_id,
                    "at": row.received_at.isoformat(),
                    "transaction": row.transaction_id,
                    "refund": row.refund_id,
                    "amount_fen": row.amount_fen,
                    "code": row.code,
                }
                for row in shown
            ],
            "next": shown[-1].notice_id if len(rows) > limit else None,
        }
    )


@command(merchant, "doubles")
@paged
def doubles(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出可能重复登记的订单与付款 · List orders and payments that may be one, until somebody says which."""
    with opened() as house, reading(house.engine) as session:
        found = open_doubles(session, limit=limit + 1, after=None if after is None else uuid_of(after))
        told: list[dict[str, Any]] = [
            {
                "order": str(each.order.public_id),
                "source": each.order.source,
                "order_no": each.order.order_no,
                "amount_fen": each.order.total_fen,
                "paid_at": each.order.paid_at.isoformat(),
                "payments": [{"transaction": paid.order_no, "paid_at": paid.paid_at.isoformat()} for paid in each.payments],
            }
            for each in found[:limit]
        ]
    heads = [("订单", "order"), ("单号", "number"), ("金额(分)", "fen"), ("支付时间", "paid"), ("可能的付款", "payments")]
    table = [
        (each["order"], each["order_no"], each["amount_fen"], each["paid_at"], ", ".join(paid["transaction"] for paid in each["payments"]))
        for each in told
    ]
    voice.table(heads, table, empty=("没有疑似重复", "nothing looks double"))
    voice.answer({"doubles": told, "next": told[-1]["order"] if len(found) > limit else None})


@command(merchant, "match")
@click.argument("order", type=click.UUID)
@click.argument("transaction")
def match(voice: Voice, *, order: UUID, transaction: str) -> None:
    """认定一个订单与一笔付款是同一笔 · Say that an order and a payment are one; its points then count once."""
    with opened() as house, work(house.engine) as session:
        told = match_by_hand(session, order, transaction, registry=house.registry, actor=ACTOR, now=house.clock.now())
        voice.line(f"已合并 {told.source} {told.order_no}", f"{told.source} {told.order_no} and the payment are one")
        voice.answer({"order": str(told.public_id), "transaction": transaction})


def uuid_of(written: str) -> UUID:
    """An id as it was listed. Raises BadRequestError."""
    try:
        return UUID(written)
    except ValueError as error:
        raise BadRequestError("没有这个编号 / that is no id", code="bad_id") from error


def read_key(file: IO[str] | None) -> str:
    """The APIv3 key: from a file, else the environment, else asked for. Raises BadRequestError."""
    if file is not None:
        given = file.read(LONGEST_KEY_FILE).strip()
    else:
        given = os.environ.get(KEY) or click.prompt("APIv3", hide_input=True, err=True)
    if not given:
        raise BadRequestError(f"缺少 APIv3 密钥: 设置 {KEY} 或使用 --key / the APIv3 key is missing: set {KEY} or use --key", code="no_key")
    return str(given)
