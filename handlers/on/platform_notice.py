"""WeChat tells the account about itself: verification, naming, reviews, publishing."""

from app.core.facts import FactDraft
from app.core.inbound import Inbound
from handlers.fields import rest
from handlers.outcome import On, Outcome, Reads, Stage, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """These notices have fields of their own, so all are kept under the names WeChat gave them."""
    del reads
    return Outcome(drafts=(FactDraft("platform.noticed", {"event": inbound.event.lower(), "fields": rest(inbound)}),))


plugin = On(
    "platform_notice",
    Stage.RECORD,
    hears(
        "event:qualification_verify_success",
        "event:qualification_verify_fail",
        "event:naming_verify_success",
        "event:naming_verify_fail",
        "event:annual_renew",
        "event:verify_expired",
        "event:publishjobfinish",
        "event:wx_verify_*",
        "event:weapp_audit_*",
    ),
    act,
)
