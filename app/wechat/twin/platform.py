"""The twin itself: people do things, calls are answered or refused, faults strike on demand, and all that was delivered is kept."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.core.accounts import OpenAccount
from app.core.clock import Clock
from app.core.nouns import AccountKind
from app.wechat import gateway as gateways
from app.wechat import sender as senders
from app.wechat.errors import CODES, AccountRefused, Unanswered, Unreached, WeChatError, error_of
from app.wechat.gateway import Gateway, WeChatGateway
from app.wechat.tokens import Kind
from app.wechat.twin.calls import AREAS
from app.wechat.twin.calls.base import ALL, CALLS, Call, RefusedError, refuse
from app.wechat.twin.calls.fields import fields_of
from app.wechat.twin.calls.mini import LOGIN
from app.wechat.twin.client import TwinClient, TwinSender
from app.wechat.twin.state import QUOTA, Contact, Counters, Known, Made, month_of

assert AREAS, "the calls are entered by importing their areas"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that reached a person."""

    appid: str
    person: str
    openid: str
    via: str
    msgid: int
    client_msg_id: str
    template_id: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class _Fault:
    path: str
    code: int
    left: int | None
    drop_before: bool
    drop_after: bool
    unreached: bool


@dataclass(slots=True)
class Twin:
    """WeChat in memory. `clock` is the house's own; `advance` moves the platform's time besides."""

    clock: Clock
    quota: dict[str, int] = field(default_factory=lambda: dict(QUOTA))
    honours_client_msg_id: bool = True
    sent: list[Sent] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    """Every call as (appid, path, code): 0 for an accepted one."""
    _known: dict[str, Known] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)
    _shift: timedelta = timedelta()
    _number: int = 3_000_000_000

    # What the rooms get.

    def gateway(self, account: OpenAccount) -> WeChatGateway:
        """The gateway of an account, speaking to the twin."""
        return WeChatGateway(TwinClient(account, self), self)

    def sender(self) -> TwinSender:
        return TwinSender(self)

    @contextmanager
    def installed(self) -> Iterator["Twin"]:
        """Let `gateway_for` and `sender_for` hand out the twin's while the block runs."""

        def make(account: OpenAccount) -> Gateway:
            return self.gateway(account)

        with ExitStack() as stack:
            stack.enter_context(gateways.stand_in(make))
            stack.enter_context(senders.stand_in(self.sender()))
            yield self

    # What a test decides.

    def add_account(self, account: OpenAccount, *, unionid_scope: str = "") -> None:
        """Know an account; accounts of one `unionid_scope` share unionids, none has none."""
        self._known[account.appid] = Known(account, unionid_scope, Counters(self.moment))

    def add_template(
        self, account: OpenAccount, template_id: str, content: str, *, title: str = "服务通知", purpose: str = "template"
    ) -> None:
        made = Made(template_id, title, content, fields_of(content), purpose)
        self._known[account.appid].templates[template_id] = made

    def advance(self, seconds: float) -> None:
        """Let the platform's time pass."""
        self._shift += timedelta(seconds=seconds)

    def use_quota(self, account: OpenAccount, kind: str, used: int) -> None:
        """Say how much of a quota is used; `mass` holds for everybody of the account."""
        known = self._known[account.appid]
        if kind == "mass":
            known.mass_floor = used
        else:
            known.counters.put(kind, used)

    def expire_tokens(self, account: OpenAccount) -> None:
        self._known[account.appid].token_dead = True

    def fail(
        self,
        path: str,
        *,
        code: int = 0,
        times: int | None = None,
        drop_before: bool = False,
        drop_after: bool = False,
        unreached: bool = False,
    ) -> None:
        """Let the next calls of a path be refused, lost before or after they were carried out, or never arrive."""
        self._faults.append(_Fault(path, code, times, drop_before, drop_after, unreached))

    # What people do.

    def follow(self, account: OpenAccount, person: str, *, scene: str = "") -> str:
        """A person follows, through a code when `scene` is given; returns his openid."""
        contact = self._contact(account, person)
        contact.following, contact.subscribe_time = True, int(self.moment().timestamp())
        contact.subscribe_scene = "ADD_SCENE_QR_CODE" if scene else "ADD_SCENE_SEARCH"
        by_number = scene.isascii() and scene.isdigit()
        contact.qr_scene, contact.qr_scene_str = (int(scene), "") if by_number else (0, scene)
        self._open(contact, *(("scan", "follow") if scene else ("follow",)))
        return contact.openid

    def unfollow(self, account: OpenAccount, person: str) -> None:
        contact = self._contact(account, person)
        contact.following = False
        contact.tag_ids.clear()

    def touch(self, account: OpenAccount, person: str, why: str) -> str:
        """A person does what opens a window: write, click, scan, pay or enter_mini; returns his openid."""
        contact = self._contact(account, person)
        self._open(contact, why)
        return contact.openid

    def accept_popup(self, account: OpenAccount, person: str, template_id: str) -> None:
        """A person allows one more subscription message."""
        key = (self._contact(account, person).openid, template_id)
        popups = self._known[account.appid].popups
        popups[key] = popups.get(key, 0) + 1

    def one_time_code(self, account: OpenAccount, person: str, kind: str) -> str:
        """The code a mini program gets for `login` or `phone`."""
        code = f"{kind}-{self.next_number()}"
        self._known[account.appid].codes[code] = (kind, self._contact(account, person).openid)
        return code

    # What the platform does.

    def moment(self) -> datetime:
        return self.clock.now() + self._shift

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def deliver(
        self,
        known: Known,
        contact: Contact,
        *,
        via: str,
        data: Mapping[str, Any],
        msgid: int = 0,
        template_id: str = "",
        client_msg_id: str | None = None,
    ) -> int:
        """Put a message before a person; returns its msgid."""
        msgid = msgid or self.next_number()
        appid = known.account.appid
        self.sent.append(Sent(appid, contact.person, contact.openid, via, msgid, client_msg_id or "", template_id, dict(data)))
        return msgid

    def answer(
        self,
        account: OpenAccount,
        path: str,
        *,
        params: Mapping[str, Any],
        body: dict[str, Any],
        file: tuple[str, bytes] | None = None,
    ) -> dict[str, Any]:
        """Answer one call. Raises WeChatError as the real gateway would."""
        fault = next((each for each in self._faults if each.path in {path, "*"} and each.left != 0), None)
        if fault is not None:
            fault.left = None if fault.left is None else fault.left - 1
            if fault.unreached:
                raise Unreached("no way to WeChat", account.appid)
        try:
            if fault is not None and fault.drop_before:
                raise Unanswered("the connection was lost", account.appid)
            if fault is not None and fault.code:
                refuse(fault.code)
            answer = self._carry_out(account, path, params=params, body=body, file=file)
        except RefusedError as refused:
            self.calls.append((account.appid, path, refused.code))
            raise self._error(refused, account.appid) from None
        self.calls.append((account.appid, path, 0))
        if fault is not None and fault.drop_after:
            raise Unanswered("the connection was lost", account.appid)
        return answer

    def _carry_out(
        self, account: OpenAccount, path: str, *, params: Mapping[str, Any], body: dict[str, Any], file: tuple[str, bytes] | None
    ) -> dict[str, Any]:
        known = self._known.get(account.appid)
        if path == LOGIN:
            # It proves itself with appid and secret.
            if known is None or account.kind is not AccountKind.MINI:
                refuse(40013)
            if known.account.secret != account.secret:
                refuse(40001)
        elif known is None or params.get("access_token") != _token(known):
            refuse(40014)
        elif known.token_dead:
            refuse(42001)
        kinds, function = CALLS.get(path) or refuse(-1, "unknown api")
        if known.account.kind not in (kinds or ALL):
            refuse(48001)
        return function(Call(self, known, body, params, file))

    def _error(self, refused: RefusedError, appid: str) -> WeChatError:
        meaning = CODES.get(refused.code)
        rid = f"{self.next_number():08x}-twin-{len(self.calls):08x}"
        error = error_of(refused.code, f"{meaning.en if meaning else 'refused'} {refused.detail} rid: {rid}", appid)
        error.answer = {"errcode": refused.code, **refused.more}
        return error

    def _contact(self, account: OpenAccount, person: str) -> Contact:
        known = self._known[account.appid]
        openid = "o" + hashlib.sha256(f"{account.appid}:{person}".encode()).hexdigest()[:27]
        found = known.contacts.get(openid)
        if found is None:
            unionid = "u" + hashlib.sha256(f"{known.unionid_scope}:{person}".encode()).hexdigest()[:27]
            phone = f"138{int(openid[1:9], 16) % 100_000_000:08d}"
            month = month_of(self.moment())
            found = known.contacts[openid] = Contact(person, openid, unionid, phone, mass=(month, 0))
        return found

    def _open(self, contact: Contact, *reasons: str) -> None:
        for why in reasons:
            contact.open_window(why, self.moment().timestamp())

    # What the token keeper does.

    def token(self, account: OpenAccount) -> str:
        self.check(account)
        return _token(self._known[account.appid])

    def drop(self, account: OpenAccount, token: str) -> None:
        known = self._known[account.appid]
        if token == _token(known):
            known.token_serial += 1
            known.token_dead = False

    def obtain(self, account: OpenAccount, kind: Kind) -> str:
        if kind == "token":
            return self.token(account)
        client = TwinClient(account, self)
        return str(client.raw("get", "/cgi-bin/ticket/getticket", params={"type": kind})["ticket"])

    def check(self, account: OpenAccount) -> None:
        known = self._known.get(account.appid)
        if known is None:
            raise AccountRefused(40013, "invalid appid", "", account.appid)
        if known.account.secret != account.secret:
            raise AccountRefused(40001, "invalid credential", "", account.appid)


def _token(known: Known) -> str:
    return f"token-{known.account.appid}-{known.token_serial}"
