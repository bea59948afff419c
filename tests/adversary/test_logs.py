"""What a failing job leaves behind names nobody: neither in the worker's words nor in Redis."""

import logging
import signal

import pytest
from rq import SimpleWorker
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.core.house import current
from app.core.log import open_log
from app.core.unit import work
from app.worker import QuietJob
from tests.support.cast import LIN

SECRET = "my number is 13800000003"


def fail_with_a_person_in_hand() -> None:
    """RQ job: the database refuses a row that names somebody."""
    with work(current().engine) as session:
        session.execute(
            text(
                "INSERT INTO follower (account_id, customer_id, openid, openid_digest, state, created_at) VALUES (0, 0, :openid, :words, 'x', now())"
            ),
            {"openid": LIN.openid, "words": SECRET},
        )


def fail_with_words() -> None:
    """RQ job: an error that quotes what somebody wrote."""
    raise ValueError(f"{SECRET} {LIN.openid}")


def meet_a_closed_database() -> None:
    """RQ job: the database is away."""
    raise OperationalError(SECRET, None, Exception(LIN.openid))


def work_off(house) -> None:
    open_log("INFO")
    queue = house.queues.queue("default")
    SimpleWorker([queue], connection=queue.connection, job_class=QuietJob, log_job_description=False).work(
        burst=True, logging_level="WARNING"
    )


@pytest.fixture
def process_afterwards_as_before():
    root, ours = logging.getLogger(), logging.getLogger("fanka")
    held = root.handlers[:], root.level, ours.level
    # A worker takes the signals of its process.
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in signals.items():
        signal.signal(number, handler)
    root.handlers[:] = held[0]
    root.setLevel(held[1])
    ours.setLevel(held[2])


@pytest.mark.usefixtures("process_afterwards_as_before")
@pytest.mark.parametrize("job", ["fail_with_a_person_in_hand", "fail_with_words"])
def test_a_failed_job_tells_its_type_and_place_only(house, capfd, job):
    queue = house.queues.queue("default")
    house.queues.enqueue("default", f"{__name__}.{job}")
    work_off(house)
    said = "".join(capfd.readouterr())
    assert "job_failed" in said
    assert job in said
    for secret in (SECRET, LIN.openid):
        assert secret not in said
    kept = b""
    for key in queue.connection.scan_iter("*"):
        kind = queue.connection.type(key)
        if kind == b"stream":
            kept += repr(queue.connection.xrange(key)).encode()
        elif kind == b"hash":
            kept += repr(queue.connection.hgetall(key)).encode()
    assert b"JobFailedError" in kept or b"eJ" in kept
    assert SECRET.encode() not in kept
    assert LIN.openid.encode() not in kept


@pytest.mark.usefixtures("process_afterwards_as_before")
def test_a_job_that_finds_the_database_closed_ends_in_one_line(house, capfd):
    house.queues.enqueue("default", f"{__name__}.meet_a_closed_database")
    work_off(house)
    (line,) = "".join(capfd.readouterr()).strip().splitlines()
    assert '"event": "job_postponed"' in line
    assert SECRET not in line
    assert LIN.openid not in line
    assert house.queues.queue("default").failed_job_registry.count == 0


def test_an_error_of_the_database_does_not_quote_what_it_was_given(house):
    with pytest.raises(Exception, match="follower") as caught, work(house.engine) as session:
        session.execute(text("UPDATE follower SET nothing = :openid"), {"openid": LIN.openid})
    assert LIN.openid not in str(caught.value)
