"""The same story told in another order, in other batches, with repeats, ends the same: state, tags, touches, counts, and what is forgotten."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.core.accounts import OpenAccount
from app.core.consents import apply_consents, learn_unionids
from app.core.house import House
from app.core.inbound import openid_digest
from app.core.inbox import Entry
from app.core.unit import reading, work
from tests.support.cast import Person
from tests.support.stories import hear, said
from tests.tagging.steps import channel, rule, tags

TELLINGS = 5


@dataclass(frozen=True)
class Event:
    at_s: int
    account: int
    kind: str
    data: tuple[tuple[str, Any], ...] = ()


def story_of(rng: random.Random, length: int) -> list[Event]:
    """What one person may do on two accounts, one event a second; follows and un-follows may be lost on the way."""
    story = []
    for at_s in sorted(rng.sample(range(1, 600), length)):
        kind, data = rng.choice(
            [
                ("follower.followed", {"how": "search"}),
                ("follower.followed", {"how": "search"}),
                ("follower.unfollowed", {}),
                ("qr.scanned", {"scene": rng.choice(["door", "till"]), "following": rng.random() < 0.5}),
                ("menu.clicked", {"key": rng.choice(["new", "sale"])}),
                ("menu.clicked", {"key": "sale"}),
                ("keyword.matched", {"keyword": rng.choice(["gold", "silver"])}),
                ("card.claimed", {"card_id": "c1", "code": str(at_s)}),
            ]
        )
        story.append(Event(at_s, rng.randrange(2), kind, tuple(sorted(data.items()))))
    return story


@pytest.fixture
def accounts(house: House, make_account) -> tuple[OpenAccount, OpenAccount]:
    pair = make_account(), make_account()
    tags(house, "clicked", "busy", "shopper", "claimed", "by door")
    tags(house, "gold", "silver", exclusive=True)
    rule(house, "clicked", "menu_key", {"keys": ["new"]}, weight=2.0, half_life_s=300)
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 120})
    rule(house, "shopper", "count_in_window", {"kind": "menu.clicked", "match": {"key": "sale"}, "at_least": 2, "within_s": 200})
    rule(house, "claimed", "card", {"card_ids": ["c1"]}, expires_after_s=86_400)
    rule(house, "gold", "keyword", {"keywords": ["gold"]})
    rule(house, "silver", "keyword", {"keywords": ["silver"]})
    for account in pair:
        channel(house, account, "door", "by door")
        channel(house, account, "till")
    return pair


def entries(house: House, accounts: tuple[OpenAccount, ...], who: Person, story: list[Event]) -> list[Entry]:
    return [said(house, accounts[each.account], each.kind, each.at_s, who=who, **dict(each.data)) for each in story]


def digest(house: House, who: Person) -> dict[str, object]:
    """What the house knows of a person, without ids and without what only tells when it was recorded."""
    query = text("SELECT id, account_id, customer_id FROM follower WHERE openid_digest = ANY(:digests) ORDER BY account_id")
    with reading(house.engine) as session:
        digests = [openid_digest(account.appid, who.openid) for account in house.accounts.all()]
        found = session.execute(query, {"digests": digests}).all()
        ids = {"followers": [row.id for row in found], "customers": [row.customer_id for row in found]}

        def rows(sql: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in session.execute(text(sql), ids)]

        return {
            "followers": rows(
                "SELECT account_id, state, openid, erased_at, subscribed_at, last_interaction_at FROM follower "
                "WHERE id = ANY(:followers) ORDER BY account_id"
            ),
            "tags": rows(
                "SELECT f.account_id, t.name, c.expires_at FROM customer_tag c JOIN tag t ON t.id = c.tag_id "
                "JOIN follower f ON f.customer_id = c.customer_id WHERE c.customer_id = ANY(:customers) ORDER BY 1, 2"
            ),
            "evidence": rows(
                "SELECT f.account_id, t.name, e.source, e.first_at, e.last_at, round(e.weight::numeric, 6), e.hits, e.expires_at "
                "FROM tag_evidence e JOIN tag t ON t.id = e.tag_id JOIN follower f ON f.customer_id = e.customer_id "
                "WHERE e.customer_id = ANY(:customers) ORDER BY 1, 2, 3"
            ),
            "touches": rows(
                "SELECT f.account_id, a.scene, b.scene, t.first_at, t.last_at FROM touch t JOIN follower f ON f.id = t.follower_id "
                "JOIN channel a ON a.id = t.first_channel_id JOIN channel b ON b.id = t.last_channel_id "
                "WHERE t.follower_id = ANY(:followers) ORDER BY 1"
            ),
            "facts": rows(
                "SELECT account_id, kind, occurred_at, data FROM fact WHERE follower_id = ANY(:followers) "
                "AND kind NOT IN ('follower.erased', 'follower.disputed') ORDER BY 1, 3, 2"
            ),
        }


def days(house: House) -> list[tuple[object, ...]]:
    with reading(house.engine) as session:
        return [tuple(row) for row in session.execute(text("SELECT channel_id, day, scans, follows FROM channel_day ORDER BY 1, 2"))]


@pytest.mark.parametrize("seed", range(12))
def test_any_telling_of_a_story_ends_alike(house, accounts, seed):
    rng = random.Random(f"any order {seed}")
    story = story_of(rng, rng.randint(4, 14))
    first: dict[str, object] = {}
    counted = None
    for telling in range(TELLINGS):
        who = Person("Lin", f"oLin{seed}telling{telling}", f"u{seed}t{telling}", "13800000003")
        told = entries(house, accounts, who, story)
        before = days(house)
        if telling:
            rng.shuffle(told)
            told += rng.sample(told, len(told) // 3)
        hear(house, *told, batch=1 if telling == 0 else rng.choice([1, 2, 3, 50]))
        known = digest(house, who)
        for part in ("followers", "facts", "evidence", "tags", "touches"):
            shown = [tuple("-" if value == who.openid else value for value in row) for row in known[part]]  # type: ignore[union-attr]
            if telling == 0:
                first[part] = shown
            assert shown == first[part], f"{part} of telling {telling} of {story}"
        grown = [
            (
                channel_id,
                day,
                scans - sum(b[2] for b in before if b[:2] == (channel_id, day)),
                follows - sum(b[3] for b in before if b[:2] == (channel_id, day)),
            )
            for channel_id, day, scans, follows in days(house)
        ]
        counted = counted or grown
        assert grown == counted, f"counts of telling {telling} of {story}"


@pytest.mark.parametrize("seed", range(4))
def test_consents_of_one_person_end_alike_in_any_order(house, make_account, seed):
    rng = random.Random(f"consents {seed}")
    accounts = tuple(make_account() for _ in range(3))
    story = [Event(at, index, "follower.followed") for index, at in enumerate(rng.sample(range(1, 4), 3))]
    for at_s in sorted(rng.sample(range(10, 200), rng.randint(2, 6))):
        kind = rng.choice(["consent.granted", "consent.granted", "consent.revoked"])
        purpose = rng.choice(["join_accounts", "join_accounts", "birthday"])
        story.append(Event(at_s, rng.randrange(3), kind, (("purpose", purpose), ("version", "1"))))
    said_last = [each for each in story if dict(each.data).get("purpose") == "join_accounts"]
    joined = bool(said_last) and said_last[-1].kind == "consent.granted"
    for telling in range(3):
        who = Person("Lin", f"oLin{seed}c{telling}", f"u{seed}c{telling}", "13800000003")
        told = entries(house, accounts, who, story)
        if telling:
            rng.shuffle(told)
        for entry in told:
            hear(house, entry)
            with reading(house.engine) as session:
                rows = session.execute(text("SELECT id FROM follower WHERE openid = :openid"), {"openid": who.openid}).all()
            known = [row.id for row in rows]
            with work(house.engine) as session:
                if telling % 2 and rng.random() < 0.5:
                    apply_consents(session, known, registry=house.registry, now=house.clock.now())
                else:
                    learn_unionids(session, dict.fromkeys(known, who.unionid), registry=house.registry, now=house.clock.now())
        with work(house.engine) as session:
            learn_unionids(session, dict.fromkeys(known, who.unionid), registry=house.registry, now=house.clock.now())
        with reading(house.engine) as session:
            found = session.execute(text("SELECT DISTINCT customer_id FROM follower WHERE openid = :openid"), {"openid": who.openid}).all()
            lost = session.execute(
                text(
                    "SELECT count(*) FROM fact JOIN follower ON follower.id = fact.follower_id "
                    "WHERE follower.openid = :openid AND fact.customer_id <> follower.customer_id"
                ),
                {"openid": who.openid},
            ).scalar()
        assert (len(found) == 1, lost) == (joined, 0), f"telling {telling} of {story}"
        house.clock.advance(timedelta(seconds=1))
