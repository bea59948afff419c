"""People who never rest: they follow, write and click while the house is under fire."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.accounts import OpenAccount
from tests.faults.realm import Realm

_numbers = itertools.count(1)


class Crowd:
    """Followers of one or two accounts. `acts` gives so many things they do, each of which can be told from any other."""

    def __init__(self, realm: Realm, rng: random.Random) -> None:
        self._realm = realm
        self._rng = rng
        self._people: list[tuple[str, str]] = []

    def follow(self, account: OpenAccount, number: int) -> None:
        """So many new people follow an account."""
        people = self._realm.sandbox.control("people", {"count": number})["people"]
        for start in range(0, number, 500):
            part = people[start : start + 500]
            self._realm.sandbox.control("act", [{"person": each["id"], "appid": account.appid, "do": "follow"} for each in part])
        self._people += [(each["id"], account.appid) for each in people]

    def act(self, number: int) -> None:
        """Let so many of them write or click now."""
        acts = []
        for _ in range(number):
            person, appid = self._rng.choice(self._people)
            mark = next(_numbers)
            words = {"do": "click", "key": f"key-{mark}"} if self._rng.random() < 0.5 else {"do": "write", "text": f"第 {mark} 句"}
            acts.append({"person": person, "appid": appid, **words})
        self._realm.sandbox.control("act", acts)

    @contextmanager
    def restless(self, *, per_s: int) -> Iterator[None]:
        """They act all the time while the block runs."""
        over = threading.Event()
        trouble: list[BaseException] = []

        def live() -> None:
            try:
                due = time.monotonic()
                while not over.is_set():
                    self.act(max(per_s // 10, 1))
                    due += 0.1
                    over.wait(max(due - time.monotonic(), 0))
            except BaseException as error:  # noqa: BLE001 - the test is told, whatever it is.
                trouble.append(error)

        thread = threading.Thread(target=live, name="crowd")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not trouble, trouble
