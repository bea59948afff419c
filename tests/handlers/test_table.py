"""Every named event, from the payload as WeChat sends it to the facts, the follower's state and the answer."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select

from app.core.accounts import OpenAccount
from app.core.facts import FactRow, fact_key
from app.core.house import House
from app.core.inbound import Inbound
from app.core.inbox import entry_of
from app.core.nouns import Follower
from app.core.registry import discover
from app.core.unit import reading
from handlers.chain import Chain
from handlers.replies import Reply
from jobs.ingest import record_now
from tests.handlers.conftest import PAYLOADS
from tests.handlers.rows import NOBODY, ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.handler}-{row.payload}")
def test_input_facts_state_reply(
    row: Row,
    house: House,
    chain: Chain,
    rules: dict[str, str],
    make_account: Callable[..., OpenAccount],
    hear_payload: Callable[[OpenAccount, str], Inbound],
) -> None:
    account = make_account(mode="plain", kind="mini" if row.mini else "service")
    inbound = hear_payload(account, row.payload)
    handler = next(each for each in chain.handlers if each.name == row.handler)
    assert handler.matches(inbound)

    outcome = chain.run(inbound, account)
    assert not outcome.stop
    said = inbound if not outcome.person else replace(inbound, openid=outcome.person)
    record_now(house, entry_of(said, outcome.drafts))

    with reading(house.engine) as session:
        stored = {fact.key: fact for fact in session.scalars(select(FactRow).where(FactRow.key.startswith(inbound.key)))}
        followers = session.scalars(select(Follower).where(Follower.account_id == account.id)).all()
    in_order = [stored[fact_key(inbound.key, draft)] for draft in outcome.drafts]
    expected = [(kind, {**data, "rule": rules[data["name"]]} if kind == "keyword.matched" else data) for kind, data in row.facts]
    assert [(fact.kind, fact.data) for fact in in_order] == expected
    assert len(stored) == len(in_order)
    assert {fact.occurred_at for fact in in_order} == {inbound.occurred_at}
    assert [follower.state for follower in followers] == ([] if row.state is NOBODY else [row.state])
    assert _shown(outcome.reply, inbound) == row.reply


def test_every_handler_has_a_row() -> None:
    handlers = {plugin.name for plugin in discover("handlers.on")}
    assert handlers - {row.handler for row in ROWS} == set()


def test_every_payload_is_in_the_table() -> None:
    assert {path.name for path in PAYLOADS.iterdir()} == {row.payload for row in ROWS}


def test_every_topic_a_handler_names_has_a_payload(
    chain: Chain, make_account: Callable[..., OpenAccount], hear_payload: Callable[[OpenAccount, str], Inbound]
) -> None:
    service, mini = make_account(mode="plain"), make_account(mode="plain", kind="mini")
    heard = {
        f"{inbound.msg_type}:{inbound.event.lower()}".removesuffix(":")
        for row in ROWS
        if (inbound := hear_payload(mini if row.mini else service, row.payload))
    }
    named = {topic for handler in chain.handlers for topic in handler.hears if not topic.endswith("*")}
    assert named - heard == set()


def _shown(reply: Reply | None, inbound: Inbound) -> str | None:
    if reply is None:
        return None
    root = ET.fromstring(reply.render(to=inbound.openid, sender=inbound.text("ToUserName"), at=inbound.received_at))
    assert root.findtext("ToUserName") == inbound.openid
    assert root.findtext("FromUserName") == inbound.text("ToUserName")
    return root.findtext("Content") or f"<{root.findtext('MsgType')}>"
