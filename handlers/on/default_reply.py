"""A message that nobody answered gets the account's default reply."""

from app.core.inbound import Inbound
from handlers.models import Trigger
from handlers.outcome import On, Outcome, Reads, Stage, hears
from handlers.says import from_rule

_MESSAGES = ("text", "image", "voice", "video", "shortvideo", "link", "file", "location", "miniprogrampage")


def act(inbound: Inbound, reads: Reads) -> Outcome | None:
    """A keyword that was met is an answer even when its rule says nothing."""
    if reads.reply is not None or reads.has("keyword.matched"):
        return None
    answer = from_rule(reads.rules.find(Trigger.DEFAULT, inbound.text("Content")))
    return answer if answer.reply or answer.drafts else None


plugin = On("default_reply", Stage.FALLBACK, hears(*_MESSAGES), act)
