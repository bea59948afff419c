"""`fanka staff`: people, their positions, and the devices they stand at."""

import os
import sys
from uuid import UUID

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.departments import department_called, place_called
from app.core.errors import BadRequestError
from app.core.nouns import BusinessUnit, Store
from app.core.passwords import totp_address
from app.core.people import Department, Device, Position, Role, Staff
from app.core.scanning import unbind
from app.core.staffing import (
    add_staff,
    give_position,
    offer_pairing,
    revoke_device,
    revoke_staff,
    set_password,
    set_totp,
    staff_called,
    store_called,
    take_position,
)
from app.core.unit import reading, work

ACTOR = "cli"
_DEPARTMENT = click.option("--department", default=None, help="门店里的部门编号 · the code of a department of the store.")
PASSWORD = "STAFF_PASSWORD"  # noqa: S105 - the name of the variable, not a password.


@click.group()
def staff() -> None:
    """员工 · Staff, their positions and devices."""


@command(staff, "add")
@click.argument("login")
@click.option("--name", required=True, help="姓名, 小票与撤销记录上显示 · the name shown on slips.")
@click.option("--phone", default=None, help="本人手机号, 防止自己给自己核销 · his own number, so that he cannot redeem for himself.")
@click.option("--store", "code", default=None, help="任职门店编号 · the store he works at.")
@_DEPARTMENT
@click.option("--role", type=click.Choice([str(role) for role in Role]), default="clerk", show_default=True)
@click.option("--totp", is_flag=True, help="登录时再要动态口令 · ask for a time-based code too.")
def add(voice: Voice, *, login: str, name: str, phone: str | None, code: str | None, department: str | None, role: str, totp: bool) -> None:
    """添加员工 · Take somebody on.

    密码不写在命令行: 来自环境变量 STAFF_PASSWORD, 或询问 · The password comes from STAFF_PASSWORD or is asked for.
    """
    password = read_password()
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        made = add_staff(session, house.ring, login=login, name=name, password=password, phone=phone, actor=ACTOR, now=now)
        if code is not None:
            place = place_called(session, store=code, department=department)
            give_position(session, made, role=Role(role), place=place, actor=ACTOR, now=now)
        secret = set_totp(session, house.ring, made, on=True, actor=ACTOR, now=now) if totp else None
        answer = {"id": str(made.public_id), "login": made.login, "name": made.name}
    voice.line(f"已添加 {name} ({answer['login']})", f"added {name} ({answer['login']})")
    _tell_totp(voice, answer, secret)
    voice.answer(answer)


def read_password() -> str:
    """A password from the environment or asked for twice. Raises BadRequestError."""
    given = os.environ.get(PASSWORD, "")
    if not given and not sys.stdin.isatty():
        raise BadRequestError(f"缺少密码: 设置 {PASSWORD} / the password is missing: set {PASSWORD}", code="no_password")
    return given or str(click.prompt("密码 password", hide_input=True, confirmation_prompt=True))


@command(staff, "list")
@paged
def list_staff(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出员工 · List the staff with their positions."""
    with opened() as house, reading(house.engine) as session:
        query = select(Staff).order_by(Staff.login).limit(limit + 1)
        rows = session.scalars(query if after is None else query.where(Staff.login > after)).all()
        shown = rows[:limit]
        places = _places(session, [row.id for row in shown])
    heads = [("工号", "login"), ("姓名", "name"), ("在职", "active"), ("动态口令", "TOTP"), ("微信", "WeChat"), ("职位", "positions")]
    table = [
        (
            row.login,
            row.name,
            row.active,
            row.totp_sealed is not None,
            row.wechat_bound_at is not None,
            ", ".join(_shown(each) for each in places[row.id]),
        )
        for row in shown
    ]
    voice.table(heads, table, empty=("还没有员工", "there is nobody yet"))
    people = [
        {
            "id": str(row.public_id),
            "login": row.login,
            "name": row.name,
            "active": row.active,
            "totp": row.totp_sealed is not None,
            "wechat_bound_at": None if row.wechat_bound_at is None else row.wechat_bound_at.isoformat(),
            "positions": places[row.id],
        }
        for row in shown
    ]
    voice.answer({"staff": people, "next": shown[-1].login if len(rows) > limit else None})


@command(staff, "position")
@click.argument("login")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--store", "code", default=None, help="门店编号 · at this store.")
@_DEPARTMENT
@click.option("--unit", default=None, help="整个事业部 · at every store of this business unit.")
@click.option("--take", is_flag=True, help="收回 · take the position away.")
def position(voice: Voice, *, login: str, role: str, code: str | None, unit: str | None, department: str | None, take: bool) -> None:
    """授予或收回职位; 不填门店和事业部则为整个集团 · Give or take a position; without a place it is the whole group."""
    with opened() as house, work(house.engine) as session:
        held = staff_called(session, login)
        place = place_called(session, store=code, unit=unit, department=department)
        now = house.clock.now()
        if take:
            take_position(session, held, role=Role(role), place=place, actor=ACTOR, now=now)
        else:
            give_position(session, held, role=Role(role), place=place, actor=ACTOR, now=now)
        session.flush()
        positions = _places(session, [held.id])[held.id]
    shown = ", ".join(_shown(each) for each in positions) or "-"
    voice.line(f"{held.name} 的职位: {shown}", f"the positions of {held.name}: {shown}")
    voice.answer({"login": held.login, "positions": positions})


@command(staff, "password")
@click.argument("login")
@click.option("--totp", type=click.Choice(["on", "off"]), default=None, help="开启或关闭动态口令 · ask for a time-based code, or no more.")
def password(voice: Voice, *, login: str, totp: str | None) -> None:
    """重设密码 (STAFF_PASSWORD 或询问), 或只改动态口令 · Set a new password, or change the time-based code only."""
    fresh = read_password() if totp is None else None
    with opened() as house, work(house.engine) as session:
        held, now = staff_called(session, login), house.clock.now()
        if fresh is not None:
            set_password(session, held, fresh, actor=ACTOR, now=now)
        secret = None if totp is None else set_totp(session, house.ring, held, on=totp == "on", actor=ACTOR, now=now)
        answer = {"login": held.login}
    voice.line(f"{answer['login']} 已更新", f"{answer['login']} is changed")
    _tell_totp(voice, answer, secret)
    voice.answer(answer)


@command(staff, "pair")
@click.option("--store", "code", required=True, help="门店编号 · the store's code.")
@click.option("--name", default="收银台", show_default=True, help="设备名称 · what the device is called.")
@_DEPARTMENT
def pair(voice: Voice, *, code: str, name: str, department: str | None) -> None:
    """生成设备配对码, 15 分钟内用一次 · A code that pairs one device with a store within 15 minutes."""
    with opened() as house, work(house.engine) as session:
        store = store_called(session, code)
        part = None if department is None else department_called(session, store, department)
        written, device = offer_pairing(session, store, name=name, department=part, actor=ACTOR, now=house.clock.now())
        answer = {"code": written, "device": str(device.public_id), "store": store.code, "page": f"{house.settings.public_url}/clerk"}
    voice.line(f"在设备上打开 {answer['page']}, 输入配对码 {written}", f"open {answer['page']} on the device and enter {written}")
    voice.answer(answer)


@command(staff, "revoke")
@click.argument("who")
def revoke(voice: Voice, *, who: str) -> None:
    """停用员工 (工号) 或设备 (编号) · Cut off somebody (login) or a device (id)."""
    with opened() as house, work(house.engine) as session:
        device = None if (public_id := _id_of(who)) is None else session.scalar(select(Device).where(Device.public_id == public_id))
        if device is not None:
            revoke_device(session, device, actor=ACTOR, now=house.clock.now())
        else:
            revoke_staff(session, staff_called(session, who), actor=ACTOR, now=house.clock.now())
    voice.line(f"已停用 {who}", f"{who} is cut off")
    voice.answer({"revoked": who})


@command(staff, "unbind")
@click.argument("login")
def unbind_wechat(voice: Voice, *, login: str) -> None:
    """解绑员工的微信, 登录全部失效 · Somebody's WeChat opens nothing any more, and his log-ins end.

    绑定由有权的人在 /clerk 的“报表 > 员工”里做, 本人在场扫码 · Binding is done at /clerk by who has the right, with the person there to scan.
    """
    with opened() as house, work(house.engine) as session:
        unbind(session, staff_called(session, login), actor=ACTOR, now=house.clock.now())
    voice.line(f"已解绑 {login} 的微信", f"the WeChat of {login} is unbound")
    voice.answer({"login": login, "wechat_bound_at": None})


def _id_of(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


def _tell_totp(voice: Voice, answer: dict[str, str], secret: str | None) -> None:
    if secret is not None:
        answer["totp"] = totp_address(secret, login=answer["login"])
        voice.line(f"动态口令, 请用验证器应用扫描: {answer['totp']}", f"the time-based code, for an authenticator app: {answer['totp']}")


def _places(session: Session, staff_ids: list[int]) -> dict[int, list[dict[str, str]]]:
    query = select(Position.staff_id, Position.role, Store.code, BusinessUnit.name, Department.code)
    query = query.outerjoin(Department, Department.id == Position.department_id)
    query = query.outerjoin(Store, Store.id == func.coalesce(Position.store_id, Department.store_id))
    query = query.outerjoin(BusinessUnit, BusinessUnit.id == Position.business_unit_id).where(Position.staff_id.in_(staff_ids))
    places: dict[int, list[dict[str, str]]] = {staff_id: [] for staff_id in staff_ids}
    for staff_id, role, *where in session.execute(query.order_by(Position.id)):
        named = zip(("store", "unit", "department"), where, strict=True)
        places[staff_id].append({"role": role, **{kind: place for kind, place in named if place}})
    return places


def _shown(place: dict[str, str]) -> str:
    where = [place[kind] for kind in ("store", "unit", "department") if kind in place]
    return f"{place['role']} @ {'/'.join(where) or '*'}"
