"""The wallet: take, view, give, delete and pay with a card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.acts.base import Act, ActImpossibleError, ActWrongError, Happening, applies, performs
from sandbox.state.account import CardCode
from sandbox.state.identity import digest, text_id

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

GONE = frozenset({"DELETE", "CONSUMED", "UNAVAILABLE", "GIFT_SUCC", "EXPIRE"})


def new_code(act: Act, card_id: str) -> str:
    """Return twelve digits that no other card of the account has."""
    salt = len(act.account.card_codes)
    while True:
        raw = digest(act.world.seed, "code", act.account.appid, card_id, act.person.id, salt, size=6)
        code = f"{int.from_bytes(raw) % 10**12:012d}"
        if code not in act.account.card_codes:
            return code
        salt += 1


@performs("take_card")
def take_card(act: Act) -> Happening:
    """Put a card into the wallet; `from_code` takes one that a friend gives away."""
    card_id = act.text("card_id")
    card = act.account.cards.get(card_id)
    owned = [mine for mine in _wallet(act) if mine.card_id == card_id]
    from_code = act.text("from_code", "")
    if card and not from_code:
        if card.quantity <= 0:
            message = f"no {card_id} left"
            raise ActImpossibleError(message)
        if sum(1 for one in owned if one.status != "DELETE") >= card.get_limit:
            message = f"{act.person.id} has as many of {card_id} as one may"
            raise ActImpossibleError(message)
    giver = _given(act, from_code) if from_code else None
    code = act.text("code", "") or new_code(act, card_id)
    if code in act.account.card_codes:
        message = f"code {code} is taken"
        raise ActImpossibleError(message)
    restored = card is not None and card.card_type == "MEMBER_CARD" and any(o.status == "DELETE" for o in owned)
    fields = act.event(
        "user_get_card",
        CardId=card_id,
        IsGiveByFriend=1 if giver else 0,
        UserCardCode=code,
        FriendUserName=giver.openid if giver else "",
        OuterId=0,
        OldUserCardCode=from_code,
        OuterStr=act.text("outer_str", ""),
        IsRestoreMemberCard=1 if restored else 0,
        IsRecommendByFriend=0,
        UnionId=act.contact.unionid,
    )
    return Happening(fields, None, {"code": code})


def _given(act: Act, code: str) -> CardCode:
    found = act.account.card_codes.get(code)
    if found is None or found.status != "GIFTING" or found.openid == act.contact.openid:
        message = f"nobody is giving away {code}"
        raise ActImpossibleError(message)
    return found


def _wallet(act: Act) -> list[CardCode]:
    """Return every card the person ever had of this account, oldest first."""
    return [act.account.card_codes[code] for code in act.contact.codes]


def _own(act: Act) -> CardCode:
    """Return the card of the act, which must be in this person's wallet and usable."""
    card_id, code = act.text("card_id"), act.text("code", "")
    if code:
        found = act.account.card_codes.get(code)
    else:
        usable = (mine for mine in reversed(_wallet(act)) if mine.card_id == card_id and mine.status not in GONE)
        found = next(usable, None)
    if found is None or found.openid != act.contact.openid or found.card_id != card_id:
        message = f"{act.person.id} has no such card"
        raise ActImpossibleError(message)
    if found.status in GONE:
        message = f"the card is {found.status}"
        raise ActImpossibleError(message)
    return found


@performs("delete_card")
def delete_card(act: Act) -> Happening:
    """Throw a card away."""
    mine = _own(act)
    return Happening(act.event("user_del_card", CardId=mine.card_id, UserCardCode=mine.code))


@performs("give_card")
def give_card(act: Act) -> Happening:
    """Offer a card to a friend; `back` takes the offer back."""
    mine = _own(act)
    return Happening(
        act.event(
            "user_gifting_card",
            CardId=mine.card_id,
            UserCardCode=mine.code,
            IsReturnBack=1 if act.params.get("back") else 0,
            FriendUserName=act.text("friend", ""),
            IsChatRoom=0,
        )
    )


@performs("view_card")
def view_card(act: Act) -> Happening:
    """Look at a card."""
    mine = _own(act)
    return Happening(act.event("user_view_card", CardId=mine.card_id, UserCardCode=mine.code, OuterStr=mine.outer_str))


@performs("enter_from_card")
def enter_from_card(act: Act) -> Happening:
    """Enter the account's chat from a card."""
    mine = _own(act)
    return Happening(act.event("user_enter_session_from_card", CardId=mine.card_id, UserCardCode=mine.code))


@performs("submit_card_form")
def submit_card_form(act: Act) -> Happening:
    """Submit the activation form; the phone comes from the person unless `form` says another."""
    mine = _own(act)
    form = act.params.get("form", {})
    if not isinstance(form, dict) or not all(isinstance(part, str) for pair in form.items() for part in pair):
        message = "form is an object of texts"
        raise ActWrongError(message)
    full = {"USER_FORM_INFO_FLAG_MOBILE": act.person.phone, "USER_FORM_INFO_FLAG_NAME": act.person.name, **form}
    told = {"code": mine.code, "activate_ticket": activate_ticket(mine), "encrypt_code": encrypt_code(mine)}
    fields = act.event("submit_membercard_user_info", CardId=mine.card_id, UserCardCode=mine.code)
    return Happening(fields, {"form": full}, told)


@performs("pay_card")
def pay_card(act: Act) -> Happening:
    """Pay at the till with a card; `fee` and `original_fee` are fen."""
    mine = _own(act)
    fee = int(act.number("fee"))
    trans = act.text("trans_id", "42000" + digest("trans", act.world.seed, act.world.n, size=8).hex())
    fields = act.event(
        "user_pay_from_pay_cell",
        CardId=mine.card_id,
        UserCardCode=mine.code,
        TransId=trans,
        LocationId=int(act.number("location_id", 291710000)),
        Fee=str(fee),
        OriginalFee=str(int(act.number("original_fee", fee))),
    )
    return Happening(fields)


def activate_ticket(code: CardCode) -> str:
    """Return the ticket with which the account may read the submitted form."""
    return text_id("activate", code.card_id, code.code, length=86)


def encrypt_code(code: CardCode) -> str:
    """Return the code as the platform hides it in a URL."""
    return text_id("encrypt", code.card_id, code.code, length=64)


@applies("take_card")
def apply_take(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Make the card in the wallet."""
    del world
    fields = entry["fields"]
    code = CardCode(fields["UserCardCode"], fields["CardId"], contact.openid, contact.person)
    code.outer_str = fields["OuterStr"]
    code.begin_time = fields["CreateTime"]
    account.card_codes[code.code] = code
    contact.codes.append(code.code)
    card = account.cards.get(code.card_id)
    given = account.card_codes.get(fields["OldUserCardCode"])
    if given:
        given.status = "GIFT_SUCC"
    elif card:
        card.quantity -= 1


@applies("delete_card")
def apply_delete(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Mark the card deleted."""
    del world, contact
    account.card_codes[entry["fields"]["UserCardCode"]].status = "DELETE"


@applies("give_card")
def apply_give(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Mark the card offered, or no longer."""
    del world, contact
    fields = entry["fields"]
    account.card_codes[fields["UserCardCode"]].status = "NORMAL" if fields["IsReturnBack"] else "GIFTING"


@applies("submit_card_form")
def apply_form(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Keep the form; a card with wx_activate is active from here on unless the account wants to confirm."""
    del world, contact
    code = account.card_codes[entry["fields"]["UserCardCode"]]
    code.form = entry["form"]
    card = account.cards.get(code.card_id)
    if card and card.body.get("wx_activate") and not card.body.get("wx_activate_after_submit"):
        code.active = True
        code.membership_number = code.membership_number or code.code


@applies("pay_card")
def apply_pay(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """A payment opens service messages for 48 hours."""
    del world, account
    contact.open_window("pay", entry["fields"]["CreateTime"])
