"""A day of the shop, drawn from a seed: who follows, clicks, writes, scans, consents and leaves, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from demo.plan import CARD_ID, CHATTER, CONSENT_KEY, CONSENT_WORD, KEYWORDS, MENU_KEYS, MENU_URL, MINI, MINI_PATH, PLAIN, SAFE, Account

OPENS_H, CLOSES_H = 8.0, 22.0
_LEAVES, _RETURNS = 0.08, 0.5
# After a change of heart WeChat's seconds must tell the order: the platform itself has no finer time.
PAUSE_S = 2.0
Act = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """An act at a moment of the day, in seconds of play."""

    at_s: float
    act: Act


@dataclass(slots=True)
class Day:
    """Who followed before the shop used Fanka, and what happens today: one list for each person and account, in order."""

    before: list[Act] = field(default_factory=list)
    lines: list[list[Timed]] = field(default_factory=list)
    consents: int = 0
    both: int = 0

    @property
    def acts(self) -> int:
        return sum(len(line) for line in self.lines)


def draw_day(people: Sequence[str], scenes: Mapping[str, Sequence[str]], *, seed: int, seconds: float) -> Day:
    """A day for `people` (ids): a third follow both accounts, half of those consent. `scenes` are the channels' by AppID."""
    day = Day()
    for number, person in enumerate(people):
        rng = Random(f"{seed}:{number}")  # noqa: S311 - a seeded play wants a predictable RNG.
        both = number % 3 == 0
        accounts = [SAFE, PLAIN] if both else [SAFE if number % 3 == 1 else PLAIN]
        consents_on = rng.choice(accounts) if number % 6 == 0 else None
        day.both += both
        day.consents += consents_on is not None
        for account in accounts:
            someone = _Someone(rng, person, account, scenes[account.appid], seconds, shy=both)
            someone.live(day, old=rng.random() < 0.15, consents=account is consents_on, stays=not _may_leave(account, consents_on))
        if rng.random() < 0.1:
            enters = [
                Timed(rng.uniform(0, seconds), {"person": person, "appid": MINI.appid, "do": "enter_mini"})
                for _ in range(rng.randint(1, 3))
            ]
            day.lines.append(sorted(enters, key=lambda each: each.at_s))
    return day


def _may_leave(account: Account, consents_on: Account | None) -> bool:
    """Who consented stays where he did, and where his data is kept: else the order inside the house would decide, not the log."""
    return consents_on is None or (account is not consents_on and account.retention == "erase")


class _Someone:
    """One person on one account."""

    def __init__(self, rng: Random, person: str, account: Account, scenes: Sequence[str], seconds: float, *, shy: bool) -> None:
        self._rng = rng
        self._who = {"person": person, "appid": account.appid}
        self._scenes = scenes
        self._seconds = seconds
        self._shy = shy
        """Says neither the word nor presses the key of consent by chance: whether accounts are joined is drawn once."""
        self._line: list[Timed] = []

    def live(self, day: Day, *, old: bool, consents: bool, stays: bool) -> None:
        """Draw what he does today."""
        begin = 0.0
        if old:
            day.before.append(self._act(do="follow", how="search"))
        else:
            begin = self._seconds * min(self._rng.betavariate(1.2, 2.2), 0.75)
            self._add(begin, **self._follow())
        self._talk(begin + PAUSE_S, self._seconds, most=9)
        if consents:
            at = begin + PAUSE_S + self._rng.random() * max(self._seconds - begin - PAUSE_S, 0.0)
            self._add(at, **({"do": "write", "text": CONSENT_WORD} if self._rng.random() < 0.6 else {"do": "click", "key": CONSENT_KEY}))
        if not stays and self._rng.random() < _LEAVES:
            self._leave(begin)
        self._line.sort(key=lambda each: each.at_s)
        day.lines.append(self._line)

    def _leave(self, begin: float) -> None:
        at = begin + PAUSE_S + self._rng.random() * max(self._seconds - begin - PAUSE_S, 0.0)
        self._line = [each for each in self._line if each.at_s <= max(at - PAUSE_S, begin)]
        self._add(at, do="unfollow")
        back = at + self._rng.uniform(PAUSE_S, self._seconds / 3)
        if self._rng.random() < _RETURNS and back < self._seconds - PAUSE_S:
            self._add(back, **self._follow())
            self._talk(back + PAUSE_S, self._seconds, most=4)

    def _talk(self, begin: float, end: float, *, most: int) -> None:
        if begin < end:
            for _ in range(self._rng.randint(1, most)):
                # Lunch and the evening are busy: two peaks over an even murmur.
                peak = self._rng.choice((None, 0.3, 0.72))
                at = self._rng.uniform(begin, end) if peak is None else self._rng.gauss(peak, 0.07) * self._seconds
                self._add(min(max(at, begin), end), **self._something())

    def _something(self) -> Act:
        return self._rng.choices(
            (self._click, self._keyword, self._chatter, self._view, self._scan, self._picture, self._place, self._mini, self._card),
            (34, 26, 8, 9, 7, 4, 4, 4, 4),
        )[0]()

    def _click(self) -> Act:
        # Who follows one account presses the key of consent now and then: it joins nothing.
        curious = not self._shy and self._rng.random() < 0.05
        return {"do": "click", "key": CONSENT_KEY if curious else self._rng.choice(MENU_KEYS[:-1])}

    def _keyword(self) -> Act:
        keyword = self._rng.choice([each for each in KEYWORDS if not (self._shy and each.records)])
        return {"do": "write", "text": self._rng.choice(keyword.says)}

    def _chatter(self) -> Act:
        return {"do": "write", "text": self._rng.choice(CHATTER)}

    def _view(self) -> Act:
        return {"do": "view", "url": MENU_URL}

    def _scan(self) -> Act:
        return {"do": "scan", "scene": self._rng.choice(self._scenes)}

    def _picture(self) -> Act:
        return {"do": self._rng.choice(("send_image", "send_voice", "send_video"))}

    def _place(self) -> Act:
        lat, lng = round(self._rng.uniform(30, 32), 6), round(self._rng.uniform(120, 122), 6)
        if self._rng.random() < 0.5:
            return {"do": "share_location", "lat": lat, "lng": lng, "precision": 40}
        return {"do": "send_location", "lat": lat, "lng": lng, "label": "上海市静安区"}

    def _mini(self) -> Act:
        return {"do": "view_mini", "path": MINI_PATH}

    def _card(self) -> Act:
        return {"do": "take_card", "card_id": CARD_ID, "outer_str": "demo"}

    def _follow(self) -> Act:
        if self._rng.random() < 0.6:
            return {"do": "follow", "scene": self._rng.choice(self._scenes)}
        return {"do": "follow", "how": "search"}

    def _add(self, at_s: float, **what: Any) -> None:
        self._line.append(Timed(at_s, self._act(**what)))

    def _act(self, **what: Any) -> Act:
        return {**self._who, **what}


def clock_at(share: float) -> str:
    """The hour of the shop's day at a share of the play, as in 14:30."""
    minutes = round((OPENS_H + (CLOSES_H - OPENS_H) * min(max(share, 0.0), 1.0)) * 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"
