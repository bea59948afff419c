"""One request of WeChat: verified, folded by the chain, made durable, answered within five seconds."""

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from app.core.accounts import OpenAccount
from app.core.errors import FankaError, NotFoundError
from app.core.inbound import Inbound
from app.core.inbox import entry_of
from app.core.log import get_logger
from app.core.nouns import AccountKind
from app.core.shelf import Shelf
from app.web.limits import read_bounded, read_query
from app.web.problems import request_id
from app.web.tally import Tally
from app.web.webhook.accept import Acceptance
from app.wechat.bodies import speaks_json
from app.wechat.inbound import check_query, read_inbound, seal_reply, verify_echo
from handlers.chain import Chain
from handlers.replies import Reply

if TYPE_CHECKING:
    from app.core.house import House

log = get_logger(__name__)
MAX_BODY = 64 * 1024
# WeChat hangs up after five seconds; half a second is left for the way.
_BUDGET_S = 4.5
# How long an account that is not known is looked for, and how long nobody looks again when the database did not answer in that time.
_LOOK_S, _LOOK_AGAIN_S = 2.0, 5.0
_APPID_SIGNS = 32
_METHODS = ("GET", "POST")


def refused_key(prefix: str) -> str:
    """The Redis hash that counts refused requests by code."""
    return f"{prefix}:webhook:refused"


def refused_of_key(prefix: str) -> str:
    """The Redis hash that counts refused requests of known accounts by `code appid`: whose settings differ from WeChat's."""
    return f"{refused_key(prefix)}:of"


def make_webhook(house: "House", chain: Chain) -> Blueprint:
    """The blueprint of `/wechat/<appid>`; one per process, made after a fork."""
    door = Door(house, chain)
    blueprint = WebhookBlueprint(door)
    blueprint.add_url_rule(
        "/wechat/<appid>",
        "webhook",
        door.answer,
        methods=_METHODS,
        provide_automatic_options=False,
        merge_slashes=False,
        strict_slashes=True,
    )
    return blueprint


class WebhookBlueprint(Blueprint):
    """The blueprint with its door, so that whoever holds the application finds the counters."""

    def __init__(self, door: "Door") -> None:
        super().__init__("webhook", __name__)
        self.door = door


class Door:
    """Holds what every request needs, so that a request looks nothing up twice."""

    def __init__(self, house: "House", chain: Chain) -> None:
        self._clock = house.clock
        self._tolerance_s = house.settings.timestamp_tolerance_s
        self._chain = chain
        self._acceptance = Acceptance(house)
        self._house_accounts = house.accounts
        self._look_again_at = 0.0
        self._looking = threading.Lock()
        self._forgetful = False
        self.accounts: Shelf[dict[str, OpenAccount]] = Shelf("accounts", self._read_accounts)
        self.refused = Tally(house.redis, refused_key(house.settings.redis_prefix))
        self.refused_of = Tally(house.redis, refused_of_key(house.settings.redis_prefix))

    def answer(self, appid: str) -> Response:
        environ: dict[str, Any] = request.environ
        started = time.monotonic()
        account = None
        try:
            account = self._account(appid)
            method = environ["REQUEST_METHOD"]
            if method == "POST":
                return self._receive(account, environ, deadline=started + _BUDGET_S)
            if method != "GET":
                # Flask lets HEAD in wherever GET is.
                raise MethodNotAllowed(valid_methods=_METHODS)
            return self._echo(account, environ)
        except FankaError as error:
            code = str(error.code)
            self.refused.count(code)
            if account is not None:
                self.refused_of.count(f"{code} {account.appid}")
            log.warning("webhook_refused", refusal=code, status=error.status, appid=_shown(appid), request=request_id())
            raise

    def _account(self, appid: str) -> OpenAccount:
        account = None
        if _well_formed(appid):
            account = self.accounts.take().get(appid) or self._new_account(appid)
        if account is None:
            raise NotFoundError("there is no such account here", code="unknown_account")
        return account

    def _new_account(self, appid: str) -> OpenAccount | None:
        # WeChat checks the address the moment an account is added, and its first events may come many at once: one of them looks, the others
        # wait for what it finds. Strangers' guesses cost one look a second and no more.
        if not self._looking.acquire(timeout=_LOOK_S):
            return None
        try:
            if time.monotonic() >= self._look_again_at:
                self._forgetful = True
                read = self.accounts.read_anew(within_s=_LOOK_S)
                self._look_again_at = time.monotonic() + (1.0 if read else _LOOK_AGAIN_S)
        finally:
            self._looking.release()
        return self.accounts.take().get(appid)

    def _read_accounts(self, known: dict[str, OpenAccount] | None) -> dict[str, OpenAccount]:
        del known
        if self._forgetful:
            # Forgotten here and not by whoever asks: a reading that was under way would else put its old answer back.
            self._forgetful = False
            self._house_accounts.forget()
        return {account.appid: account for account in self._house_accounts.all()}

    def _echo(self, account: OpenAccount, environ: dict[str, Any]) -> Response:
        echo = verify_echo(account, read_query(environ), now=self._clock.now(), tolerance_s=self._tolerance_s)
        return _plain(echo)

    def _receive(self, account: OpenAccount, environ: dict[str, Any], *, deadline: float) -> Response:
        args = read_query(environ)
        now = self._clock.now()
        check_query(account, args, now=now, tolerance_s=self._tolerance_s)
        body = read_bounded(environ, limit=MAX_BODY)
        received = read_inbound(
            account, args=args, body=body, content_type=environ.get("CONTENT_TYPE") or "", now=now, tolerance_s=self._tolerance_s
        )
        inbound = received.inbound
        outcome = self._chain.run(inbound, account)
        if outcome.person:
            inbound = replace(inbound, openid=outcome.person)
        self._acceptance.keep(entry_of(inbound, outcome.drafts), deadline=deadline)
        if outcome.reply is None:
            return _plain("")
        try:
            return self._reply(
                account, received.inbound, outcome.reply, nonce=args["nonce"], sealed=received.encrypted, json=speaks_json(body)
            )
        except Exception:
            # The event is durable by now: an answer that fails must not make WeChat send it again.
            log.exception("reply_failed", appid=account.appid, reply=outcome.reply.type)
            return _plain("")

    def _reply(self, account: OpenAccount, inbound: Inbound, reply: Reply, *, nonce: str, sealed: bool, json: bool) -> Response:
        if account.kind is AccountKind.MINI and reply.type != "transfer_customer_service":
            # A mini program knows no other passive reply; what it has to say goes out as a customer-service message.
            return _plain("")
        now = self._clock.now()
        render = reply.render_json if json else reply.render
        text = render(to=inbound.openid, sender=inbound.text("ToUserName"), at=now)
        if sealed:
            text = seal_reply(account, text, nonce=nonce, now=now, as_json=json)
        return Response(text.encode(), 200, content_type="application/json" if json else "text/xml; charset=utf-8")


def _well_formed(appid: str) -> bool:
    return 0 < len(appid) <= _APPID_SIGNS and appid.isascii() and appid.isalnum()


def _shown(appid: str) -> str:
    """An appid for the log; what is none may be anything, so it is not repeated."""
    return appid if _well_formed(appid) else ""


def _plain(text: str) -> Response:
    return Response(text.encode(), 200, content_type="text/plain; charset=utf-8")
