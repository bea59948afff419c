"""Legacy cards: kinds of cards, their stock, and how they are handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import Call, call, effect_of, refuse
from sandbox.state.account import Card
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

# Since 2021-04-01 the platform makes no new coupons; issued ones keep working.
MEMBER: Final = "MEMBER_CARD"
COUPONS: Final = frozenset({"GROUPON", "CASH", "DISCOUNT", "GIFT", "GENERAL_COUPON"})
_REQUIRED: Final = ("logo_url", "brand_name", "code_type", "title", "color", "notice", "description", "date_info", "sku")
_LONGEST: Final = {"brand_name": 12, "title": 9, "notice": 16, "description": 1024}
_MEMBER_REQUIRED: Final = ("prerogative", "supply_bonus", "supply_balance")
_CODE_TYPES: Final = frozenset(
    {"CODE_TYPE_TEXT", "CODE_TYPE_BARCODE", "CODE_TYPE_QRCODE", "CODE_TYPE_ONLY_BARCODE", "CODE_TYPE_ONLY_QRCODE", "CODE_TYPE_NONE"}
)
MAX_STOCK: Final = 100_000_000
MAX_CARDS: Final = 10_000


def card_of(call_: Call, card_id: object) -> Card:
    """Return a kind of card of the account; refuses with 41012 or 40053."""
    if not card_id:
        refuse(41012)
    found = call_.account.cards.get(card_id) if isinstance(card_id, str) else None
    if found is None:
        refuse(45030)
    return found


@call("/card/create")
def create_card(call_: Call) -> Record:
    """Create a member card, or a coupon where the settings still allow the old ones."""
    card = call_.mapping("card", 41011)
    type_ = card.get("card_type")
    if not isinstance(type_, str) or (type_ != MEMBER and type_ not in COUPONS):
        refuse(40071)
    if type_ in COUPONS and not call_.world.settings.legacy_coupons:
        refuse(48001, "no new coupons since 2021-04-01")
    body = card.get(type_.lower())
    if not isinstance(body, dict):
        refuse(41011, type_.lower())
    base = body.get("base_info")
    if not isinstance(base, dict):
        refuse(41011, "base_info")
    _check_base(base)
    if type_ == MEMBER:
        for name in _MEMBER_REQUIRED:
            if name not in body:
                refuse(41011, name)
    if len(call_.account.cards) >= MAX_CARDS:
        refuse(45009)
    card_id = "p" + text_id(call_.world.seed, "card", call_.account.appid, call_.world.n, length=27)
    stock = _stock(base["sku"])
    limit = base.get("get_limit", 1 if type_ == MEMBER else 50)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        refuse(40097, "get_limit")
    call_.accept(card_id=card_id, card_type=type_, body=body, quantity=stock, get_limit=limit)
    return {"card_id": card_id}


def _check_base(base: Record) -> None:
    for name in _REQUIRED:
        if not base.get(name):
            refuse(41011, name)
    for name, limit in _LONGEST.items():
        if not isinstance(base[name], str) or len(base[name]) > limit:
            refuse(45021, name)
    code_type = base["code_type"]
    if code_type not in _CODE_TYPES and f"CODE_TYPE_{code_type}" not in _CODE_TYPES:
        refuse(40097, "code_type")


def _stock(sku: Any) -> int:
    quantity = sku.get("quantity") if isinstance(sku, dict) else None
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity <= MAX_STOCK:
        refuse(40122)
    return quantity


@effect_of("/card/create")
def card_created(world: World, account: Account, effect: Record) -> None:
    """Keep the card."""
    del world
    card = Card(effect["card_id"], effect["card_type"], effect["body"], effect["quantity"], effect["get_limit"])
    account.cards[card.card_id] = card


@call("/card/get")
def get_card(call_: Call) -> Record:
    """Return a card as it was made, with stock and status."""
    card = card_of(call_, call_.body.get("card_id"))
    base: Any = card.body["base_info"]
    sku = {"quantity": card.quantity, "total_quantity": base["sku"]["quantity"]}
    shown = {**card.body, "base_info": {**base, "id": card.card_id, "status": card.status, "sku": sku}}
    return {"card": {"card_type": card.card_type, card.card_type.lower(): shown}}


@call("/card/batchget")
def list_cards(call_: Call) -> Record:
    """List card ids."""
    offset, count = call_.integer("offset", default=0), call_.integer("count", default=50)
    if offset < 0 or not 0 < count <= 50:
        refuse(40097)
    ids = list(call_.account.cards)
    return {"card_id_list": ids[offset : offset + count], "total_num": len(ids)}


@call("/card/update")
def update_card(call_: Call) -> Record:
    """Change a card; `send_check` says whether it has to be reviewed again."""
    card = card_of(call_, call_.body.get("card_id"))
    change = call_.body.get(card.card_type.lower())
    if not isinstance(change, dict):
        refuse(41011, card.card_type.lower())
    base = change.get("base_info", {})
    if not isinstance(base, dict):
        refuse(40097, "base_info")
    call_.accept(card_id=card.card_id, change={**change, "base_info": base})
    return {"send_check": False}


@effect_of("/card/update")
def card_updated(world: World, account: Account, effect: Record) -> None:
    """Keep the change."""
    del world
    card = account.cards[effect["card_id"]]
    base: Any = card.body["base_info"]
    card.body = {**card.body, **effect["change"], "base_info": {**base, **effect["change"]["base_info"]}}


@call("/card/modifystock")
def modify_stock(call_: Call) -> Record:
    """Raise or lower the stock."""
    card = card_of(call_, call_.body.get("card_id"))
    change = call_.integer("increase_stock_value", default=0) - call_.integer("reduce_stock_value", default=0)
    if not 0 <= card.quantity + change <= MAX_STOCK:
        refuse(40122)
    call_.accept(card_id=card.card_id, change=change)
    return {}


@effect_of("/card/modifystock")
def stock_modified(world: World, account: Account, effect: Record) -> None:
    """Keep the stock."""
    del world
    account.cards[effect["card_id"]].quantity += effect["change"]


@call("/card/delete")
def delete_card(call_: Call) -> Record:
    """Delete a kind of card; cards in wallets stay."""
    call_.accept(card_id=card_of(call_, call_.body.get("card_id")).card_id)
    return {}


@effect_of("/card/delete")
def card_deleted(world: World, account: Account, effect: Record) -> None:
    """Forget the card."""
    del world
    account.cards.pop(effect["card_id"], None)


@call("/card/qrcode/create")
def card_code(call_: Call) -> Record:
    """Make a code that hands out one card or several."""
    action, info = call_.body.get("action_name"), call_.mapping("action_info", 40053)
    if action == "QR_CARD":
        wanted: Any = [info.get("card")]
    elif action == "QR_MULTIPLE_CARD":
        many = info.get("multiple_card")
        wanted = many.get("card_list") if isinstance(many, dict) else []
    else:
        refuse(40053)
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 5 or not all(isinstance(item, dict) for item in wanted):
        refuse(40053)
    for item in wanted:
        _check_handed_out(call_, item)
    expire_s = call_.integer("expire_seconds", default=365 * 86_400)
    if "expire_seconds" in call_.body and not 60 <= expire_s <= 1800:
        refuse(40097, "expire_seconds")
    ticket = "gQ" + text_id(call_.world.seed, "card code", call_.account.appid, call_.world.n, length=80)
    url = "http://weixin.qq.com/q/03" + text_id(ticket, length=20)
    call_.accept(ticket=ticket, scene=f"card:{wanted[0]['card_id']}", textual=True, url=url, expires_at=0, is_card=True)
    shown = f"https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket={ticket}"
    return {"ticket": ticket, "expire_seconds": expire_s, "url": url, "show_qrcode_url": shown}


def _check_handed_out(call_: Call, item: Record) -> None:
    card = card_of(call_, item.get("card_id"))
    base: Any = card.body["base_info"]
    if base.get("use_custom_code") and not item.get("code"):
        refuse(40056)
    if base.get("bind_openid") and not item.get("openid"):
        refuse(41009)
    if card.quantity <= 0:
        refuse(45031)


@call("/card/testwhitelist/set")
def set_whitelist(call_: Call) -> Record:
    """Name the testers of unreviewed cards."""
    openids = call_.body.get("openid", [])
    if not isinstance(openids, list) or len(openids) > 10:
        refuse(40032)
    for openid in openids:
        call_.contact(openid)
    call_.accept(openids=openids)
    return {}


@call("/card/user/getcardlist")
def cards_of(call_: Call) -> Record:
    """List the usable cards in a person's wallet."""
    contact, card_id = call_.contact(call_.body.get("openid")), call_.text("card_id", default="")
    mine = [call_.account.card_codes[code] for code in contact.codes]
    usable = [c for c in mine if c.status == "NORMAL" and (not card_id or c.card_id == card_id)]
    return {"card_list": [{"code": c.code, "card_id": c.card_id} for c in usable], "has_share_card": False}
