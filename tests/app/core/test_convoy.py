"""Whoever sends at the same moment shares a trip; nobody is left behind, whatever happens on the way."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.convoy import Convoy


class Road:
    """Records the trips; the first one waits until it is let go."""

    def __init__(self, wrong=None):
        self.trips = []
        self.gate = threading.Event()
        self.left = threading.Event()
        self._wrong = wrong

    def __call__(self, loads):
        self.trips.append(list(loads))
        if len(self.trips) == 1:
            self.left.set()
            assert self.gate.wait(10)
            if self._wrong is not None:
                raise self._wrong
        return [load * 10 for load in loads]


def crowd(road, convoy, pool, numbers):
    """One drives and is held on the road; the others come meanwhile."""
    first = pool.submit(convoy.carry, 0)
    assert road.left.wait(10)
    others = [pool.submit(convoy.carry, number) for number in numbers]
    while len(convoy._waiting) < len(numbers):
        pass
    road.gate.set()
    return [first, *others]


def test_those_who_come_meanwhile_share_the_next_trip():
    road = Road()
    convoy = Convoy(road)
    with ThreadPoolExecutor(8) as pool:
        riders = crowd(road, convoy, pool, range(1, 8))
        assert [rider.result(10) for rider in riders] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert road.trips[0] == [0]
    assert sorted(road.trips[1]) == [1, 2, 3, 4, 5, 6, 7]
    assert len(road.trips) == 2


def test_no_trip_has_more_than_its_seats():
    road = Road()
    convoy = Convoy(road, seats=3)
    with ThreadPoolExecutor(8) as pool:
        riders = crowd(road, convoy, pool, range(1, 8))
        assert sorted(rider.result(10) for rider in riders) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert [len(trip) for trip in road.trips] == [1, 3, 3, 1]


def test_a_breakdown_reaches_everybody_who_waits_and_the_road_is_free_afterwards():
    road = Road(wrong=ConnectionError("gone"))
    convoy = Convoy(road)
    with ThreadPoolExecutor(8) as pool:
        riders = crowd(road, convoy, pool, range(1, 5))
        for rider in riders:
            with pytest.raises(ConnectionError):
                rider.result(10)
    assert road.trips == [[0]]
    assert convoy.carry(5) == 50


def test_a_result_too_few_is_an_error_for_all():
    convoy = Convoy(lambda loads: [])
    with pytest.raises(ValueError, match="shorter"):
        convoy.carry(1)


def test_many_threads_lose_and_mix_up_nothing():
    trips = []

    def send(loads):
        trips.append(len(loads))
        return [load + 1 for load in loads]

    convoy = Convoy(send)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(convoy.carry, range(5000))) == list(range(1, 5001))
    assert sum(trips) == 5000
