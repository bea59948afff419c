"""What runs by the clock: every entry may run twice or late and changes nothing the second time."""

from dataclasses import dataclass

from app.core.house import current
from jobs import coupons
from jobs import night as money
from jobs.broadcasts.sweep import sweep_broadcasts
from jobs.crm import sweep_questions
from jobs.followers.acquaint import acquaint
from jobs.mirrors import sweep_mirrors
from jobs.reactions_run import sweep_reactions
from jobs.reminders import remind_members
from tagging.channels import renew_channels
from tagging.expiry import expire_tags
from tagging.mirror import sweep_tag_mirrors

SWEEP_S = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timetable: a function of this module, its queue, and every how many seconds or at which cron time (Asia/Shanghai)."""

    function: str
    queue: str
    every_s: int | None = None
    cron: str | None = None


TIMETABLE = (
    Entry("jobs.schedule.sweep", "urgent", every_s=SWEEP_S),
    Entry("jobs.schedule.tidy", "default", every_s=60),
    Entry("jobs.schedule.greet", "default", every_s=15),
    Entry("jobs.schedule.renew", "default", cron="30 3 * * *"),
    Entry("jobs.schedule.free", "default", every_s=60),
    Entry("jobs.schedule.mirrors", "default", every_s=300),
    Entry("jobs.schedule.carry", "default", cron="20 * * * *"),
    Entry("jobs.schedule.remind", "default", cron="0 10 * * *"),
    Entry("jobs.schedule.night", "default", cron="5,15,25,35,45,55 0-5 * * *"),
)


def sweep() -> None:
    """Find what no wake-up was heard for: due reactions, broadcasts to start or to drain, receipts to join, questions to the CRM."""
    house = current()
    sweep_reactions(house)
    sweep_broadcasts()
    sweep_questions(house)


def tidy() -> None:
    """Take off tags whose time has run out; queries have stopped seeing them already."""
    expire_tags(current())


def greet() -> None:
    """Look up followers who are known by what they did alone."""
    acquaint(current())


def renew() -> None:
    """Renew the temporary channel codes that run out within three days."""
    renew_channels(current())


def free() -> None:
    """Release coupons, points and value whose ten minutes at a till are over; go on with bulk issues that stopped."""
    coupons.sweep_coupons(current())
    money.free_holds()


def night() -> None:
    """Activate, expire, judge tiers, attach orders, from midnight in Shanghai: a run that was cut off is gone on with ten minutes later."""
    money.night()
    coupons.night(current())


def remind() -> None:
    """Remind members of what is about to expire, at ten in the morning, where WeChat allows it."""
    remind_members(current())


def mirrors() -> None:
    """Let cards at WeChat that lag behind the ledger catch up."""
    sweep_mirrors(current())


def carry() -> None:
    """Make who carries a mirrored tag at WeChat those who have it here, every hour: WeChat counts the calls of a day."""
    sweep_tag_mirrors(current())
