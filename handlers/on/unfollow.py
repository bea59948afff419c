"""Somebody un-follows the account; what must be forgotten is settled where the fact is recorded."""

from app.core.inbound import Inbound
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del inbound, reads
    return Outcome(drafts=(fact("follower.unfollowed"),))


plugin = On("unfollow", Stage.RECORD, hears("event:unsubscribe"), act)
