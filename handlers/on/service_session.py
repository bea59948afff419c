"""A talk with a human agent begins, ends or changes hands."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "service.session",
        event=inbound.event.lower(),
        agent=said(inbound, "KfAccount"),
        from_agent=said(inbound, "FromKfAccount"),
        to_agent=said(inbound, "ToKfAccount"),
        close_type=said(inbound, "CloseType"),
        session=said(inbound, "SessionFrom"),
    )
    return Outcome(drafts=(draft,))


plugin = On(
    "service_session",
    Stage.RECORD,
    hears("event:kf_create_session", "event:kf_close_session", "event:kf_switch_session", "event:user_enter_tempsession"),
    act,
)
