"""Refusals at the counter: a machine code, one sentence for the clerk with what to do next, and one sentence for everybody else."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import ConflictError


class Outcome(enum.StrEnum):
    """The clerk's page has a colour for each of these: orange and red. Green is done, grey is not knowing."""

    ALREADY_USED = "already_used"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Why, and what to do next, in both languages."""

    why_zh: str
    next_zh: str
    why_en: str
    next_en: str


SENTENCES: Mapping[str, Sentence] = {
    "unknown_code": Sentence("没有这张券", "请核对券码，或请顾客出示手机上的动态码", "There is no such coupon", "Check the code, or ask for the moving code"),
    "bad_code": Sentence("券码有误", "请逐位核对后重新输入", "The code is mistyped", "Compare it sign by sign and type it again"),
    "stale_code": Sentence("动态码已过期或不是本店发出的", "请顾客打开会员页，出示最新的码", "The moving code is stale or forged", "Ask the customer to show the newest code"),
    "member_code": Sentence("这是会员码，不是券码", "请在会员页里选一张券", "This is the member's code, not a coupon's", "Choose a coupon of the member"),
    "code_seen": Sentence("这个动态码已经出示过", "请等顾客手机上的码更新后再扫", "This moving code was shown before", "Wait for the next code and scan that"),
    "already_used": Sentence("这张券已经核销过", "请看核销的时间、门店和经手人", "This coupon is used already", "See when, where and by whom"),
    "held_elsewhere": Sentence("这张券正在另一台收银机上使用", "请稍候十分钟，或先在那台收银机上取消", "Another till has set this coupon aside", "Wait ten minutes, or release it there"),
    "expired": Sentence("这张券已过期", "请向顾客说明有效期", "This coupon has expired", "Show the customer its dates"),
    "not_yet": Sentence("这张券还没到使用时间", "请告诉顾客从哪天起可用", "This coupon is not good yet", "Tell the customer from when it is"),
    "voided": Sentence("这张券已作废", "请联系店长", "This coupon was voided", "Call the manager"),
    "given": Sentence("这张券已转赠给朋友", "请朋友出示他自己的码", "This coupon was given to a friend", "The friend's own code is the one to scan"),
    "wrong_store": Sentence("本店不能使用这张券", "请告诉顾客可用的门店", "This store does not take it", "Tell the customer which stores do"),
    "amount_needed": Sentence("这张券要知道消费金额", "请输入订单金额", "This coupon needs the order's amount", "Enter the amount"),
    "below_minimum": Sentence("没有达到最低消费", "请顾客加购，或换一张券", "The minimum spend is not reached", "Add goods or take another coupon"),
    "no_goods": Sentence("订单里没有这张券适用的商品", "请核对商品", "No goods on the order fit this coupon", "Check the goods"),
    "no_stacking": Sentence("这张券不能与本单的其他券同用", "请选其中一张", "It does not go with the other coupons of this order", "Choose one of them"),
    "too_many_times": Sentence("剩余次数不够", "请减少次数", "Not that many uses are left", "Use it fewer times"),
    "other_customer": Sentence("这张券不属于这位会员", "请核对会员", "The coupon belongs to another member", "Check the member"),
    "own_coupon": Sentence("不能为自己核销", "请同事来核销", "Nobody redeems for himself", "Ask a colleague"),
    "blocked": Sentence("这位顾客暂时不能办理", "请主管在“待审核”里查看原因", "This cannot be done for this customer for now", "The supervisor finds the reason under For review"),
    "too_often": Sentence("操作过于频繁，已转人工审核", "请联系主管", "Too many in a short time; it goes to review", "Call the supervisor"),
    "too_many_tries": Sentence("输错的次数太多", "请十分钟后再试，或扫顾客的动态码", "Too many wrong codes", "Wait ten minutes, or scan the moving code"),
    "offline_refused": Sentence("这张券不能离线核销", "请联网后再核销", "This coupon may not be redeemed offline", "Redeem it online"),
    "already_reversed": Sentence("这次核销已经撤销过", "无需再操作", "This use is reversed already", "Nothing is left to do"),
    "undo_too_late": Sentence("已超过 15 分钟，或不是本人本机核销", "请主管填写原因后撤销", "Past 15 minutes, or not your own on this device", "A supervisor reverses it with a reason"),
    "reason_needed": Sentence("主管撤销要写原因", "请填写原因", "A supervisor gives a reason", "Write the reason"),
    "points_spent": Sentence("奖励的积分已被用掉，不能撤销", "请联系店长", "The points it brought are spent", "Call the manager"),
    "no_use": Sentence("没有这次核销", "请核对记录", "There is no such use", "Check the list"),
    "ticket_stale": Sentence("预览已过期", "请重新扫码", "The preview has run out", "Scan again"),
    "hold_over": Sentence("占用已超时或已结束", "请重新试算", "What was set aside has run out", "Ask for a new quote"),
    "order_settled": Sentence("这笔订单已经用过券、积分或储值", "要改请先撤销，再重新试算", "Something was used on this order already", "Take it back first, then ask for a new quote"),
    "no_override": Sentence("这里不能放行", "请有权限的主管登录后写明原因再放行", "Nobody here may let it through", "Ask a supervisor to log in and give a reason"),
    "value_unconfirmed": Sentence("这笔储值付款要顾客本人确认", "请扫顾客手机上的会员码，或请他在手机上点同意", "The customer has to confirm this payment from his balance", "Scan the code on his phone, or let him agree there"),
    "quote_changed": Sentence("金额有变化", "请重新试算", "The amounts have changed", "Ask for a new quote"),
}  # fmt: skip

OVERRIDABLE = frozenset({"below_minimum", "no_goods", "wrong_store"})
"""What a supervisor may let through with a reason: conditions of the offer. Use, stock, dates, limits and money are never among them."""

PUBLIC_CODE = "coupon_refused"
PUBLIC_ZH = "这张券现在不能使用。"
PUBLIC_EN = "This coupon cannot be used now."
"""One answer for unknown, used, expired and foreign alike: different ones would let strangers find codes."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a refusal may tell a clerk beside its sentence: when, where and by whom it was used."""

    coupon_id: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


class RefusedError(ConflictError):
    """A coupon is not accepted. `code` is one of `SENTENCES`."""

    def __init__(self, code: str, *, coupon_id: int | None = None, told: Mapping[str, Any] | None = None) -> None:
        assert code in SENTENCES, code
        said = SENTENCES[code]
        super().__init__(f"{said.why_zh}。{said.next_zh}。", code=code)
        self.circumstances = Circumstances(coupon_id, told or {})

    def in_words(self) -> str:
        """Why, and what to do next, in both languages, as other refusals are written."""
        said = SENTENCES[self.code]
        return f"{said.why_zh}，{said.next_zh} / {said.why_en}. {said.next_en}"

    def for_clerk(self) -> dict[str, Any]:
        """Everything the clerk's page shows: outcome, code, both sentences in both languages, and the circumstances."""
        said = SENTENCES[self.code]
        outcome = Outcome.ALREADY_USED if self.code in ("already_used", "already_reversed") else Outcome.REFUSED
        return {
            "outcome": outcome,
            "code": self.code,
            "why": {"zh": said.why_zh, "en": said.why_en},
            "next": {"zh": said.next_zh, "en": said.next_en},
            **({"may_override": True} if self.code in OVERRIDABLE else {}),
            **({"told": dict(self.circumstances.told)} if self.circumstances.told else {}),
        }


def for_public() -> dict[str, Any]:
    """The one answer for whoever is not a clerk."""
    return {"outcome": Outcome.REFUSED, "code": PUBLIC_CODE, "why": {"zh": PUBLIC_ZH, "en": PUBLIC_EN}}
