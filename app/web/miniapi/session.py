"""`POST /mini/<appid>/session`: the code of `wx.login` becomes a token."""

from datetime import datetime
from typing import Annotated

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from app.core.unit import reading
from app.web.miniapi.door import Door, in_our_words, reply
from app.web.miniapi.tokens import Held
from app.wechat.errors import WeChatError
from app.wechat.gateway import gateway_for

Code = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,256}$")]
"""One of WeChat's codes that work once."""


class SessionIn(BaseModel):
    """What `wx.login` gave."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code


class SessionOut(BaseModel):
    """The token for the other calls, until when it opens them, and whether he has a card already."""

    token: str
    expires_at: datetime
    member: bool


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the call on the API."""
    house = door.house

    @api.post("/<appid>/session")
    @api.doc(summary="Log in", tags=["session"])
    @api.input(SessionIn, arg_name="wish")
    @api.output(SessionOut)
    def post_session(appid: str, wish: SessionIn) -> Response:
        """Ask WeChat whose code this is. Nothing is kept of him before he agrees to it; WeChat's session key is dropped at once."""
        account = door.account(appid)
        door.count_login()
        try:
            told = gateway_for(house, account).jscode_to_session(wish.code)
        except WeChatError as error:
            raise in_our_words(error) from None
        held = Held(account=account.public_id, openid=told.openid, unionid=told.unionid, at=int(door.now.timestamp()))
        with reading(house.engine, timeout_ms=5000) as session:
            member = door.is_member(session, account, held)
        return reply({"token": door.seals.write(held), "expires_at": held.expires_at, "member": member})
