"""Somebody follows the account, with or without a channel's code."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.models import Trigger
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears
from handlers.says import at_scene, from_rule

_SCENE = "qrscene_"
_PAID = "last_trade_no_"


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """A follow through a code is a follow and a scan; the channel's welcome goes before the account's own greeting."""
    key, ticket = said(inbound, "EventKey"), said(inbound, "Ticket")
    greeting = from_rule(reads.rules.find(Trigger.FOLLOW))
    if not key.startswith(_SCENE):
        how = "paid" if key.startswith(_PAID) else "search"
        return Outcome(greeting.reply, (fact("follower.followed", how=how), *greeting.drafts))
    scene = key.removeprefix(_SCENE)
    welcome = at_scene(reads, scene)
    return Outcome(
        welcome.reply or greeting.reply,
        (
            fact("follower.followed", how="qr", scene=scene, ticket=ticket),
            fact("qr.scanned", scene=scene, ticket=ticket, following=False),
            *greeting.drafts,
            *welcome.drafts,
        ),
    )


plugin = On("follow", Stage.RECORD, hears("event:subscribe"), act)
