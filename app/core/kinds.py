"""What kinds of facts say about the person: who acted, who was merely acted upon, and what is about nobody."""

from collections.abc import Mapping
from typing import Any

FOLLOWED = "follower.followed"
UNFOLLOWED = "follower.unfollowed"
CHECKED = "follower.checked"
DISPUTED = "follower.disputed"
ERASED = "follower.erased"
SCANNED = "qr.scanned"
JOINED = "customer.joined"
SPLIT = "customer.split"
CONSENT_GRANTED = "consent.granted"
CONSENT_REVOKED = "consent.revoked"
PRIVACY_CHANGED = "privacy.changed"

# Facts about the account: their sender is no person, so they make no follower.
ABOUT_NOBODY = frozenset({"mass.receipted", "platform.noticed", "card.checked", "card.stock_low", "card.ordered"})

# Facts the person did not bring about at that moment: they say nothing about whether he follows or was active.
PASSIVE = ABOUT_NOBODY | {
    "template.receipted",
    "subscribe.sent",
    "card.updated",
    "service.session",
    PRIVACY_CHANGED,
    "event.unknown",
    UNFOLLOWED,
    CHECKED,
    DISPUTED,
    ERASED,
    JOINED,
    SPLIT,
}

# Facts that WeChat also sends for people who do not follow: a card can be taken or deleted by anybody, and a code scanned before following.
WITHOUT_FOLLOWING = ("card.", "coupon.", "giftcard.", "subscribe.", "mini.", "order.")

ONLY_FOLLOWERS = ("menu.", "message.", "keyword.", "location.")


def shows_following(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether only a follower of the account can have brought this about; a scan says itself whether its person follows already."""
    if kind == SCANNED:
        return data.get("following") is True
    return kind not in PASSIVE and not kind.startswith(WITHOUT_FOLLOWING)


def proves_following(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether this is one of WeChat's own events that only a follower causes; facts of our own rooms prove nothing."""
    return kind.startswith(ONLY_FOLLOWERS) or (kind == SCANNED and data.get("following") is True)


def shows_activity(kind: str) -> bool:
    """Whether the person did something, so that he counts as active on this account."""
    return kind not in PASSIVE


def closes_account(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether a person of a mini program ended his account there (用户完成注销), which obliges us to delete what we know of him."""
    return kind == PRIVACY_CHANGED and data.get("event") == "user_authorization_cancellation"
