"""A coupon's template as quotes and conditions read it, and its plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import SHANGHAI
from app.core.nouns import Store
from cards.coupon_type import read_terms, yuan
from cards.coupons.worth import rule_of, terms_of
from cards.models.coupons import Coupon, CouponTemplate
from cards.quote import Offer


def offer_of(coupon: Coupon, template: CouponTemplate, *, times: int = 1) -> Offer:
    """A coupon as the quote sees it."""
    kind, terms = read_terms(template.type, terms_of(coupon, template))
    return Offer(
        key=coupon.public_id,
        kind=kind,
        terms=terms,
        stacking_class=template.stacking_class,
        minimum_fen=template.minimum_fen,
        skus=frozenset(template.skus),
        categories=frozenset(template.categories),
        times=times,
    )


@dataclass(frozen=True, slots=True)
class Words:
    """A coupon in plain words: what it is worth, and its conditions one by one, Chinese and English."""

    worth: tuple[str, str]
    conditions: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """For a page or an answer."""
        return {
            "worth": {"zh": self.worth[0], "en": self.worth[1]},
            "conditions": [{"zh": zh, "en": en} for zh, en in self.conditions],
        }


def say(
    session: Session,
    template: CouponTemplate,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
    coupon: Coupon | None = None,
) -> Words:
    """The words of a template; with the dates of one coupon when they are given, and with the worth of `coupon`."""
    kind, terms = read_terms(template.type, terms_of(coupon, template))
    rule = None if coupon is not None else rule_of(template)
    said: list[tuple[str, str]] = []
    if template.minimum_fen:
        said.append((f"满 {yuan(template.minimum_fen)} 元可用", f"from ¥{yuan(template.minimum_fen)} on"))
    if template.skus or template.categories:
        said.append(("仅限指定商品", "for chosen goods only"))
    if template.store_ids:
        names = _names(session, template.store_ids)
        said.append((f"仅限 {names} 使用", f"at {names} only"))
    if template.stacking_class == "alone":
        said.append(("不与其他券同用", "not together with other coupons"))
    if starts is not None and ends is not None:
        said.append((f"{_day(starts)} 至 {_last_day(ends)} 有效", f"good from {_day(starts)} to {_last_day(ends)}"))
    worth = kind.say(terms)
    if rule is not None:
        least, most = yuan(rule.floor_fen), yuan(rule.cap_fen)
        worth = f"减 {least}–{most} 元", f"¥{least} to ¥{most} off"
    return Words(worth, tuple(said))


def _names(session: Session, store_ids: Sequence[int]) -> str:
    names = session.scalars(select(Store.name).where(Store.id.in_(store_ids)).order_by(Store.id).limit(6)).all()
    return "、".join(names[:5]) + ("…" if len(names) > 5 else "")


def _day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).date().isoformat()


def _last_day(ends: datetime) -> str:
    """The last day on which something that ends at `ends` is still good."""
    return _day(ends - timedelta(microseconds=1))
