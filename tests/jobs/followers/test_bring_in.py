"""Existing followers come in once, in as few calls as WeChat allows, whatever kills the import."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError
from app.core.facts import FactRow
from app.core.nouns import Customer, Follower
from app.core.observe import observe
from app.core.unit import reading, work
from jobs.followers import bring_in
from jobs.followers.bring_in import import_followers, import_progress
from jobs.followers.learn import checked
from jobs.reactions_run import run_reactions
from tests.support.cast import LIN, Person
from tests.support.stories import hear, said


@pytest.fixture
def account(house, sandbox, make_account):
    made = make_account()
    sandbox.add_account(made, open_platform="group")
    return made


def let_follow(sandbox, account, number):
    people = sandbox.control("people", {"count": number})["people"]
    for start in range(0, number, 1000):
        acts = [{"person": each["id"], "appid": account.appid, "do": "follow", "how": "search"} for each in people[start : start + 1000]]
        sandbox.control("act", acts)
    return people


def calls(sandbox):
    sandbox.idle()
    with sandbox.log.open() as lines:
        records = [json.loads(line) for line in lines]
    last_reset = max(
        (number for number, each in enumerate(records) if each["type"] == "control" and "reset" in json.dumps(each)), default=0
    )
    return Counter(each["path"] for each in records[last_reset:] if each["type"] == "call")


def followers(house):
    with reading(house.engine) as session:
        return list(session.scalars(select(Follower).order_by(Follower.id)))


def test_everybody_comes_in_with_what_wechat_knows(house, sandbox, account):
    people = let_follow(sandbox, account, 250)
    told = []
    end = import_followers(house, account, tell=told.append)
    assert (end.total, end.listed, end.read, end.finished) == (250, 250, 250, True)
    assert [step.read for step in told] == [0, 100, 200, 250, 250]
    rows = followers(house)
    assert {row.openid for row in rows} == {sandbox.person(person["id"])["openids"][account.appid] for person in people}
    assert all(row.state == "following" and row.unionid and row.subscribed_at and row.subscribe_scene == "ADD_SCENE_SEARCH" for row in rows)
    seen = calls(sandbox)
    assert (seen["/cgi-bin/user/get"], seen["/cgi-bin/user/info/batchget"]) == (1, 3)


def test_a_killed_import_goes_on_where_it_stopped(house, sandbox, account):
    let_follow(sandbox, account, 250)

    def die(progress):
        if progress.read == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_followers(house, account, tell=die)
    with reading(house.engine) as session:
        halfway = import_progress(session, account_id=account.id)
    assert halfway is not None
    assert (halfway.listed, halfway.read, halfway.finished) == (250, 100, False)
    import_followers(house, account)
    seen = calls(sandbox)
    assert (seen["/cgi-bin/user/get"], seen["/cgi-bin/user/info/batchget"]) == (1, 3)
    assert len(followers(house)) == 250


def test_killed_between_the_answer_and_the_commit_only_that_call_is_made_again(house, sandbox, account, monkeypatch):
    let_follow(sandbox, account, 150)
    learn, died = bring_in.learn, []

    def learn_once(*args, **wishes):
        if not died:
            died.append(True)
            raise KeyboardInterrupt
        return learn(*args, **wishes)

    monkeypatch.setattr(bring_in, "learn", learn_once)
    with pytest.raises(KeyboardInterrupt):
        import_followers(house, account)
    import_followers(house, account)
    seen = calls(sandbox)
    assert (seen["/cgi-bin/user/get"], seen["/cgi-bin/user/info/batchget"]) == (1, 3)
    assert all(row.unionid for row in followers(house))


def test_a_second_import_begins_anew_and_makes_nobody_twice(house, sandbox, account):
    let_follow(sandbox, account, 20)
    import_followers(house, account)
    house.clock.advance(timedelta(minutes=1))
    import_followers(house, account)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 20


def test_who_left_after_the_list_was_made_stays_gone(house, sandbox, account):
    people = let_follow(sandbox, account, 1)
    import_followers(house, account)
    openid = sandbox.person(people[0]["id"])["openids"][account.appid]
    who = Person("Lin", openid, "u", "1")
    hear(house, said(house, account, "follower.unfollowed", 60, who=who))
    assert followers(house)[0].state == "gone"
    import_followers(house, account)
    assert followers(house)[0].state == "gone"


def test_a_mini_program_has_nobody_to_import(house, make_account):
    with pytest.raises(BadRequestError, match="no followers"):
        import_followers(house, make_account(kind="mini"))


def test_a_new_follower_is_looked_up_and_a_tie_is_asked_about(house, sandbox, account):
    stays, leaves = let_follow(sandbox, account, 2)
    sandbox.control("act", {"person": leaves["id"], "appid": account.appid, "do": "unfollow"})
    people = [Person(each["name"], sandbox.person(each["id"])["openids"][account.appid], "u", "1") for each in (stays, leaves)]
    for who in people:
        hear(house, said(house, account, "follower.followed", -5, who=who), said(house, account, "follower.unfollowed", -5, who=who))
    run_reactions(house)
    rows = {row.openid: row for row in followers(house)}
    assert rows[people[0].openid].state == "following"
    assert rows[people[0].openid].unionid
    assert [row.state for row in followers(house)] == ["following", "gone"]
    assert rows.get(people[1].openid) is None
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(FactRow).where(FactRow.kind == "follower.disputed")) == 2


def test_who_left_in_the_second_of_the_list_is_asked_about(house, sandbox, account):
    """The list was made at .7 and he left at .9: his event carries the whole second and must not look older than the list."""
    (leaves,) = let_follow(sandbox, account, 1)
    second = house.clock.now()
    house.clock.advance(timedelta(milliseconds=700))
    import_followers(house, account)
    who = Person("Lin", sandbox.person(leaves["id"])["openids"][account.appid], "u", "1")
    sandbox.control("act", {"person": leaves["id"], "appid": account.appid, "do": "unfollow"})
    hear(house, said(house, account, "follower.unfollowed", (second - house.clock.now()).total_seconds(), who=who))
    run_reactions(house)
    assert followers(house)[0].state == "following"
    house.clock.advance(timedelta(seconds=4))
    run_reactions(house)
    assert followers(house)[0].state == "gone"


def test_wechat_is_not_asked_before_the_second_in_question_is_over(house, sandbox, account):
    (leaves,) = let_follow(sandbox, account, 1)
    who = Person("Lin", sandbox.person(leaves["id"])["openids"][account.appid], "u", "1")
    second = house.clock.now()

    def hear_in_that_second(*kinds):
        hear(house, *(said(house, account, kind, (second - house.clock.now()).total_seconds(), who=who) for kind in kinds))

    house.clock.advance(timedelta(milliseconds=300))
    hear_in_that_second("follower.followed", "follower.unfollowed")
    run_reactions(house)
    assert calls(sandbox)["/cgi-bin/user/info"] == 0
    sandbox.control("act", {"person": leaves["id"], "appid": account.appid, "do": "unfollow"})
    house.clock.advance(timedelta(milliseconds=300))
    hear_in_that_second("follower.unfollowed")
    house.clock.advance(timedelta(seconds=4))
    run_reactions(house)
    assert followers(house)[0].state == "gone"


@pytest.mark.parametrize("event_first", [True, False])
def test_an_event_of_the_second_of_asking_knows_better_than_the_answer(house, sandbox, account, event_first):
    """WeChat said at .157 that he was gone; he followed again at .8 of the same second."""
    hear(house, said(house, account, "follower.followed", -60), said(house, account, "follower.unfollowed", -30))
    hear(house, said(house, account, "follower.followed", -20))
    row = followers(house)[0]
    house.clock.advance(timedelta(milliseconds=157))
    back = said(house, account, "follower.followed", -0.157, scene="shop")
    if event_first:
        hear(house, back)
    with work(house.engine) as session:
        answer = checked(row, subscribe=False, asked_at=house.clock.now())
        observe(session, [answer], registry=house.registry, retention={account.id: account.retention}, now=house.clock.now())
    if not event_first:
        hear(house, back)
    assert (followers(house)[0].state, followers(house)[0].openid) == ("following", LIN.openid)
    with reading(house.engine) as session:
        kept = session.scalars(select(FactRow.data).where(FactRow.kind == "follower.followed", FactRow.follower_id.is_not(None))).all()
    assert {"scene": "shop"} in kept
