"""What a template field may hold, type by type: the limit itself passes, one more does not."""

import pytest

from jobs.broadcasts.values import fault_in

FITTING = [
    ("thing1", "二" * 20),
    ("thing12", "积分 1,200 分"),
    ("const3", "已发货"),
    ("enum4", "VIP"),
    ("number5", "-12.50"),
    ("number5", "1" * 24),
    ("letter6", "a" * 32),
    ("symbol7", "★→!"),
    ("character_string8", "NO.2026-11/22_x"),
    ("time9", "2026年11月22日 18:30"),
    ("time9", "18:30"),
    ("time9", "2026-11-22 09:00~2026-11-23 18:00"),
    ("date10", "2026/11/22"),
    ("amount11", "¥1234567890.50"),
    ("amount11", "88元"),
    ("phone_number12", "+86-138-0000-0000"),
    ("car_number13", "粤A8Z888挂"),
    ("name14", "二" * 10),
    ("name14", "Christopher Smithson"),
    ("phrase15", "待取货"),
    ("keyword1", "二" * 20),
]
BREAKING = [
    ("thing1", "二" * 21, "20"),
    ("const3", "x" * 21, "20"),
    ("number5", "12a", "数字"),
    ("number5", "1" * 33, "32"),
    ("letter6", "abc1", "字母"),
    ("letter6", "a" * 33, "32"),
    ("symbol7", "!!!!!!", "5"),
    ("symbol7", "a", "符号"),
    ("character_string8", "订单1", "汉字"),
    ("character_string8", "a" * 33, "32"),
    ("time9", "25:00", "24"),
    ("time9", "tomorrow", "24"),
    ("date10", "22 Nov 2026", "日期"),
    ("amount11", "12345678901", "10"),
    ("amount11", "$$5", "货币"),
    ("phone_number12", "1" * 18, "17"),
    ("phone_number12", "call me", "号码"),
    ("car_number13", "x" * 9, "8"),
    ("name14", "二" * 11, "10"),
    ("name14", "x" * 21, "20"),
    ("phrase15", "六个汉字太长", "5"),
    ("phrase15", "OK", "汉字"),
    ("keyword1", "二" * 21, "20"),
    ("thing1", "", "47003"),
    ("thing1", "   ", "47003"),
    ("thing1", "two\nlines", "换行"),
    ("thing1", "nice 🎉", "表情"),
    ("thing1", "love ❤️", "表情"),
    ("thing1", "a\x07b", "不可见"),
    ("thing1", "您好 {name}", "占位符"),
]


@pytest.mark.parametrize(("field", "value"), FITTING)
def test_what_fits_passes(field, value):
    assert fault_in(field, value) is None


@pytest.mark.parametrize(("field", "value", "told"), BREAKING)
def test_what_does_not_fit_is_named_with_its_limit(field, value, told):
    fault = fault_in(field, value)
    assert fault is not None
    assert fault.startswith(f"{field}: ")
    assert told in fault
    assert " / " in fault
