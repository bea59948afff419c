"""One key, one answer: replays, other bodies, parallel twins, refusals and crashes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from sqlalchemy import func, select

from app.core import idempotency
from app.core.errors import BadRequestError, ConflictError, UnavailableError
from app.core.idempotency import Answer, answer_once, forget_old_keys
from app.core.nouns import BusinessUnit
from app.core.unit import reading, work


def units(house):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(BusinessUnit))


def call(house, name="海岸", *, key="k1", body=b"{}", act=None):
    def make(session):
        session.add(BusinessUnit(name=name))
        session.flush()
        return Answer(201, {"name": name})

    def refuse(session, error):
        session.add(BusinessUnit(name=f"拒绝 {error.code}"))
        return {"code": error.code}

    return answer_once(house, client_id="till-1", key=key, body=body, act=act or make, refuse=refuse)


def test_the_second_call_gets_the_first_answer_and_does_nothing(house):
    assert call(house) == Answer(201, {"name": "海岸"})
    assert call(house, "别的") == Answer(201, {"name": "海岸"}, hit=True)
    assert units(house) == 1


def test_another_body_under_the_key_is_refused(house):
    call(house)
    with pytest.raises(ConflictError) as refused:
        call(house, body=b'{"other": 1}')
    assert (refused.value.status, refused.value.code, units(house)) == (422, "key_reused", 1)


def test_a_refusal_undoes_the_act_keeps_the_attempt_and_is_the_answer_from_then_on(house):
    def act(session):
        session.add(BusinessUnit(name="半途"))
        session.flush()
        raise ConflictError("no", code="used")

    assert call(house, act=act) == Answer(409, {"code": "used"})
    assert call(house) == Answer(409, {"code": "used"}, hit=True)
    with reading(house.engine) as session:
        assert session.scalars(select(BusinessUnit.name)).all() == ["拒绝 used"]


@pytest.mark.parametrize("error", [UnavailableError("down"), RuntimeError("bug")])
def test_a_fault_stores_nothing_and_the_call_may_be_made_again(house, error):
    def act(session):
        session.add(BusinessUnit(name="半途"))
        session.flush()
        raise error

    with pytest.raises(type(error)):
        call(house, act=act)
    assert units(house) == 0
    assert not call(house).hit


def test_parallel_twins_do_it_once(house):
    barrier = Barrier(6)

    def go(_):
        barrier.wait()
        return call(house)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(go, range(6)))
    assert {answer.body["name"] for answer in answers} == {"海岸"}
    assert [answer.hit for answer in answers].count(False) == 1
    assert units(house) == 1


def test_a_twin_that_waits_too_long_is_told_so(house, monkeypatch):
    monkeypatch.setattr(idempotency, "TWIN_WAIT_MS", 50)
    begun, done = Event(), Event()

    def slow(session):
        del session
        begun.set()
        done.wait(20)
        return Answer(200, {})

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, house, act=slow)
        begun.wait(20)
        with pytest.raises(ConflictError, match="worked on"):
            call(house)
        done.set()
        assert first.result() == Answer(200, {})
    assert call(house).hit


@pytest.mark.parametrize("key", ["", "k" * 65, "ключ", "a\nb"])
def test_a_malformed_key_is_refused(house, key):
    with pytest.raises(BadRequestError):
        call(house, key=key)


def test_after_a_day_a_key_is_forgotten(house):
    call(house)
    with work(house.engine) as session:
        assert forget_old_keys(session, now=house.clock.now()) == 0
        assert forget_old_keys(session, now=house.clock.now() + timedelta(hours=25)) == 1
