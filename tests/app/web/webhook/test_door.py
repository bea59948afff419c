"""The webhook end to end: what is accepted, what is refused, and what an answer looks like."""

from collections.abc import Callable

from flask.testing import FlaskClient

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.inbox import Entry
from app.core.unit import work
from handlers.models import ReplyRule, Trigger
from tests.support.letters import echo, letter, read_reply

FOLLOW = (
    "<xml><ToUserName><![CDATA[gh_fanka]]></ToUserName><FromUserName><![CDATA[oLinxxxxxxxxxxxxxxxxxxxxxxx3]]></FromUserName>"
    "<CreateTime>1795320000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe]]></Event></xml>"
)


def entries(house: House) -> list[Entry]:
    return [Entry.unpack(fields[b"d"]) for _, fields in house.inbox.redis.xrange(house.inbox.stream)]


def test_a_follow_is_in_the_inbox_and_greeted(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account(mode="safe")
    with work(house.engine) as session:
        session.add(
            ReplyRule(
                name="greeting",
                trigger=Trigger.FOLLOW,
                reply={"type": "text", "content": "欢迎 ]]> Lin"},
                created_at=house.clock.now(),
                changed_at=house.clock.now(),
            )
        )
    sent = letter(account, FOLLOW, now=house.clock.now())
    answer = client.post(sent.url, data=sent.body, content_type=sent.content_type)
    assert answer.status_code == 200
    reply = read_reply(account, answer.data)
    assert reply is not None
    assert reply.findtext("Content") == "欢迎 ]]> Lin"
    assert reply.findtext("ToUserName") == "oLinxxxxxxxxxxxxxxxxxxxxxxx3"
    assert reply.findtext("FromUserName") == "gh_fanka"
    (entry,) = entries(house)
    assert [(draft.kind, draft.data) for draft in entry.drafts] == [("follower.followed", {"how": "search"})]


def test_the_echo_comes_back_as_it_was(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account()
    answer = client.get(echo(account, now=house.clock.now(), echostr="5817234").url)
    assert (answer.status_code, answer.data) == (200, b"5817234")
