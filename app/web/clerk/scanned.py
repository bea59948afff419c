"""Staff show who they are with WeChat: to WeChat's page with its code, back with its word, and in, bound, or asked for one thing more."""

from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field

from app.core.errors import BadRequestError, UnavailableError
from app.core.gate import Right, access_staff, demand
from app.core.people import ScanPurpose
from app.core.scanning import (
    LIFE,
    Asked,
    Owed,
    ask_binding,
    ask_log_in,
    bind_by_scan,
    check_words,
    claim_scan,
    complete_scan,
    digest_of,
    log_in_by_scan,
    unbind,
)
from app.web.clerk.door import STAFF_COOKIE, Answered, Door, Form, as_json
from app.web.clerk.entry import present
from app.wechat.errors import WeChatError
from app.wechat.qrconnect import exchange_scan, scan_address

SCAN_COOKIE = "fanka_scan"


class AskForm(Form):
    """Nothing is asked."""


class BackForm(Form):
    """What WeChat put into the address of our page."""

    state: str = Field(default="", max_length=128, pattern=r"^[A-Za-z0-9_-]*$")
    code: str = Field(default="", max_length=512, pattern=r"^[\x21-\x7e]*$")


class MoreForm(Form):
    totp: str = Field(default="", max_length=8)
    password: str = Field(default="", max_length=128)


class Scanner:
    """The routes, with the door they stand behind."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def ask(self) -> Answered:
        """Where the browser has to go to be shown the code."""
        self._door.read(AskForm)
        self._check_set_up()
        return self._sent(ask_log_in(self._door.house, device_token=self._door.device_token))

    def ask_bound(self, staff_id: UUID) -> Answered:
        """The same for somebody whose WeChat is to be bound, asked by whoever looks after him."""
        self._door.read(AskForm)
        self._check_set_up()
        with self._door.counter() as (session, presence):
            demand(presence.rights, Right.STAFF)
            staff = access_staff(session, presence.staff, staff_id)
            asked = ask_binding(session, presence, staff, now=self._door.house.clock.now())
        return self._sent(asked)

    def drop(self, staff_id: UUID) -> Answered:
        self._door.read(AskForm)
        with self._door.counter() as (session, presence):
            demand(presence.rights, Right.STAFF)
            staff = access_staff(session, presence.staff, staff_id)
            unbind(session, staff, actor=presence.staff.login, now=self._door.house.clock.now())
            return {"staff": str(staff_id), "bound": False}

    def back(self) -> Answered:
        """WeChat's word, brought by the page it opened: good once, here, in this browser."""
        form = self._door.read(BackForm)
        check_words(form.state, form.code)
        house, device_token = self._door.house, self._door.device_token
        claimed = claim_scan(house, device_token=device_token, state=form.state, browser=self._browser)
        digest = self._digest(form.code)
        if claimed.purpose is ScanPurpose.BIND:
            with self._door.counter() as (session, presence):
                bound = bind_by_scan(session, claimed, presence, digest=digest, now=house.clock.now())
            return self._without(as_json({"state": "bound", "name": bound.name}))
        entered = log_in_by_scan(house, claimed, device_token=device_token, digest=digest)
        if isinstance(entered, Owed):
            return {"state": "more", "needs": entered.needs, "name": entered.name}
        answer = as_json({"state": "in", **present(self._door, entered[1])})
        self._door.set_cookie(answer, STAFF_COOKIE, entered[0], days=1)
        return self._without(answer)

    def more(self) -> Answered:
        """The code or the password of somebody for whom a scan is not the whole log-in."""
        form = self._door.read(MoreForm)
        token, presence = complete_scan(
            self._door.house, device_token=self._door.device_token, browser=self._browser, totp=form.totp, password=form.password
        )
        answer = as_json({"state": "in", **present(self._door, presence)})
        self._door.set_cookie(answer, STAFF_COOKIE, token, days=1)
        return self._without(answer)

    @property
    def _browser(self) -> str:
        return request.cookies.get(SCAN_COOKIE, "")[:100]

    def _check_set_up(self) -> None:
        scan_address(self._door.house, back="", state="")

    def _sent(self, asked: Asked) -> Response:
        house = self._door.house
        go = scan_address(house, back=f"{house.settings.public_url}/clerk", state=asked.state)
        answer = as_json({"go": go})
        # Its life is twice a code's: once for the scan, once for what is asked after it.
        self._door.set_cookie(answer, SCAN_COOKIE, asked.browser, days=2 * LIFE.total_seconds() / 86_400)
        return answer

    def _without(self, answer: Response) -> Response:
        self._door.drop_cookie(answer, SCAN_COOKIE)
        return answer

    def _digest(self, code: str) -> str:
        house = self._door.house
        try:
            return digest_of(house.settings.login_appid, exchange_scan(house, code).openid)
        except WeChatError as error:
            if error.status < 500:
                raise BadRequestError("微信授权已失效，请重新扫码 / WeChat's word is used up; scan again", code="code_used") from None
            raise UnavailableError(
                "微信暂时没有应答，请用密码登录 / WeChat does not answer; use your password", code="wechat_away"
            ) from None


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`scan`, `scan/back`, `scan/more`, `staff/<id>/wechat` and `staff/<id>/wechat/drop`."""
    scanner = Scanner(door)
    door.api(blueprint, "scan", scanner.ask, post=True)
    door.api(blueprint, "scan/back", scanner.back, post=True)
    door.api(blueprint, "scan/more", scanner.more, post=True)
    door.api(blueprint, "staff/<uuid:staff_id>/wechat", scanner.ask_bound, post=True)
    door.api(blueprint, "staff/<uuid:staff_id>/wechat/drop", scanner.drop, post=True)
