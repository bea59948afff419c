"""Somebody takes a card: by himself, as a gift of a friend, or back after deleting it."""

from app.core.inbound import Inbound
from handlers.fields import said, yes
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """The unionid that WeChat adds stays out of the fact: only a consent may join accounts."""
    del reads
    gift = yes(inbound, "IsGiveByFriend")
    draft = fact(
        "card.claimed",
        card_id=said(inbound, "CardId"),
        code=said(inbound, "UserCardCode"),
        outer_str=said(inbound, "OuterStr"),
        outer_id=said(inbound, "OuterId"),
        given_by=said(inbound, "FriendUserName") if gift else None,
        old_code=said(inbound, "OldUserCardCode") if gift else None,
        restored=yes(inbound, "IsRestoreMemberCard"),
        recommended=yes(inbound, "IsRecommendByFriend"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_claimed", Stage.RECORD, hears("event:user_get_card"), act)
