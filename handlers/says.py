"""What a rule or a channel says to a person, and the consent it puts on record."""

from app.core.log import get_logger
from handlers.models import Trigger
from handlers.outcome import Outcome, Reads
from handlers.replies import Reply, parse_reply
from handlers.rulebook import RuleView

log = get_logger(__name__)


def from_rule(rule: RuleView | None) -> Outcome:
    """The reply and the consent of a rule; nothing when there is no rule."""
    return Outcome() if rule is None else Outcome(rule.reply, rule.consent(f"{rule.trigger}:{rule.name}"))


def at_scene(reads: Reads, scene: str) -> Outcome:
    """What a scanned code says: the welcome of its channel, else the rule for its scene. The rule's consent counts either way."""
    answer = from_rule(reads.rules.find(Trigger.SCAN, scene))
    return Outcome(_welcome(reads, scene) or answer.reply, answer.drafts)


def _welcome(reads: Reads, scene: str) -> Reply | None:
    try:
        channel = reads.channels.find(reads.account.id, scene)
        return None if channel is None or channel.welcome is None else parse_reply(channel.welcome)
    except Exception as error:  # noqa: BLE001 - a channel that cannot be read costs its greeting, never the follow itself.
        log.warning("welcome_unreadable", appid=reads.account.appid, error=type(error).__name__)
        return None
