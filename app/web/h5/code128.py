"""Code 128 (ISO/IEC 15417) as SVG: sets B and C, so that runs of digits take half the room."""

import re

# Widths of bar, space, bar, space, bar, space for the values 0 to 105, and the stop with its last bar.
_PATTERNS = [
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
_STOP = "2331112"
_TO_C, _TO_B, _START_B, _START_C = 99, 100, 104, 105
_RUNS = re.compile(r"\d{4,}|\D+|\d+")
QUIET = 10
LONGEST = 80


def values_of(text: str) -> list[int]:
    """The symbol values of a text: start, data with changes of set, check value. Raises ValueError for what set B cannot write."""
    if not 1 <= len(text) <= LONGEST or not all(" " <= sign <= "~" for sign in text):
        raise ValueError(f"Code 128 B writes 1 to {LONGEST} printable ASCII signs")
    made: list[int] = []
    current = ""
    for pairs, part in _parts(text):
        wanted = "C" if pairs else "B"
        if wanted != current:
            start, change = (_START_C, _TO_C) if pairs else (_START_B, _TO_B)
            made.append(change if made else start)
            current = wanted
        made += [int(part[at : at + 2]) for at in range(0, len(part), 2)] if pairs else [ord(sign) - 32 for sign in part]
    check = (made[0] + sum(place * value for place, value in enumerate(made[1:], 1))) % 103
    return [*made, check]


def widths_of(text: str) -> list[int]:
    """The widths of bars and spaces in modules, a bar first."""
    pattern = "".join(_PATTERNS[value] for value in values_of(text)) + _STOP
    return [int(width) for width in pattern]


def draw_bars(text: str) -> str:
    """An SVG of the bars, one unit a module, with the quiet zones the standard asks for."""
    at, path = QUIET, []
    for place, width in enumerate(widths_of(text)):
        if place % 2 == 0:
            path.append(f"M{at} 0h{width}v40h-{width}z")
        at += width
    whole = at + QUIET
    return (
        f'<svg class="bars" viewBox="0 0 {whole} 40" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" aria-label="Code 128">'
        f'<path fill="#fff" d="M0 0h{whole}v40H0z"/><path d="{"".join(path)}"/></svg>'
    )


def _parts(text: str) -> list[tuple[bool, str]]:
    """Stretches of the text, each with whether it is written as pairs of digits (set C). An odd run leaves its first digit to set B."""
    parts: list[tuple[bool, str]] = []
    for run in _RUNS.findall(text):
        if len(run) < 4 or not run.isdigit():
            parts.append((False, run))
        elif len(run) % 2:
            parts += [(False, run[0]), (True, run[1:])]
        else:
            parts.append((True, run))
    return parts
