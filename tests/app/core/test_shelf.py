"""A shelf serves what it has: fresh when the source is quick, as it was when the source is slow or gone."""

import threading

import pytest

from app.core.errors import UnavailableError
from app.core.shelf import Shelf


class Ticks:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Source:
    """Counts its readings; can be told to hang or to fail."""

    def __init__(self) -> None:
        self.readings = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, known: int | None) -> int:
        self.gate.wait(30)
        if self.error is not None:
            raise self.error
        self.readings += 1
        assert known in (None, self.readings - 1)
        return self.readings


@pytest.fixture
def source() -> Source:
    return Source()


def test_it_is_renewed_when_due_and_not_before(source: Source) -> None:
    ticks = Ticks()
    shelf = Shelf("test", source, every_s=1, wait_s=5, monotonic=ticks)
    assert [shelf.take(), shelf.take()] == [1, 1]
    ticks.at = 1.0
    assert [shelf.take(), shelf.take()] == [2, 2]
    shelf.forget()
    assert shelf.take() == 3


def test_a_source_that_fails_leaves_the_old_value(source: Source) -> None:
    ticks = Ticks()
    shelf = Shelf("test", source, every_s=1, wait_s=5, monotonic=ticks)
    shelf.take()
    source.error, ticks.at = ConnectionError(), 1.0
    assert shelf.take() == 1
    source.error, ticks.at = None, 2.0
    assert shelf.take() == 2


def test_a_source_that_hangs_holds_nobody(source: Source) -> None:
    ticks = Ticks()
    shelf = Shelf("test", source, every_s=1, wait_s=0.01, monotonic=ticks)
    assert shelf.take() == 1
    source.gate.clear()
    ticks.at = 1.0
    assert [shelf.take() for _ in range(3)] == [1, 1, 1]
    renewal = shelf._renewal
    source.gate.set()
    assert renewal is not None
    assert renewal.wait(5)
    assert shelf.take() == 2, "one reading, however many asked meanwhile"


def test_without_a_first_value_it_says_so(source: Source) -> None:
    source.error = ConnectionError()
    shelf = Shelf("test", source, first_wait_s=5)
    assert not shelf.filled
    with pytest.raises(UnavailableError):
        shelf.take()
    source.error = None
    shelf.forget()
    assert shelf.take() == 1
    assert shelf.filled


def test_many_who_come_first_share_one_reading(source: Source) -> None:
    source.gate.clear()
    shelf = Shelf("test", source, first_wait_s=30, every_s=600)
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(shelf.take())) for _ in range(5)]
    for thread in threads:
        thread.start()
    source.gate.set()
    for thread in threads:
        thread.join()
    assert got == [1] * 5


def test_who_knows_of_a_change_sees_it_though_an_older_reading_is_under_way(source: Source) -> None:
    shelf = Shelf("test", source, first_wait_s=0.01, every_s=600)
    source.gate.clear()
    with pytest.raises(UnavailableError):
        shelf.take()
    seen: list[tuple[bool, int]] = []
    asker = threading.Thread(target=lambda: seen.append((shelf.read_anew(within_s=30), shelf.take())))
    asker.start()
    source.gate.set()
    asker.join()
    assert seen == [(True, 2)]


def test_reading_anew_waits_no_longer_than_it_was_told(source: Source) -> None:
    shelf = Shelf("test", source)
    assert shelf.take() == 1
    source.gate.clear()
    assert shelf.read_anew(within_s=0.01) is False
    assert shelf.take() == 1
    source.gate.set()
