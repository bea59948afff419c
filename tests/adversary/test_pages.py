"""A stranger's crawler on the phone pages: every form it finds is sent back with every field spoilt, every address with spoilt parts."""

from html.parser import HTMLParser
from itertools import product
from urllib.parse import quote

import pytest

from tests.support.h5 import open_counter

GARBAGE = (
    b"",
    b"\0",
    b"a\0b",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"' OR 1=1 --",
    b"<script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>',
    b"9" * 399,
    b"-1",
    b"1e309",
    "٣".encode(),
    "１３８０００００００３".encode(),
    b"../../etc/passwd",
    b"{{7*7}}",
    b"//evil.example",
    b"a\r\nSet-Cookie: x=1",
    "\u202e\u200b".encode(),
)


class Forms(HTMLParser):
    """The forms of a page: where they go, how, and what they carry; and the links."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        if tag == "form":
            self.forms.append((held.get("action") or "", (held.get("method") or "get").lower(), {}))
        elif tag in {"input", "select", "textarea", "button"} and self.forms and held.get("name"):
            self.forms[-1][2].setdefault(held["name"], held.get("value") or "")
        elif tag == "a" and (held.get("href") or "").startswith("/"):
            self.links.add(held["href"])


def read(body: bytes) -> Forms:
    found = Forms()
    found.feed(body.decode())
    return found


def body_of(fields: dict[str, bytes]) -> bytes:
    return b"&".join(quote(name).encode() + b"=" + quote(value).encode() for name, value in fields.items())


@pytest.fixture
def counter(house, make_account):
    return open_counter(house, make_account(name='海岸<script>"百货'))


@pytest.fixture
def places(web, counter):
    """Every page a member and a stranger can reach by links, with its forms."""
    customer = counter.member("oLin", tier="金卡", points=5000, value_fen=10_000)
    assert customer
    counter.template("<script>alert('x')</script>")
    found: dict[str, dict[str, Forms]] = {}
    for who in ("oLin", "oStranger"):
        counter.log_in(web, who)
        waiting = {"/me", "/join", "/me/code", "/me/coupons", "/join/privacy", "/", "/me/profile", f"/c/{quote(_template(counter))}"}
        seen: dict[str, Forms] = {}
        while waiting:
            path = waiting.pop()
            answer = web.get(path, follow_redirects=False)
            assert answer.status_code < 500, path
            seen[path] = read(answer.data) if answer.mimetype == "text/html" else Forms()
            waiting |= {link for link in seen[path].links if link not in seen and len(seen) < 60}
        found[who] = seen
    return found


def _template(counter) -> str:
    return counter.template("满减 <b>&", claimable=True)


def test_spoilt_forms_are_refused_and_nothing_of_them_becomes_markup(web, counter, places):
    tried = 0
    wrong = []
    for who, pages in places.items():
        for path, page in pages.items():
            for action, method, fields in page.forms:
                for name in fields:
                    for garbage in GARBAGE:
                        counter.log_in(web, who)
                        sent = {key: value.encode() for key, value in fields.items()} | {name: garbage}
                        target = action or path
                        if method == "post":
                            answer = web.post(target, data=body_of(sent), content_type="application/x-www-form-urlencoded")
                        else:
                            answer = web.get(f"{target}?{body_of(sent).decode()}")
                        tried += 1
                        raw = b"<script>alert" in answer.data or b"onerror=alert(1)>" in answer.data.replace(b"&gt;", b"")
                        away = "evil" in answer.headers.get("Location", "") and "next=" not in answer.headers.get("Location", "")
                        if answer.status_code >= 500 or raw or away or "x=1" in str(answer.headers.getlist("Set-Cookie")):
                            wrong.append((who, target, name, garbage, answer.status_code))
    assert tried > 200
    assert not wrong


def test_spoilt_addresses_lead_nowhere(web, counter, places):
    wrong = []
    for rule in web.application.url_map.iter_rules():
        if not rule.arguments or "wechat" in rule.rule:
            continue
        for garbage in GARBAGE:
            path = rule.rule
            for name in rule.arguments:
                for shape in (f"<{name}>", f"<path:{name}>"):
                    path = path.replace(shape, quote(garbage) or "x")
            for who in ("oLin", "oStranger"):
                held = counter.log_in(web, who)
                for method in sorted(rule.methods & {"GET", "POST"}):
                    body = body_of({"csrf": counter.csrf(held).encode(), "nonce": garbage})
                    answer = web.open(path, method=method, data=body, content_type="application/x-www-form-urlencoded")
                    if answer.status_code >= 500:
                        wrong.append((method, path, answer.status_code))
    assert not wrong


def test_spoilt_queries_and_cookies_are_harmless(web, counter):
    wrong = []
    counter.member("oLin", points=100)
    paths = ("/me", "/join", "/me/code", "/me/coupons", "/h5/enter", "/h5/back", "/me/statement", "/", "/me/profile", "/me/rules")
    names = ("a", "next", "lang", "state", "code", "hello", "new", "store", "kind", "after", "cursor")
    counter.log_in(web, "oLin")
    for number, (name, garbage) in enumerate(product(names, GARBAGE)):
        path = paths[number % len(paths)]
        answer = web.get(f"{path}?{quote(name)}={quote(garbage)}")
        where = answer.headers.get("Location", "")
        if answer.status_code >= 500 or b"<script>alert" in answer.data or where.startswith(("//", "http://evil")):
            wrong.append((path, name, garbage, answer.status_code, where))
    for cookie in ("x", "é", "A" * 2000, "AAAA", "=" * 9):
        for name in ("fanka_me", "fanka_way", "fanka_lang", "fanka_staff", "fanka_device"):
            for path in ("/me", "/h5/back?state=x&code=y", "/join", "/clerk/api/me"):
                headers = {"Cookie": f"{name}={cookie}", "X-Fanka-Clerk": "1"}
                answer = web.get(path, headers=headers)
                if answer.status_code >= 500 and not (answer.status_code == 503 and "h5" in path):
                    wrong.append((path, name, cookie, answer.status_code))
    assert not wrong
