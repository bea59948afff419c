"""Consents of many people are settled together: each joins his own two followers and nobody else's."""

from collections import defaultdict

from sqlalchemy import select

from app.core.consents import learn_unionids
from app.core.facts import ReactionRow
from app.core.nouns import Follower
from app.core.unit import reading, work
from jobs.reactions.settle_consent import plugin
from jobs.reactions_run import run_reactions
from tests.support.cast import Person
from tests.support.stories import hear, said

PEOPLE = 60
"""More than one batch."""


def test_a_batch_joins_each_person_and_nobody_else(house, make_account):
    assert plugin.batch < PEOPLE
    house.registry.reactions = [plugin]
    accounts = make_account(), make_account()
    people = [[Person(f"p{n}", f"o{n:03}{side}".ljust(28, "x"), f"u{n}", "1") for side in "ab"] for n in range(PEOPLE)]
    hear(
        house,
        *(said(house, account, "follower.followed", 1, who=who) for pair in people for account, who in zip(accounts, pair, strict=True)),
    )
    with reading(house.engine) as session:
        ids = {follower.openid: follower.id for follower in session.scalars(select(Follower))}
    with work(house.engine) as session:
        unionids = {ids[who.openid]: who.unionid for pair in people for who in pair}
        learn_unionids(session, unionids, registry=house.registry, now=house.clock.now())
    consenting = people[::2] + people[1:20:2]
    hear(house, *(said(house, accounts[1], "consent.granted", 5, who=pair[1], version="1") for pair in consenting))
    assert run_reactions(house) == len(consenting)
    with reading(house.engine) as session:
        assert set(session.scalars(select(ReactionRow.state))) == {"done"}
        joined = defaultdict(set)
        for follower in session.scalars(select(Follower)):
            joined[follower.customer_id].add(follower.openid)
    whole = {frozenset(who.openid for who in pair) for pair in consenting}
    apart = {frozenset({who.openid}) for pair in people if pair not in consenting for who in pair}
    assert {frozenset(openids) for openids in joined.values()} == whole | apart
