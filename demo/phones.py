"""People take their cards out on their phones: by WeChat's authorisation and the page `/join`, as everybody does who had a card before."""

import re
from collections.abc import Iterator, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import psycopg

from demo.control import Control
from demo.money_log import read_log
from demo.setup import Shop

_TIMEOUT_S = 30.0
_WORD = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_RICHEST = """
    SELECT c.number FROM member_card c JOIN wallet w ON w.customer_id = c.customer_id AND w.programme_id = c.programme_id AND w.kind = 'points'
    WHERE c.state = 'active' AND w.active > 0
    ORDER BY (SELECT count(*) FROM coupon k WHERE k.customer_id = c.customer_id AND k.state = 'issued') DESC, w.active DESC, c.number LIMIT %s
"""


class JoinError(Exception):
    """A page of the house did not let somebody in."""


def hand_out(
    control: Control, shop: Shop, *, public_url: str, money: Path, connection: "psycopg.Connection[Any]", most: int
) -> dict[str, str]:
    """Bind the cards that hold most to the first people who follow an account; their numbers by person. Raises JoinError."""
    phones = {record["number"]: record["phone"] for record in read_log(money) if record["type"] == "card"}
    numbers = [str(row[0]) for row in connection.execute(_RICHEST, [most])]
    bound = {}
    for number, (person, appid) in zip(numbers, _followers(control, shop), strict=False):
        control.post("browser", {"person": person})
        join(shop.card_url(public_url, appid), public_url, phone=phones[number], number=number)
        bound[person] = number
    # From now on a page asks whose phone this is, unless a phone of the sandbox's page opens it.
    control.post("browser", {"person": ""})
    return bound


def _followers(control: Control, shop: Shop) -> Iterator[tuple[str, str]]:
    """(person, AppID): everybody who follows a service account now, in the order in which the sandbox's page lists them."""
    for person in shop.people:
        following: Sequence[str] = control.get(f"people/{person}")["following"]
        for appid in shop.templates:
            if appid in following:
                yield person, appid
                break


def join(enter: str, public_url: str, *, phone: str, number: str) -> None:
    """Come in by WeChat and say that one has a card already. Raises JoinError."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    word = _WORD.search(_read(browser, enter))
    if word is None:
        raise JoinError(f"{enter} brought no form")
    form = {"csrf": word[1], "phone": phone, "old": number, "agree": "on", "next": "/me"}
    page = _read(browser, f"{public_url}/join", urlencode(form).encode())
    if number not in re.sub(r"(?<=\d) (?=\d)", "", page):
        raise JoinError(f"the card {number} is not on its page")


def _read(browser: OpenerDirector, address: str, form: bytes | None = None) -> str:
    try:
        with browser.open(address, form, timeout=_TIMEOUT_S) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        raise JoinError(f"{address}: {error.code} {error.read()[:200].decode(errors='replace')}") from None
