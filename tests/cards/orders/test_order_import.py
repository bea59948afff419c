"""Orders from a file: rehearsed without a trace, booked once, every bad line told by its number."""

import pytest
from sqlalchemy import func, select

from app.core.errors import FankaError
from app.core.unit import reading
from cards import order_import
from cards.models.orders import Purchase
from cards.order_import import import_orders
from tests.support.cast import LIN, ZHAO
from tests.support.orders import Till, open_till

HEAD = "source,order_no,store,paid_at,phone,sku,category,quantity,amount_fen,discount_fen,is_reward"
GOOD = [
    f"pos,A-1,S1,2026-11-20T10:00:00+08:00,{LIN.phone},TEA,食品,2,10000,,",
    f"pos,A-1,S1,2026-11-20T10:00:00+08:00,{LIN.phone},GIFT,食品,1,500,,是",
    f"pos,A-2,S1,2026-11-20T11:00:00+08:00,{ZHAO.phone},TEA,食品,1,5000,1000,0",
]


@pytest.fixture
def till(house) -> Till:
    return open_till(house)


def run(till: Till, *lines: str, encoding="utf-8", **more):
    data = "\n".join([HEAD, *lines]).encode(encoding)
    return import_orders(till.house, data, programme_id=till.programme_id, actor="Mei", **more)


def count(till: Till) -> int:
    with reading(till.house.engine) as session:
        return session.scalar(select(func.count()).select_from(Purchase))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_rehearsal_says_what_would_be_and_leaves_nothing(till, encoding):
    report = run(till, *GOOD, rehearse=True, encoding=encoding)
    assert (report.lines, report.orders, report.booked, report.points, report.waiting, report.bad) == (3, 2, 2, 100, 1, [])
    assert (count(till), till.wallet().pending) == (0, 0)


def test_a_file_is_booked_and_given_again_changes_nothing(till):
    first, again = run(till, *GOOD), run(till, *GOOD)
    assert (first.booked, first.known, again.booked, again.known) == (2, 0, 0, 2)
    assert (count(till), till.wallet().pending) == (2, 100)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("pos,B-1,S1,2026-11-20T10:00:00+08:00,,TEA,,1,-5,,", "invalid"),
        ("pos,B-1,S1,2026-11-20T10:00:00+08:00,,TEA,,1,9.99,,", "invalid"),
        ("pos,B-1,S1,yesterday,,TEA,,1,5,,", "invalid"),
        ("paper,B-1,S1,2026-11-20T10:00:00+08:00,,TEA,,1,5,,", "invalid"),
        ("pos,B-1,NOWHERE,2026-11-20T10:00:00+08:00,,TEA,,1,5,,", "unknown_store"),
        ("pos,B-1,S1,2027-11-20T10:00:00+08:00,,TEA,,1,5,,", "paid_in_future"),
        ("pos,B-1,S1", "bad_line"),
        ("pos", "bad_line"),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_booked(till, line, code):
    report = run(till, *GOOD, line)
    assert [(bad.line, bad.code) for bad in report.bad] == [(5, code)]
    assert (report.bad_count, report.booked, count(till)) == (1, 2, 2)


@pytest.mark.parametrize("line", [GOOD[1].replace("2026-11-20", "2026-11-19"), "pos,A-1", GOOD[1].replace(",500,", ",x,")])
def test_an_order_is_never_booked_without_one_of_its_lines(till, line):
    report = run(till, GOOD[0], GOOD[2], line)
    assert [bad.line for bad in report.bad] == [4]
    assert (report.booked, till.wallet().pending) == (1, 0)


def test_the_second_line_of_an_order_is_named_by_its_own_number(till):
    report = run(till, GOOD[0], GOOD[1].replace(",500,", ",-500,"), GOOD[2])
    assert [(bad.line, bad.code) for bad in report.bad] == [(3, "invalid")]
    assert (report.booked, count(till)) == (1, 1)


def test_lines_of_an_order_are_gathered_from_wherever_they_stand(till):
    report = run(till, GOOD[0], GOOD[2], GOOD[1])
    assert (report.bad, report.orders, report.booked, till.wallet().pending) == ([], 2, 2, 100)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "bad_columns"), (b"a,b\n1,2\n", "bad_columns"), (b"\xff\xff\xff", "bad_encoding"), (HEAD.encode() + b'\n"a\nb', "bad_line")],
)
def test_what_is_no_such_file_is_refused(till, data, code):
    if code == "bad_line":
        report = import_orders(till.house, data, programme_id=till.programme_id, actor="Mei")
        assert [bad.code for bad in report.bad] == [code]
        return
    with pytest.raises(FankaError) as refused:
        import_orders(till.house, data, programme_id=till.programme_id, actor="Mei")
    assert refused.value.code == code


def test_a_file_has_bounds(till, monkeypatch):
    with pytest.raises(FankaError) as refused:
        import_orders(till.house, b"x" * (order_import.MOST_BYTES + 1), programme_id=till.programme_id, actor="Mei")
    assert (refused.value.code, refused.value.status) == ("file_too_big", 413)
    monkeypatch.setattr(order_import, "MOST_LINES", 2)
    with pytest.raises(FankaError) as refused:
        run(till, *GOOD)
    assert refused.value.code == "file_too_big"


def test_progress_is_told(till, monkeypatch):
    monkeypatch.setattr(order_import, "TELL_EVERY", 1)
    heard = []
    run(till, *GOOD, tell=lambda report: heard.append(report.orders))
    assert heard == [1, 2, 2]
