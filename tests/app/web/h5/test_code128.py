"""Code 128: symbol values against the standard's own arithmetic, and a reader that shares no code with the writer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.h5.code128 import QUIET, draw_bars, values_of, widths_of

_WIDTHS = [
    "212222",
    "222122",
    "222221",
    "121223",
    "121322",
    "131222",
    "122213",
    "122312",
    "132212",
    "221213",
    "221312",
    "231212",
    "112232",
    "122132",
    "122231",
    "113222",
    "123122",
    "123221",
    "223211",
    "221132",
    "221231",
    "213212",
    "223112",
    "312131",
    "311222",
    "321122",
    "321221",
    "312212",
    "322112",
    "322211",
    "212123",
    "212321",
    "232121",
    "111323",
    "131123",
    "131321",
    "112313",
    "132113",
    "132311",
    "211313",
    "231113",
    "231311",
    "112133",
    "112331",
    "132131",
    "113123",
    "113321",
    "133121",
    "313121",
    "211331",
    "231131",
    "213113",
    "213311",
    "213131",
    "311123",
    "311321",
    "331121",
    "312113",
    "312311",
    "332111",
    "314111",
    "221411",
    "431111",
    "111224",
    "111422",
    "121124",
    "121421",
    "141122",
    "141221",
    "112214",
    "112412",
    "122114",
    "122411",
    "142112",
    "142211",
    "241211",
    "221114",
    "413111",
    "241112",
    "134111",
    "111242",
    "121142",
    "121241",
    "114212",
    "124112",
    "124211",
    "411212",
    "421112",
    "421211",
    "212141",
    "214121",
    "412121",
    "111143",
    "111341",
    "131141",
    "114113",
    "114311",
    "411113",
    "411311",
    "113141",
    "114131",
    "311141",
    "411131",
    "211412",
    "211214",
    "211232",
]


def read(widths: list[int]) -> str:
    """A scanner: symbols from widths, check value, sets B and C."""
    assert "".join(map(str, widths[-7:])) == "2331112"
    told = widths[:-7]
    values = [_WIDTHS.index("".join(map(str, told[at : at + 6]))) for at in range(0, len(told), 6)]
    *data, check = values
    assert (data[0] + sum(place * value for place, value in enumerate(data[1:], 1))) % 103 == check
    pairs, text = data[0] == 105, ""
    for value in data[1:]:
        if value == 99 and not pairs:
            pairs = True
        elif value == 100 and pairs:
            pairs = False
        else:
            text += f"{value:02}" if pairs else chr(value + 32)
    return text


def test_a_known_symbol():
    # The much-copied example "PJJ123C" has the check value 54 with start A (103); set B starts with 104, so it is one more.
    assert values_of("PJJ123C") == [104, 48, 42, 42, 17, 18, 19, 35, 55]


def test_digits_go_in_pairs():
    assert values_of("12345678")[:-1] == [105, 12, 34, 56, 78]
    assert len(values_of("MAD01234567")) < len("MAD01234567") + 2


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_every_text_is_read_back(text):
    assert read(widths_of(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789ABM", min_size=1, max_size=40))
def test_codes_with_runs_of_digits_are_read_back(text):
    assert read(widths_of(text)) == text


def test_the_drawing_has_its_quiet_zones():
    drawn = draw_bars("MAD0")
    whole = sum(widths_of("MAD0")) + 2 * QUIET
    assert f'viewBox="0 0 {whole} 40"' in drawn
    assert f'd="M{QUIET} 0h2v40' in drawn


@pytest.mark.parametrize("text", ["", "é", "a\n", "x" * 81])
def test_what_it_cannot_write_is_refused(text):
    with pytest.raises(ValueError, match="Code 128"):
        values_of(text)
