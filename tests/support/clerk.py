"""A store with its clerk, supervisor and paired device, members with coupons, and the page's own way of asking."""

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import qrcode
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import select

from app.core import staffing
from app.core.house import House
from app.core.logins import log_in, pair_device
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.people import Role, Staff
from app.core.unit import work
from app.web.clerk.door import DEVICE_COOKIE, HEADER, STAFF_COOKIE
from cards.coupons.claim import Claim, claim
from cards.coupons.claim import Path as ClaimPath
from cards.coupons.templates import add_template, read_wish
from cards.enrolment import enrol
from cards.models.coupons import Coupon, CouponTemplate, TemplateState
from cards.models.membership import CardPath, MemberCard
from tests.support.browser import chromium_flags, find_chromium
from tests.support.cast import LIN
from tests.support.members import Club, open_club

PASSWORD = "a-long-password"
ORIGIN = "http://localhost"
_numbers = itertools.count(1)


@dataclass
class Counter:
    """南京西路店 with 陈晨 at the counter and 王敏 in charge; 林小海 is a member with a phone."""

    house: House
    club: Club
    store: Store
    other: Store
    chen: Staff
    wang: Staff
    device_token: str
    lin: MemberCard

    def template(self, **wishes) -> CouponTemplate:
        """满199减100, good at every store, unless wished otherwise."""
        wish = {
            "name": "满199减100",
            "type": "amount_off",
            "terms": {"amount_fen": 10_000},
            "minimum_fen": 19_900,
            "unit": self._unit,
            "days_valid": 8,
            "claimable": True,
        }
        with work(self.house.engine) as session:
            made = add_template(
                session,
                read_wish({**wish, **wishes}),
                programme_id=self.club.programme_id,
                now=self.house.clock.now(),
                actor="Mei",
            )
            made.state = TemplateState.OPEN
            session.flush()
            return made

    def coupon(self, template: CouponTemplate | None = None, **wishes) -> Coupon:
        """A coupon in Lin's hand."""
        held = template or self.template(**wishes)
        with work(self.house.engine) as session:
            wish = Claim(self.lin.customer_id, ClaimPath.CLERK, f"test:{next(_numbers)}", "Lin")
            row = session.get_one(CouponTemplate, held.id)
            return claim(session, row, wish, registry=self.house.registry, now=self.house.clock.now()).coupon

    @property
    def _unit(self):
        with work(self.house.engine) as session:
            return session.get_one(BusinessUnit, self.store.business_unit_id).public_id

    def pair(self, store: Store | None = None) -> str:
        """Another device of a store; its token."""
        with work(self.house.engine) as session:
            code, _ = staffing.offer_pairing(session, store or self.store, name="收银台 2", actor="test", now=self.house.clock.now())
        return pair_device(self.house, code=code, address="test")[0]

    def pair_code(self) -> str:
        """A fresh pairing code of the store."""
        with work(self.house.engine) as session:
            return staffing.offer_pairing(session, self.store, name="收银台", actor="test", now=self.house.clock.now())[0]

    def log_in(self, staff: Staff | None = None, *, device_token: str | None = None) -> str:
        """The token of a fresh log-in."""
        who = staff or self.chen
        return log_in(
            self.house, device_token=device_token or self.device_token, login=who.login, password=PASSWORD, totp="", address="test"
        )[0]


def open_counter(house: House) -> Counter:
    """Set the scene in the house's database."""
    now = house.clock.now()
    club = open_club(house)
    with work(house.engine) as session:
        unit = session.scalars(select(BusinessUnit).where(BusinessUnit.id == club.shop.unit_id)).one().name
        store = staffing.add_store(session, code="NJX", name="南京西路店", unit=unit, actor="test", now=now)
        other = staffing.add_store(session, code="PD", name="浦东店", unit=unit, actor="test", now=now)
        chen = staffing.add_staff(session, house.ring, login="chen", name="陈晨", password=PASSWORD, actor="test", now=now)
        wang = staffing.add_staff(session, house.ring, login="wang", name="王敏", password=PASSWORD, actor="test", now=now)
        staffing.give_position(session, chen, role=Role.CLERK, store=store, actor="test", now=now)
        staffing.give_position(session, wang, role=Role.SUPERVISOR, store=store, actor="test", now=now)
        code, _ = staffing.offer_pairing(session, store, name="收银台 1", actor="test", now=now)
        opened = enrol(
            session,
            house.ring,
            phone=LIN.phone,
            programme_id=club.programme_id,
            path=CardPath.H5,
            registry=house.registry,
            actor="Lin",
            now=now,
        )
        lin = session.get_one(Customer, opened.card.customer_id)
        lin.name_sealed = house.ring.seal("林小海", table="customer", column="name_sealed", row=lin.public_id)
        card = opened.card
    token, _ = pair_device(house, code=code, address="test")
    return Counter(house, club, store, other, chen, wang, token, card)


class Page:
    """The page's own way of asking, over the test client: cookies, header, origin and a number for each attempt."""

    def __init__(self, web: FlaskClient, counter: Counter, *, staff: Staff | None = None, device_token: str | None = None) -> None:
        self.web = web
        device = device_token or counter.device_token
        web.set_cookie(DEVICE_COOKIE, device, path="/clerk", domain="localhost")
        web.set_cookie(STAFF_COOKIE, counter.log_in(staff, device_token=device), path="/clerk", domain="localhost")

    def get(self, path: str, **headers: str):
        return self.web.get(f"/clerk/api/{path}", headers={HEADER: "1", **headers})

    def post(self, path: str, body: dict, *, key: str | None = None, **headers: str):
        sent = {HEADER: "1", "Origin": ORIGIN, "Idempotency-Key": key or str(uuid4()), **headers}
        return self.web.post(f"/clerk/api/{path}", json=body, headers=sent)

    def redeem(
        self, ticket: str | None = None, *, code: str | None = None, total_fen: int | None = 19_900, key=None, queued=False, **wishes
    ):
        """One attempt by a preview's ticket or by a code."""
        named = {"code": code} if ticket is None else {"ticket": ticket}
        body = {**named, "total_fen": total_fen, "device_at": "2026-11-22T04:00:00Z", **wishes}
        return self.post("redeem", body, key=key, **({"X-Fanka-Queued": "1"} if queued else {}))


@contextmanager
def camera_chromium(path: Path) -> Iterator[Browser]:
    """A Chromium whose camera shows a film."""
    film = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={path}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*chromium_flags(), *film])
        try:
            yield browser
        finally:
            browser.close()


def film_of(code: str, path: Path, *, frames: int = 16, away: int = 18) -> Path:
    """A film (Y4M) of a QR code that wanders and turns over a grey counter, as a hand holds it, and is taken away for a while."""
    made = qrcode.make(code, box_size=6, border=3).get_image().convert("L").resize((180, 180), Image.Resampling.NEAREST)
    out = io.BytesIO()
    out.write(b"YUV4MPEG2 W480 H360 F10:1 Ip A1:1 C420jpeg\n")
    for number in range(frames + away):
        scene = Image.new("L", (480, 360), 120)
        if number < frames:
            swing = abs(number - frames // 2)
            turned = made.rotate(swing * 1.5 - 6, expand=True, fillcolor=120, resample=Image.Resampling.BILINEAR)
            scene.paste(turned, (130 + swing * 3, 70 + swing * 4))
        out.write(b"FRAME\n" + scene.tobytes() + bytes([128]) * (240 * 180 * 2))
    path.write_bytes(out.getvalue())
    return path
