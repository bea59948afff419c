"""A follower scans a channel's code."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears
from handlers.says import at_scene


def act(inbound: Inbound, reads: Reads) -> Outcome:
    scene = said(inbound, "EventKey")
    answer = at_scene(reads, scene)
    return Outcome(answer.reply, (fact("qr.scanned", scene=scene, ticket=said(inbound, "Ticket"), following=True), *answer.drafts))


plugin = On("scan", Stage.RECORD, hears("event:scan"), act)
