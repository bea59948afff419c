"""Hot statements share the session's transaction, its errors and its pool, and are prepared again whenever the driver has thrown them away."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from app.core.errors import FankaError
from app.core.hot import HotStatement
from app.core.unit import work

ECHO = HotStatement(
    "SELECT CAST(:word AS text), CAST(:number AS bigint) + 1, CAST(:yes AS boolean), CAST(:nothing AS text), :number::bigint"
)
ADD = HotStatement("INSERT INTO business_unit (public_id, name) VALUES (gen_random_uuid(), :name) RETURNING id")
MINE = HotStatement("SELECT pg_backend_pid()")


def test_values_go_and_come_as_they_are(house):
    with work(house.engine) as session:
        row = ECHO.row(session, {"word": "老'百\"姓\\ :word $1 %s", "number": 2**40, "yes": True, "nothing": None})
        moment = datetime(2026, 11, 22, 4, 0, 0, 123456, tzinfo=UTC)
        later = HotStatement("SELECT extract(epoch FROM CAST(:at AS timestamptz)) * 1000000").row(session, {"at": moment})
    assert row == ("老'百\"姓\\ :word $1 %s".encode(), b"%d" % (2**40 + 1), b"t", None, b"%d" % 2**40)
    assert later is not None
    assert float(later[0] or 0) == moment.timestamp() * 1_000_000


def test_no_row_is_none(house):
    with work(house.engine) as session:
        assert HotStatement("SELECT 1 WHERE CAST(:yes AS boolean)").row(session, {"yes": False}) is None


def test_it_is_in_the_sessions_transaction(house):
    with pytest.raises(FankaError), work(house.engine) as session:
        assert ADD.row(session, {"name": "not to be"}) is not None
        raise FankaError("no")
    with work(house.engine) as session:
        assert ADD.row(session, {"name": "to be"}) is not None
    with work(house.engine) as session:
        assert session.scalars(text("SELECT name FROM business_unit")).all() == ["to be"]


def test_a_savepoint_holds_it(house):
    with work(house.engine) as session:
        with pytest.raises(FankaError), session.begin_nested():
            ADD.row(session, {"name": "not to be"})
            raise FankaError("no")
        assert ADD.row(session, {"name": "to be"}) is not None
        assert session.scalars(text("SELECT name FROM business_unit")).all() == ["to be"]


def test_it_outlives_every_rollback_and_what_the_driver_throws_away(house):
    for turn in range(6):
        with pytest.raises(FankaError), work(house.engine) as session:
            session.execute(text("SELECT 1"))
            assert MINE.row(session, {}) is not None
            raise FankaError("no")
        with work(house.engine) as session:
            for number in range(30):
                session.connection().exec_driver_sql(f"SELECT {turn} + {number}", execution_options={})
            assert MINE.row(session, {}) is not None


def test_the_oldest_prepared_one_is_prepared_again(house):
    with work(house.engine) as session:
        driver = session.connection().connection.driver_connection
        driver.prepared_max, driver.prepare_threshold = 2, 0
        for number in range(5):
            assert MINE.row(session, {}) is not None
            for each in range(4):
                session.execute(text(f"SELECT {number} + {each}"))
        assert ADD.row(session, {"name": "to be"}) is not None


def test_its_errors_are_those_of_the_session(house):
    for name, error in (("x" * 300, DataError), ("a\0b", DataError)):
        with pytest.raises(error), work(house.engine) as session:
            ADD.row(session, {"name": name})
    with pytest.raises(IntegrityError), work(house.engine) as session:
        ADD.row(session, {"name": None})
    with pytest.raises(ValueError, match="naive"), work(house.engine) as session:
        ECHO.row(session, {"word": "", "number": 1, "yes": False, "nothing": datetime(2026, 11, 22)})  # noqa: DTZ001
    with work(house.engine) as session:
        assert ADD.row(session, {"name": "to be"}) is not None


def test_what_was_bound_is_not_in_the_error(house):
    with pytest.raises(DataError) as failure, work(house.engine) as session:
        ADD.row(session, {"name": "13800138000" * 30})
    assert "13800138000" not in str(failure.value)


def test_a_lost_connection_is_said_and_replaced(house):
    with pytest.raises(OperationalError) as failure, work(house.engine) as session:
        row = MINE.row(session, {})
        assert row is not None
        with work(house.engine) as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": int(row[0] or 0)})
        while True:
            MINE.row(session, {})
    assert failure.value.connection_invalidated
    with work(house.engine) as session:
        assert MINE.row(session, {}) is not None
