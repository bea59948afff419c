"""The shop of the money: units, stores, goods, tiers, the earning rule, coupons and prices, as data."""

from dataclasses import dataclass

PROGRAMME = "海岸会员"
PENDING_DAYS, MONTHS = 7, 12
MALL, MARKET = "海岸百货", "海岸超市"
STORES = {"B01": MALL, "B02": MALL, "S01": MARKET, "S02": MARKET}
STORE_NAMES = {"B01": "百货一店", "B02": "百货二店", "S01": "超市一店", "S02": "超市二店"}
TILLS = {MALL: "till-mall", MARKET: "till-market"}
GIFT = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One tier: `threshold` in fen spent, `percent` of the points, `discount` in percent, `face` of the card."""

    name: str
    threshold: int
    percent: int
    discount: int
    face: str


TIERS = (Step("银卡", 0, 100, 0, "silver"), Step("金卡", 60_000, 120, 5, "gold"), Step("黑金卡", 200_000, 150, 10, "diamond"))


@dataclass(frozen=True, slots=True)
class Good:
    """An article and what one piece costs in fen."""

    sku: str
    name: str
    category: str
    fen: int


GOODS = {
    MALL: (Good("LIP", "口红", "美妆", 19_900), Good("TEE", "T 恤", "服饰", 12_950), Good("CUP", "马克杯", "家居", 4_590)),
    MARKET: (Good("MILK", "牛奶", "食品", 1_290), Good("TEA", "茶叶", "食品", 8_880), Good("SOAP", "香皂", "日用", 2_330)),
}
RULE = "消费得积分"
RATE = {"points": 1, "per_fen": 100}
SPECIAL = {"美妆": 2}
"""Points for every yuan, by category."""
POINTS_PAY = {"fen_per_100_points": 100, "cap_percent": 50, "least_points": 10}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A coupon template."""

    name: str
    unit: str
    type: str
    terms: dict[str, object]
    minimum_fen: int
    reward: int


TICKETS = (
    Ticket("满 100 减 20", MALL, "amount_off", {"amount_fen": 2_000}, 10_000, 0),
    Ticket("试吃礼券", MARKET, "gift", {"gift": "试吃装"}, 0, 30),
)
PRICES = {(MALL, MARKET): (650_500, "issuer_pays"), (MARKET, MALL): (800_000, "group_bears")}
"""Millionths of a fen per point, and who pays, by (issuing, redeeming) unit."""
CLOSED = "2026-01"
"""A month long over, closed before the day begins."""
