"""What tills set aside, take and take back, worked out again from what they were answered."""

from typing import Any

from demo.money_log import Record
from demo.money_state import Hold, MoneyTruth, lasts_until


def set_aside(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    """A hold: coupons that nobody else may use, and points that are set aside."""
    if told["hold"] in truth.holds:
        return
    body = asked["body"]
    member = truth.customers[body["customer"]]
    taken = member.book.take(body["points"])
    member.book.held += body["points"]
    key = body["order"]["source"], body["order"]["order_no"]
    truth.holds[told["hold"]] = Hold(member, truth.rules.stores[body["store"]], body["coupons"], taken, key)
    for coupon in body["coupons"]:
        truth.coupons[coupon].state = "held"


def confirm(truth: MoneyTruth, hold_id: str, asked: Record, told: dict[str, Any]) -> None:
    """A hold becomes uses, and its points are another unit's to be paid for."""
    hold = truth.holds[hold_id]
    if hold.state != "open":
        return
    hold.state = "confirmed"
    for coupon, use in zip(hold.coupons, told["uses"], strict=True):
        _use(truth, coupon, use["use"], asked)
    points = sum(some for _, some in hold.taken)
    hold.member.book.held -= points
    for lot, some in hold.taken:
        truth.cells[lot.unit, hold.unit] += some
    if points:
        truth.paid[hold.order] = hold, points, hold.taken


def release(truth: MoneyTruth, hold_id: str, asked: Record, told: dict[str, Any]) -> None:
    """A hold that is let go gives everything back."""
    del asked, told
    hold = truth.holds[hold_id]
    if hold.state != "open":
        return
    hold.state = "released"
    hold.member.book.held -= sum(some for _, some in hold.taken)
    hold.member.book.put_back(hold.taken)
    for coupon in hold.coupons:
        truth.coupons[coupon].state = "issued"


def redeem(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    """One coupon used in one step, unless this was a repeat."""
    if told["use"] not in truth.uses and not told["again"]:
        _use(truth, told["coupon"]["id"], told["use"], asked)


def _use(truth: MoneyTruth, coupon_id: str, use: str, asked: Record) -> None:
    coupon = truth.coupons[coupon_id]
    unit, reward = truth.rules.templates[coupon.template]
    coupon.state = "used"
    lot = coupon.member.book.earn(reward, unit=unit, ripe=True, until=lasts_until(truth, asked)) if reward else None
    truth.uses[use] = coupon_id, lot, reward


def reverse(truth: MoneyTruth, use: str, asked: Record, told: dict[str, Any]) -> None:
    """A use taken back with what it brought."""
    del asked, told
    if use not in truth.uses:
        return
    coupon_id, lot, reward = truth.uses.pop(use)
    coupon = truth.coupons[coupon_id]
    coupon.state = "issued"
    if lot is not None:
        coupon.member.book.undo(lot, reward)
