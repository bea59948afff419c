"""Somebody gives his card to a friend or into a group, or it comes back unclaimed."""

from app.core.inbound import Inbound
from handlers.fields import said, yes
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "card.given",
        card_id=said(inbound, "CardId"),
        code=said(inbound, "UserCardCode"),
        to=said(inbound, "FriendUserName"),
        returned=yes(inbound, "IsReturnBack"),
        chat_room=yes(inbound, "IsChatRoom"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_given", Stage.RECORD, hears("event:user_gifting_card"), act)
