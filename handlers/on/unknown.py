"""Whatever no other handler understood is kept with all its fields, never dropped and never an error."""

from app.core.inbound import Inbound
from handlers.outcome import On, Outcome, Reads, Stage, hears, kept_whole


def act(inbound: Inbound, reads: Reads) -> Outcome | None:
    if reads.drafts and not reads.failed:
        return None
    return Outcome(drafts=(kept_whole(inbound, reads.failed),))


plugin = On("unknown", Stage.FALLBACK, hears(), act)
