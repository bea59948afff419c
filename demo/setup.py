"""Sets the shop up: on WeChat's side through the control plane, on ours through Fanka's own commands."""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from demo import plan
from demo.control import Control
from demo.day import Act
from demo.door import fanka
from demo.plan import Account

_ACTS_AT_ONCE = 500
Tell = Callable[[str], None]


@dataclass(slots=True)
class Shop:
    """What came out of the set-up."""

    people: list[str] = field(default_factory=list)
    scenes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Scenes of the channels, by AppID."""
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    """Secret, token and AES key, by AppID: drawn for this run."""
    templates: dict[str, str] = field(default_factory=dict)
    """Template id by AppID."""
    ids: dict[str, str] = field(default_factory=dict)
    """What Fanka calls the accounts, by AppID."""

    def card_url(self, public_url: str, appid: str) -> str:
        """Where a follower of an account finds his card: the account asks WeChat anew who he is."""
        return f"{public_url}/h5/enter?a={self.ids[appid]}"


def open_shop(control: Control, *, people: int, tell: Tell) -> Shop:
    """Everything that exists before the doors open, but for the followers of old."""
    shop = Shop()
    shop.secrets = {account.appid: _draw_secrets() for account in plan.ACCOUNTS}
    for account in plan.ACCOUNTS:
        _show_to_wechat(control, shop, account, callback_url="")
    for appid, (title, content, _) in plan.TEMPLATES.items():
        shop.templates[appid] = control.post("templates", {"appid": appid, "title": title, "content": content})["template_id"]
    shop.people = [person["id"] for person in control.post("people", {"count": people})["people"]]
    tell(f"{len(plan.ACCOUNTS)} 个账号 accounts, {people:,} 人 people")
    for account in plan.ACCOUNTS:
        shop.ids[account.appid] = _add_account(shop, account)
    _define_tags()
    tell(f"{len(plan.TAGS)} 个标签 tags, {len(plan.RULES)} 条规则 rules")
    _make_channels(shop)
    tell(f"{len(plan.CHANNELS)} 个渠道码 channel codes")
    _write_replies()
    tell(f"{len(plan.KEYWORDS)} 个关键词 keywords, {len(plan.MENU_KEYS)} 个菜单键 menu keys")
    fanka("segment", "save", plan.SEGMENT_NAME, _json(plan.SEGMENT))
    return shop


def open_doors(control: Control, shop: Shop, *, before: list[Act], public_url: str, tell: Tell) -> None:
    """People followed before; then WeChat learns where we are, and the followers of old are brought in."""
    for some in chunks(before):
        control.post("act", some)
    for account in plan.ACCOUNTS:
        _show_to_wechat(control, shop, account, callback_url=f"{public_url}/wechat/{account.appid}")
        fanka("account", "check", account.appid)
    for account in plan.SERVICES:
        fanka("menu", "set", account.appid, "-", stdin=plan.buttons(shop.card_url(public_url, account.appid)))
    fanka("menu", "push")
    listed = [fanka("account", "import", account.appid)["listed"] for account in plan.SERVICES]
    tell(f"回调地址已验证 callback addresses checked, 导入 {sum(listed):,} 个老粉丝 followers of old brought in")


def send_broadcast(shop: Shop, *, key: str) -> dict[str, Any]:
    """Plan the one broadcast over both accounts and order it to be sent; returns the plan's answer."""
    accounts = [
        {"appid": appid, "template_id": shop.templates[appid], "fields": fields} for appid, (_, _, fields) in plan.TEMPLATES.items()
    ]
    wish = {"key": key, "name": "会员日通知", "purpose": "service", "segment": {}, "content": plan.CONTENT, "accounts": accounts}
    planned = fanka("broadcast", "plan", "-", "--segment", plan.SEGMENT_NAME, stdin=wish)
    fanka("broadcast", "send", planned["id"], "--yes")
    return planned


def chunks(acts: list[Act]) -> Iterator[list[Act]]:
    """Acts in lists as long as one control request may carry."""
    rest = iter(acts)
    while some := list(islice(rest, _ACTS_AT_ONCE)):
        yield some


def _draw_secrets() -> dict[str, str]:
    return {"secret": secrets.token_hex(16), "token": secrets.token_hex(8), "aes_key": secrets.token_hex(21) + "A"}


def _show_to_wechat(control: Control, shop: Shop, account: Account, *, callback_url: str) -> None:
    control.post(
        "accounts",
        {
            "appid": account.appid,
            "kind": account.kind,
            "name": account.name,
            "mode": account.mode,
            "format": account.format,
            "open_platform": account.group,
            "callback_url": callback_url,
            **shop.secrets[account.appid],
        },
    )


def _add_account(shop: Shop, account: Account) -> str:
    options = ["--kind", account.kind, "--mode", account.mode, "--retention", account.retention, "--trust-client-msg-id"]
    made = fanka("account", "add", account.appid, "--name", account.name, *options, "--secrets", "-", stdin=shop.secrets[account.appid])
    return str(made["id"])


def _define_tags() -> None:
    groups: set[str] = set()
    for name, group, exclusive in plan.TAGS:
        options = [] if group is None else ["--group", group]
        if exclusive and group not in groups:
            options.append("--exclusive")
        groups |= {group} if group else set()
        fanka("tags", "define", name, *options)
    for number, rule in enumerate(plan.RULES, start=1):
        options = [] if rule.account is None else ["--account", rule.account.appid]
        if rule.expires_after_s is not None:
            options += ["--expires-after-s", str(rule.expires_after_s)]
        name = f"{number:02} {rule.tag}"
        fanka("tags", "rule", "add", name, "--tag", rule.tag, "--kind", rule.kind, "--params", _json(rule.params), *options)


def _make_channels(shop: Shop) -> None:
    for channel in plan.CHANNELS:
        options = [part for tag in channel.tags for part in ("--tag", tag)]
        if channel.days is not None:
            options += ["--days", str(channel.days)]
        text = plan.WELCOME.format(channel=channel.name)
        made = fanka("channel", "add", channel.name, "--account", channel.account.appid, "--text", text, *options)
        shop.scenes[channel.account.appid].append(made["scene"])


def _write_replies() -> None:
    for account in plan.SERVICES:
        greeting = plan.GREETING.format(account=account.name)
        fanka("reply", "add", f"关注 {account.name}", "--on", "follow", "--text", greeting, "--account", account.appid)
    for keyword in plan.KEYWORDS:
        options = ["--match", keyword.match, *_recording(keyword.records)]
        fanka(
            "reply", "add", f"关键词 {keyword.pattern}", "--on", "keyword", "--pattern", keyword.pattern, "--text", keyword.answer, *options
        )
    for key, answer in plan.MENU_ANSWERS.items():
        fanka("reply", "add", f"菜单 {key}", "--on", "menu", "--pattern", key, "--text", answer)
    options = ["--on", "menu", "--pattern", plan.CONSENT_KEY, "--text", "已记录您的同意。", *_recording("consent.granted")]
    fanka("reply", "add", f"菜单 {plan.CONSENT_KEY}", *options)
    fanka("reply", "add", "默认回复", "--on", "default", "--text", plan.DEFAULT)


def _recording(kind: str | None) -> list[str]:
    return [] if kind is None else ["--records", kind, "--version", plan.CONSENT_VERSION]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
