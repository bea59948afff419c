"""In by WeChat's silent authorisation, and out."""

import hmac
import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from app.core.errors import BadRequestError, UnavailableError
from app.web.h5.door import Door
from app.web.h5.session import COOKIE, LONGEST, WAY_COOKIE, WAY_LIFE, Pass, Way, onward_of
from app.wechat.errors import WeChatError
from app.wechat.oauth import authorise_address, exchange_code

if TYPE_CHECKING:
    from app.core.accounts import OpenAccount

BACK = "/h5/back"


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/h5/enter`, `/h5/back` and `/h5/leave`."""

    @blueprint.get("/h5/enter")
    def enter() -> Response:
        """To WeChat, with a word that only this browser can bring back."""
        account = door.account_asked()
        now = int(door.now.timestamp())
        way = Way(state=secrets.token_hex(16), account=account.public_id, onward=onward_of(request.args.get("next", "")), at=now)
        back = f"{door.house.settings.public_url}{BACK}"
        answer = redirect(authorise_address(door.house, account, back=back, state=way.state))
        door.set_cookie(answer, WAY_COOKIE, door.seals.write_way(way), seconds=WAY_LIFE.total_seconds())
        return answer

    @blueprint.get(BACK)
    def back() -> Response:
        """From WeChat: the word must be this browser's own, then the code says who it is."""
        way = door.seals.read_way(request.cookies.get(WAY_COOKIE, "")[: LONGEST + 1], now=door.now)
        state = request.args.get("state", "")
        if way is None or not state.isascii() or not hmac.compare_digest(way.state, state):
            raise BadRequestError("登录已过期，请重新进入 / this log-in is over; open the page again", code="stale_login")
        account = door.account_called(str(way.account))
        code = request.args.get("code", "")
        if account is None or not code:
            raise BadRequestError("没有得到微信授权，请重新进入 / WeChat did not say who you are; open the page again", code="no_code")
        openid = _openid(door, account, code)
        answer = redirect(way.onward)
        door.let_in(answer, Pass(account=account.public_id, openid=openid, at=int(door.now.timestamp())))
        answer.delete_cookie(WAY_COOKIE, path="/", httponly=True, samesite="Lax")
        return answer

    @blueprint.post("/h5/leave")
    def leave() -> Response:
        door.form()
        answer: Response = door.page("left")
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="Lax")
        return answer


def _openid(door: Door, account: "OpenAccount", code: str) -> str:
    try:
        return exchange_code(door.house, account, code).openid
    except WeChatError as error:
        if error.status < 500:
            raise BadRequestError("微信授权已失效，请重新进入 / WeChat's word is used up; open the page again", code="code_used") from None
        raise UnavailableError("微信暂时没有应答，请稍后再试 / WeChat does not answer; try again in a moment", code="wechat_away") from None
