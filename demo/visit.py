"""What whoever looks around needs once the play is over: somebody who may log in at a counter, and the table that says where everything is."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from demo.door import fanka
from demo.place import Site
from demo.plan import CARD_BUTTON
from demo.table import width

STORE, STORE_NAME = "B01", "百货一店"
_PEOPLE = (("chen", "陈晨", "clerk"), ("wang", "王敏", "supervisor"))


@dataclass(frozen=True, slots=True)
class Visit:
    """Who may log in, with which password, on a device that this code pairs."""

    logins: Sequence[str]
    password: str
    pairing: str


def prepare() -> Visit:
    """Take two people on at one store and offer a device to it. The password is drawn for this run."""
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    for login, name, role in _PEOPLE:
        fanka("staff", "add", login, "--name", name, "--store", STORE, "--role", role, env={"STAFF_PASSWORD": password})
    pairing = str(fanka("staff", "pair", "--store", STORE, "--name", "演示收银台")["code"])
    return Visit([login for login, _, _ in _PEOPLE], password, pairing)


def lines(site: Site, visit: Visit, phones: Mapping[str, str]) -> list[str]:
    """The table of doors, as it is printed; `phones` are card numbers by person."""
    first = next(iter(phones), "")
    rows = [
        ("顾客的手机 people's phones", f"{site.sandbox_url}/" + (f"#{first}" if first else "")),
        ("", f"公众号菜单 “我的 › {CARD_BUTTON}” 打开会员卡; 有卡的人 people with cards: {', '.join(phones) or '-'}"),
        ("会员页 members' pages", f"{site.public_url}/me"),
        ("店员页 the clerk's page", f"{site.public_url}/clerk"),
        ("", f"{STORE_NAME} 配对码 pairing code {visit.pairing} (15 分钟 minutes)"),
        ("", f"工号 log in as {' / '.join(visit.logins)}, 密码 password {visit.password}"),
        ("开放接口 open API", f"{site.public_url}/api/v1/openapi.json"),
        ("命令行 command line", f"export {' '.join(f'{name}={value}' for name, value in sorted(site.command_line().items()))}"),
        ("", f".venv/bin/fanka member find {next(iter(phones.values()), '')}".rstrip()),
        ("日志 log", f"{site.noise}"),
    ]
    wide = max(width(name) for name, _ in rows)
    rule = "─" * (wide + 62)
    return ["去看看 Have a look", rule, *(f"  {name}{' ' * (wide - width(name))}  {what}" for name, what in rows), rule]
