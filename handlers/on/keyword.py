"""A text meets a keyword rule: exact, contained, or by a regular expression."""

from app.core.inbound import Inbound
from handlers.models import Trigger
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears
from handlers.says import from_rule


def act(inbound: Inbound, reads: Reads) -> Outcome | None:
    rule = reads.rules.find(Trigger.KEYWORD, inbound.text("Content"))
    if rule is None:
        return None
    answer = from_rule(rule)
    return Outcome(answer.reply, (fact("keyword.matched", keyword=rule.pattern, rule=rule.public_id, name=rule.name), *answer.drafts))


plugin = On("keyword", Stage.REPLY, hears("text"), act)
