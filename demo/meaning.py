"""What an event means: the facts that must follow from it, written from the platform's documents and the rules in the database."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.found import Account, Definitions, ReplyRule
from demo.truth import Event

# What of a fact's data is compared, by kind; what is not named here is compared by kind, time and person alone.
ESSENCE: Mapping[str, tuple[str, ...]] = {
    "follower.followed": ("how", "scene"),
    "qr.scanned": ("scene", "following"),
    "menu.clicked": ("key",),
    "menu.viewed": ("url",),
    "mini.entered": ("path", "session"),
    "message.received": ("type", "text"),
    "keyword.matched": ("keyword",),
    "card.claimed": ("card_id", "code"),
    "card.viewed": ("card_id", "code"),
    "card.deleted": ("card_id", "code"),
    "template.receipted": ("msgid", "status"),
    "service.session": ("event",),
    "consent.granted": ("purpose", "version"),
    "consent.revoked": ("purpose", "version"),
}
_CONSENTS = ("consent.granted", "consent.revoked")
_CARD_KINDS = {
    "user_get_card": "card.claimed",
    "user_view_card": "card.viewed",
    "user_del_card": "card.deleted",
    "user_gifting_card": "card.given",
    "user_pay_from_pay_cell": "card.paid",
    "user_enter_session_from_card": "card.entered_session",
    "submit_membercard_user_info": "card.activated",
}
_MEDIA = frozenset({"image", "voice", "video", "shortvideo", "link", "file", "location"})


@dataclass(frozen=True, slots=True)
class Meant:
    """A fact that must be on record."""

    event: Event
    account: Account
    kind: str
    data: dict[str, Any]

    @property
    def second(self) -> int:
        return self.event.second

    @property
    def contact(self) -> tuple[str, str]:
        return self.event.appid, self.event.openid


def plain(text: str) -> str:
    """A text as keywords see it: width and case do not count, nor spaces around it."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def meaning(event: Event, definitions: Definitions) -> list[Meant]:
    """The facts of one event."""
    account = definitions.accounts[event.appid]
    rules = [rule for rule in definitions.reply_rules if rule.account_id in (None, account.id)]
    pairs = _of_event(event.fields, rules) if event.fields["MsgType"] == "event" else _of_message(event.fields, rules)
    return [Meant(event, account, kind, data) for kind, data in pairs]


def essence(kind: str, data: Mapping[str, Any]) -> tuple[Any, ...]:
    """The part of a fact's data that is compared."""
    return tuple(data.get(name) for name in ESSENCE.get(kind, ()))


Pairs = list[tuple[str, dict[str, Any]]]


def _of_event(fields: Mapping[str, Any], rules: list[ReplyRule]) -> Pairs:
    name, key = fields["Event"], str(fields.get("EventKey", ""))
    if name == "subscribe":
        return _followed(key, rules)
    if name == "SCAN":
        return [("qr.scanned", {"scene": key, "following": True}), *_consent(rules, "scan", key)]
    if name == "CLICK":
        return [("menu.clicked", {"key": key}), *_consent(rules, "menu", key)]
    if name in _CARD_KINDS:
        return [(_CARD_KINDS[name], {"card_id": fields.get("CardId"), "code": fields.get("UserCardCode")})]
    if name == "user_enter_tempsession":
        # Entering a mini program's chat is both: somebody came, and a talk with the service began.
        return [("mini.entered", {"session": fields.get("SessionFrom")}), ("service.session", {"event": name})]
    simple: dict[str, tuple[str, dict[str, Any]]] = {
        "unsubscribe": ("follower.unfollowed", {}),
        "VIEW": ("menu.viewed", {"url": key}),
        "view_miniprogram": ("mini.entered", {"path": key}),
        "LOCATION": ("location.reported", {}),
        "TEMPLATESENDJOBFINISH": ("template.receipted", {"msgid": str(fields.get("MsgID")), "status": fields.get("Status")}),
    }
    return [simple.get(name, ("event.unknown", {}))]


def _followed(key: str, rules: list[ReplyRule]) -> Pairs:
    consent = _consent(rules, "follow", "")
    if not key.startswith("qrscene_"):
        return [("follower.followed", {"how": "search"}), *consent]
    scene = key.removeprefix("qrscene_")
    facts: Pairs = [("follower.followed", {"how": "qr", "scene": scene}), ("qr.scanned", {"scene": scene, "following": False})]
    return [*facts, *consent, *_consent(rules, "scan", scene)]


def _of_message(fields: Mapping[str, Any], rules: list[ReplyRule]) -> Pairs:
    # WeChat's own samples have blanks around the text of an element, so blanks around a text mean nothing.
    kind, text = fields["MsgType"], str(fields.get("Content", "")).strip()
    if kind not in _MEDIA and kind != "text":
        return [("event.unknown", {})]
    received: Pairs = [("message.received", {"type": kind, "text": text or None})]
    if kind == "text":
        rule = best_rule(rules, "keyword", text)
        if rule is not None:
            return [*received, ("keyword.matched", {"keyword": rule.pattern}), *_recorded(rule)]
    return [*received, *_consent(rules, "default", text)]


def _consent(rules: list[ReplyRule], trigger: str, text: str) -> Pairs:
    rule = best_rule(rules, trigger, text)
    return [] if rule is None else _recorded(rule)


def _recorded(rule: ReplyRule) -> Pairs:
    return [] if rule.records is None else [(rule.records, {"purpose": "join_accounts", "version": rule.version})]


def best_rule(rules: list[ReplyRule], trigger: str, text: str) -> ReplyRule | None:
    """Of the rules that are met the one with the lowest priority number; an account's own goes before one of all accounts."""
    met = [rule for rule in rules if rule.trigger == trigger and _meets(rule, text)]
    return min(met, key=lambda rule: (rule.priority, rule.account_id is None, rule.id), default=None)


def _meets(rule: ReplyRule, text: str) -> bool:
    if rule.trigger in {"follow", "default"} or not rule.pattern:
        return True
    said = plain(text)
    if rule.match == "regex":
        return re.search(rule.pattern, said, re.IGNORECASE) is not None
    wanted = plain(rule.pattern)
    return said == wanted if rule.match == "exact" else wanted in said


def is_consent(kind: str) -> bool:
    """Whether a fact says that accounts may be read as one person, or no longer."""
    return kind in _CONSENTS
