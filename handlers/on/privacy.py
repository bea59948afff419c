"""Somebody changes or takes back what a mini program may know of him; what must be deleted is settled where the fact is recorded."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """The person is in `OpenID`; the sender may be WeChat's own team."""
    del reads
    draft = fact(
        "privacy.changed",
        event=inbound.event.lower(),
        revoke_info=said(inbound, "RevokeInfo"),
        plugin_id=said(inbound, "PluginID"),
        open_pid=said(inbound, "OpenPID"),
    )
    return Outcome(drafts=(draft,), person=_person(inbound))


def _person(inbound: Inbound) -> str:
    openid = said(inbound, "OpenID")
    fit = len(openid) <= 64 and openid.isascii() and openid.replace("_", "").replace("-", "").isalnum()
    return openid if fit else ""


plugin = On(
    "privacy",
    Stage.RECORD,
    hears("event:user_info_modified", "event:user_authorization_revoke", "event:user_authorization_cancellation"),
    act,
)
