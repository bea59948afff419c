"""One try of a callback on paper: signed, encrypted as the mode asks; and which events are special."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from sandbox.callbacks.body import render, with_both, wrap
from sandbox.callbacks.crypto import decode_key, encrypt, signature

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.world import Event

_CARD_EVENTS: Final = frozenset(
    {
        "card_pass_check",
        "card_not_pass_check",
        "user_get_card",
        "user_gifting_card",
        "user_del_card",
        "user_consume_card",
        "user_pay_from_pay_cell",
        "user_view_card",
        "user_enter_session_from_card",
        "update_member_card",
        "card_sku_remind",
        "card_pay_order",
        "submit_membercard_user_info",
    }
)
# Events after which a person looks at the chat and would see the platform's apology.
_WATCHED: Final = frozenset({"subscribe", "SCAN", "CLICK", "scancode_waitmsg", "scancode_push"})


def is_card_event(event: Event) -> bool:
    """Card events are repeated on a schedule of their own, over a day."""
    return event.fields.get("Event") in _CARD_EVENTS


def is_watched(event: Event) -> bool:
    """Whether the person looks at the chat and would see that nobody answers."""
    return event.fields.get("MsgType") != "event" or event.fields.get("Event") in _WATCHED


def sign(account: Account, event: Event) -> tuple[str, bytes, str]:
    """Return query, body and content type of one try: the same decrypted body, freshly signed and encrypted."""
    # The signature carries real time even when a test moved the platform's clock: receivers bound its age.
    timestamp, nonce = str(int(time.time())), str(secrets.randbelow(2_000_000_000))
    query = f"signature={signature(account.token, timestamp, nonce)}&timestamp={timestamp}&nonce={nonce}"
    query += f"&openid={event.openid}"
    content_type = "application/json" if account.format == "json" else "text/xml"
    if event.rendered is None:
        event.rendered = render(event.fields, account.format)
    if account.mode == "plain":
        return query, event.rendered, content_type
    sealed = encrypt(decode_key(account.aes_key), account.appid, event.rendered)
    query += f"&encrypt_type=aes&msg_signature={signature(account.token, timestamp, nonce, sealed)}"
    if account.mode == "safe":
        return query, wrap(account.original_id, sealed, account.format), content_type
    return query, with_both(event.fields, sealed, account.format), content_type
