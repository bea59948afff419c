"""Pairing a device, logging in and out, and who is here."""

from typing import Any

from flask import Blueprint, Response
from pydantic import Field
from sqlalchemy import select

from app.core.clock import SHANGHAI
from app.core.errors import FankaError
from app.core.gate import Right
from app.core.logins import NotLoggedInError, NotPairedError, Presence, find_device, log_in, log_out, pair_device
from app.core.nouns import Store
from app.core.people import Device
from app.core.unit import reading, work
from app.web.clerk.door import DEVICE_COOKIE, STAFF_COOKIE, Answered, Door, Form, as_json
from cards.models.tiers import Tier


class PairForm(Form):
    code: str = Field(min_length=1, max_length=40)


class LoginForm(Form):
    login: str = Field(min_length=1, max_length=32)
    password: str = Field(min_length=1, max_length=128)
    totp: str = Field(default="", max_length=8)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`me`, `pair`, `login` and `logout`."""

    def me() -> Answered:
        """Who is here: 200 in every case, so that the page knows what to ask for next."""
        with work(door.house.engine) as session:
            try:
                presence = door.who(session)
            except NotLoggedInError:
                device, store = find_device(session, door.device_token)
                return out(door, device, store)
            except NotPairedError:
                return {"state": "unpaired"}
        return {"state": "in", **present(door, presence)}

    def pair() -> Answered:
        token, device = pair_device(door.house, code=door.read(PairForm).code, address=door.address)
        with work(door.house.engine) as session:
            _, store = find_device(session, token)
        answer = as_json(out(door, device, store))
        door.set_cookie(answer, DEVICE_COOKIE, token, days=730)
        return answer

    def login() -> Answered:
        form = door.read(LoginForm)
        token, presence = log_in(
            door.house, device_token=door.device_token, login=form.login, password=form.password, totp=form.totp, address=door.address
        )
        answer = as_json({"state": "in", **present(door, presence)})
        door.set_cookie(answer, STAFF_COOKIE, token, days=1)
        return answer

    def logout() -> Answered:
        answer: Response = as_json({"state": "out"})
        with work(door.house.engine) as session:
            try:
                log_out(session, door.who(session), now=door.house.clock.now())
            except FankaError:
                # Who is out already only loses the cookie.
                answer = as_json({"state": "out"})
        door.drop_cookie(answer, STAFF_COOKIE)
        return answer

    door.api(blueprint, "me", me)
    door.api(blueprint, "pair", pair, post=True)
    door.api(blueprint, "login", login, post=True)
    door.api(blueprint, "logout", logout, post=True)


def out(door: Door, device: Device, store: Store) -> dict[str, Any]:
    """A paired device with nobody at it, and whether a scan with WeChat opens it."""
    return {"state": "out", "store": store.name, "device": device.name, "scan": bool(door.house.settings.login_appid)}


def present(door: Door, presence: Presence) -> dict[str, Any]:
    """What the page shows of who is here, and what the tiers are called in English."""
    with reading(door.house.engine) as session:
        named = {row.name: row.name_en for row in session.execute(select(Tier.name, Tier.name_en).where(Tier.name_en != ""))}
    return {
        "store": presence.store.name,
        "device": presence.device.name,
        "department": "" if presence.department is None else presence.department.name,
        "name": presence.staff.name,
        "login": presence.staff.login,
        "rights": sorted(presence.rights & set(Right)),
        "tiers": named,
        "shift_from": presence.shift.opened_at.astimezone(SHANGHAI).isoformat(),
    }
