"""Two stages for one play: the real sandbox process over HTTP, and the twin in memory; both let people act and the platform misbehave."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from uuid import uuid4

from app.core.accounts import OpenAccount
from app.core.nouns import AccountKind
from app.wechat.gateway import Gateway, WeChatGateway
from app.wechat.sender import CurlSender, Sender
from app.wechat.tokens import TokenKeeper, WeChatSource
from app.wechat.transport import ApiClient
from app.wechat.twin import Twin
from tests.support.sandbox import Sandbox
from tests.support.wechat import opened

SCOPE = "group"
KINDS = (AccountKind.SERVICE, AccountKind.SUBSCRIPTION, AccountKind.MINI)


def account_of(kind: AccountKind, number: int = 0) -> OpenAccount:
    """An account of this suite: its appid names its kind."""
    appid = f"wx{KINDS.index(kind)}{number:015d}"
    return opened(kind=kind, id=KINDS.index(kind) * 10 + number + 1, public_id=uuid4(), appid=appid, secret=appid[::-1] * 2)


class Stage(Protocol):
    """What a contract test may do besides calling the gateway."""

    def gateway(self, account: OpenAccount) -> Gateway: ...
    def sender(self) -> Sender: ...
    def join(self, account: OpenAccount) -> OpenAccount: ...
    def follow(self, account: OpenAccount, person: str, scene: str = "") -> str: ...
    def unfollow(self, account: OpenAccount, person: str) -> None: ...
    def touch(self, account: OpenAccount, person: str, why: str) -> str: ...
    def accept_popup(self, account: OpenAccount, person: str, template_id: str) -> None: ...
    def one_time_code(self, account: OpenAccount, person: str, kind: str) -> str: ...
    def add_template(self, account: OpenAccount, template_id: str, content: str, purpose: str = "template") -> None: ...
    def advance(self, seconds: float) -> None: ...
    def use_quota(self, account: OpenAccount, kind: str, used: int) -> None: ...
    def limit(self, kind: str, most: int) -> None: ...
    def expire_tokens(self, account: OpenAccount) -> None: ...
    def fail(self, path: str, *, code: int = 0, times: int = 1, drop_before: bool = False, drop_after: bool = False) -> None: ...
    def reached(self, account: OpenAccount, person: str) -> list[tuple[str, Mapping[str, Any]]]: ...
    def calls(self, path: str) -> int: ...


class TwinStage:
    """The twin as it is."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def gateway(self, account: OpenAccount) -> Gateway:
        return self.twin.gateway(account)

    def sender(self) -> Sender:
        return self.twin.sender()

    def join(self, account: OpenAccount) -> OpenAccount:
        self.twin.add_account(account, unionid_scope=SCOPE)
        return account

    def follow(self, account: OpenAccount, person: str, scene: str = "") -> str:
        return self.twin.follow(account, person, scene=scene)

    def unfollow(self, account: OpenAccount, person: str) -> None:
        self.twin.unfollow(account, person)

    def touch(self, account: OpenAccount, person: str, why: str) -> str:
        return self.twin.touch(account, person, why)

    def accept_popup(self, account: OpenAccount, person: str, template_id: str) -> None:
        self.twin.accept_popup(account, person, template_id)

    def one_time_code(self, account: OpenAccount, person: str, kind: str) -> str:
        return self.twin.one_time_code(account, person, kind)

    def add_template(self, account: OpenAccount, template_id: str, content: str, purpose: str = "template") -> None:
        self.twin.add_template(account, template_id, content, purpose=purpose)

    def advance(self, seconds: float) -> None:
        self.twin.advance(seconds)

    def use_quota(self, account: OpenAccount, kind: str, used: int) -> None:
        self.twin.use_quota(account, kind, used)

    def limit(self, kind: str, most: int) -> None:
        self.twin.quota[kind] = most

    def expire_tokens(self, account: OpenAccount) -> None:
        self.twin.expire_tokens(account)

    def fail(self, path: str, *, code: int = 0, times: int = 1, drop_before: bool = False, drop_after: bool = False) -> None:
        self.twin.fail(path, code=code, times=times, drop_before=drop_before, drop_after=drop_after)

    def reached(self, account: OpenAccount, person: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(sent.via, sent.data) for sent in self.twin.sent if (sent.appid, sent.person) == (account.appid, person)]

    def calls(self, path: str) -> int:
        return sum(called == path for _, called, _ in self.twin.calls)


class SandboxStage:
    """A real sandbox process behind the wechatpy gateway and the pycurl sender, with tokens in a real Redis."""

    def __init__(self, sandbox: Sandbox, keeper: TokenKeeper) -> None:
        self.sandbox = sandbox
        self._keeper = keeper
        self._people: dict[str, str] = {}
        self._began = self._lines()
        self._open: list[WeChatGateway | CurlSender] = []

    def close(self) -> None:
        for each in self._open:
            each.close()

    def gateway(self, account: OpenAccount) -> Gateway:
        made = WeChatGateway(ApiClient(account, self.sandbox.url, self._keeper), self._keeper)
        self._open.append(made)
        return made

    def sender(self) -> Sender:
        made = CurlSender(self.sandbox.url, self._keeper, connections=8)
        self._open.append(made)
        return made

    def join(self, account: OpenAccount) -> OpenAccount:
        self.sandbox.add_account(account, open_platform=SCOPE)
        return account

    def follow(self, account: OpenAccount, person: str, scene: str = "") -> str:
        return self._act(account, person, "follow", **({"scene": scene} if scene else {}))

    def unfollow(self, account: OpenAccount, person: str) -> None:
        self._act(account, person, "unfollow")

    def touch(self, account: OpenAccount, person: str, why: str) -> str:
        more = {"write": {"text": "hello"}, "click": {"key": "menu_sale"}, "scan": {"scene": "7"}}.get(why, {})
        return self._act(account, person, why, **more)

    def accept_popup(self, account: OpenAccount, person: str, template_id: str) -> None:
        self._act(account, person, "subscribe_popup", template_id=template_id, status="accept")

    def one_time_code(self, account: OpenAccount, person: str, kind: str) -> str:
        wanted = {"person": self._person(person), "appid": account.appid, "do": f"{kind}_code"}
        return str(self.sandbox.control("act", wanted)["code"])

    def add_template(self, account: OpenAccount, template_id: str, content: str, purpose: str = "template") -> None:
        fields = {"appid": account.appid, "template_id": template_id, "title": "服务通知", "content": content, "purpose": purpose}
        self.sandbox.control("templates", fields)

    def advance(self, seconds: float) -> None:
        self.sandbox.control("clock", {"advance_s": seconds})

    def use_quota(self, account: OpenAccount, kind: str, used: int) -> None:
        self.sandbox.control("quota", {"appid": account.appid, "kind": kind, "used": used})

    def limit(self, kind: str, most: int) -> None:
        self.sandbox.control("settings", {"quota": {kind: most}})

    def expire_tokens(self, account: OpenAccount) -> None:
        self.sandbox.control("tokens/expire", {"appid": account.appid})

    def fail(self, path: str, *, code: int = 0, times: int = 1, drop_before: bool = False, drop_after: bool = False) -> None:
        fault = {"path": path, "errcode": code, "times": times, "drop_before": drop_before, "drop_after_accept": drop_after}
        self.sandbox.control("faults", fault)

    def reached(self, account: OpenAccount, person: str) -> list[tuple[str, Mapping[str, Any]]]:
        screen = self.sandbox.person(self._person(person))["screen"]
        return [(line["via"], line["data"]) for line in screen if line["appid"] == account.appid]

    def calls(self, path: str) -> int:
        # Refusals are answered before they are on disk; a control is not, and it comes after them.
        self.sandbox.control("settings", {})
        lines = self.sandbox.log.read_text().splitlines()[self._began :]
        return sum('"type":"call"' in line and f'"path":"{path}"' in line for line in lines)

    def _lines(self) -> int:
        return len(self.sandbox.log.read_text().splitlines())

    def _person(self, name: str) -> str:
        if name not in self._people:
            self._people[name] = self.sandbox.add_people(name)[0]["id"]
        return self._people[name]

    def _act(self, account: OpenAccount, person: str, do: str, **more: Any) -> str:
        self.sandbox.act(self._person(person), account, do, **more)
        return str(self.sandbox.person(self._person(person))["openids"][account.appid])


def keeper_over(sandbox: Sandbox, redis: Any, ring: Any) -> TokenKeeper:
    return TokenKeeper(redis, "contract", ring=ring, source=WeChatSource(sandbox.url))


def wrong_secret(account: OpenAccount) -> OpenAccount:
    return replace(account, secret="f" * 32)
