"""The day as it is drawn: the shares the demo promises, nothing impossible, the same for the same seed; and played in order."""

import itertools
from collections import Counter

import pytest

from demo.day import PAUSE_S, Timed, clock_at, draw_day
from demo.plan import CHANNELS, CONSENT_KEY, CONSENT_WORD, KEYWORDS, MENU_KEYS, PLAIN, RULES, SAFE, TAGS
from demo.play import play

SCENES = {SAFE.appid: ["s1", "s2"], PLAIN.appid: ["p1"]}
PEOPLE = [f"p{number}" for number in range(1, 601)]


@pytest.fixture(scope="module")
def day():
    return draw_day(PEOPLE, SCENES, seed=7, seconds=60)


def by_contact(day):
    return {(line[0].act["person"], line[0].act["appid"]): line for line in day.lines if line}


def test_the_shop_is_as_big_as_promised():
    assert (len(CHANNELS), len(MENU_KEYS), len(KEYWORDS)) == (10, 5, 20)
    assert len(TAGS) >= 10
    assert {rule.tag for rule in RULES} <= {name for name, *_ in TAGS}
    assert {rule.kind for rule in RULES} == {"keyword", "menu_key", "channel", "event", "card", "count_in_window"}
    assert {keyword.match for keyword in KEYWORDS} == {"exact", "contains", "regex"}


def test_a_third_follows_both_and_half_of_those_consent(day):
    accounts = Counter()
    consents = set()
    for line in day.lines:
        for timed in line:
            person, appid = timed.act["person"], timed.act["appid"]
            if appid in SCENES:
                accounts[person, appid] += 1
            if timed.act.get("text") == CONSENT_WORD or timed.act.get("key") == CONSENT_KEY:
                consents.add(person)
    both = {person for person, appid in accounts if (person, SAFE.appid) in accounts and (person, PLAIN.appid) in accounts}
    assert len(both) == len(PEOPLE) / 3 == day.both
    assert len(both & consents) == len(PEOPLE) / 6 == day.consents


def test_nobody_does_what_he_cannot(day):
    before = {(act["person"], act["appid"]) for act in day.before}
    assert len(before) > 50
    for contact, line in by_contact(day).items():
        if contact[1] not in SCENES:
            continue
        follows, last = contact in before, -1.0
        for timed in line:
            assert timed.at_s >= last
            last = timed.at_s
            if timed.act["do"] == "follow":
                assert not follows
                follows = True
            else:
                assert follows, timed
                follows = timed.act["do"] != "unfollow"
    left = Counter(timed.act["do"] for line in day.lines for timed in line)
    assert left["unfollow"] > 20
    returned = sum(Counter(timed.act["do"] for timed in line)["follow"] == 2 for line in day.lines)
    assert returned > 5


def test_the_same_seed_is_the_same_day(day):
    assert draw_day(PEOPLE, SCENES, seed=7, seconds=60) == day
    assert draw_day(PEOPLE, SCENES, seed=8, seconds=60) != day


@pytest.mark.parametrize("seconds", [1.0, 4.0, 12.0])
def test_short_days_hold_nothing_impossible(seconds):
    test_nobody_does_what_he_cannot_in = draw_day(PEOPLE[:120], SCENES, seed=1, seconds=seconds)
    before = {(act["person"], act["appid"]) for act in test_nobody_does_what_he_cannot_in.before}
    for contact, line in by_contact(test_nobody_does_what_he_cannot_in).items():
        follows = contact in before or contact[1] not in SCENES
        for timed in line:
            follows = follows or timed.act["do"] == "follow"
            assert follows
            if timed.act["do"] == "unfollow":
                follows = False


def test_the_clock_of_the_shop():
    assert [clock_at(share) for share in (0, 0.5, 1, 2)] == ["08:00", "15:00", "22:00", "22:00"]


class Heard:
    """A control plane that only listens."""

    def __init__(self):
        self.acts = []

    def post(self, path, acts):
        import time

        assert path == "act"
        self.acts += [(time.monotonic(), act) for act in acts]


def test_a_play_keeps_each_persons_order_and_the_seconds_apart():
    def line(person, *acts):
        return [Timed(at, {"person": person, "do": do}) for at, do in acts]

    heard = Heard()
    # All of it is due at once, as when the machine was too slow: order and pauses still hold.
    lines = [line("a", (0, "follow"), (0, "click"), (0, "unfollow"), (0, "follow")), line("b", (0.0, "write"), (0.01, "click"))]
    told = []
    assert play(heard, lines, seconds=1, tell=lambda share, done: told.append((share, done))) == 6
    mine = [(at, act["do"]) for at, act in heard.acts if act["person"] == "a"]
    assert [do for _, do in mine] == ["follow", "click", "unfollow", "follow"]
    for (before, _), (after, _) in itertools.pairwise(mine):
        assert after - before >= PAUSE_S / 2
    assert told[-1] == (1.0, 6)
