"""The slip fits its paper whatever the names are."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from cards.slip import COLUMNS, print_slip, width

AT = datetime(2026, 11, 22, 4, 5, tzinfo=UTC)


def quote(**wishes):
    plain = {
        "total_fen": 10_000,
        "tier": "金卡",
        "tier_fen": 500,
        "coupons": [],
        "points": 0,
        "points_fen": 0,
        "value_fen": 0,
        "to_pay_fen": 9500,
    }
    return {**plain, **wishes}


def test_a_slip_reads_as_it_is_printed():
    told = quote(coupons=[{"name": "满百减十", "discount_fen": 1000}], points=200, points_fen=200, value_fen=1000, to_pay_fen=7300)
    assert print_slip(store="海岸一店", quote=told, at=AT, clerk="Chen", number="A1", member="林*").splitlines() == [
        "            海岸一店",
        "--------------------------------",
        "单号 No.                      A1",
        "时间 Time       2026-11-22 12:05",
        "经手 By                     Chen",
        "会员 Member                  林*",
        "--------------------------------",
        "合计 Total                100.00",
        "金卡优惠                   -5.00",
        "满百减十                  -10.00",
        "积分 200                   -2.00",
        "储值 Balance              -10.00",
        "================================",
        "应付 To pay                73.00",
        "",
        "       谢谢惠顾 Thank you",
    ]


@settings(max_examples=200)
@given(st.text(max_size=90), st.text(max_size=90), st.integers(0, 10**11))
def test_no_line_is_wider_than_the_paper_and_no_name_steers_the_printer(name, store, fen):
    told = quote(coupons=[{"name": name, "discount_fen": fen}], total_fen=fen)
    slip = print_slip(store=store, quote=told, at=AT, clerk=name, number=store)
    assert all(width(line) <= COLUMNS for line in slip.split("\n"))
    assert not [sign for sign in slip if sign != "\n" and ord(sign) < 32]
