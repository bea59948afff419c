"""`fanka device`: the terminal check, and where in a store a device stands."""

import click
from sqlalchemy import select

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.clock import SHANGHAI
from app.core.departments import department_called, stand_in
from app.core.errors import NotFoundError
from app.core.nouns import Store
from app.core.people import Device
from app.core.staffing import revoke_device, store_called
from app.core.terminals import Terminal, terminals
from app.core.unit import reading, work

ACTOR = "cli"
MOST = 1000


@click.group()
def device() -> None:
    """设备 · Devices: which are paired, when each was last seen, which are cut off."""


@command(device, "list")
@click.option("--store", "code", default=None, help="门店编号 · only of this store.")
def list_devices(voice: Voice, *, code: str | None) -> None:
    """终端检查 · The terminal check: devices in use first, the longest unseen of them on top."""
    with opened() as house, reading(house.engine) as session:
        among = None if code is None else select(Device.id).where(Device.store_id == store_called(session, code).id)
        found = terminals(session, among, now=house.clock.now(), limit=MOST)
    heads = [("编号", "id"), ("名称", "name"), ("门店", "store"), ("部门", "department"), ("状态", "state"), ("最近使用", "last seen")]
    table = [(str(each.id), each.name, each.store, each.department, each.state, _seen(each)) for each in found]
    voice.table(heads, table, empty=("还没有设备", "there is no device yet"))
    moments = ("paired_at", "seen_at", "revoked_at")
    voice.answer(
        {
            "devices": [
                {
                    name: (value and value.isoformat()) if name in moments else str(value) if name == "id" else value
                    for name, value in each.as_json().items()
                }
                for each in found
            ]
        }
    )


@command(device, "move")
@click.argument("device_id", type=click.UUID)
@click.option(
    "--department", default=None, help="本店的部门编号, 不填则服务全店 · a department of its store; without one it serves the whole store."
)
def move(voice: Voice, *, device_id: object, department: str | None) -> None:
    """设备换部门 · Put a device into a department of its store; whoever is logged in there logs in anew."""
    with opened() as house, work(house.engine) as session:
        held = session.scalar(select(Device).where(Device.public_id == device_id))
        if held is None:
            raise NotFoundError("没有这台设备 / there is no such device", code="no_device")
        store = session.get_one(Store, held.store_id)
        part = None if department is None else department_called(session, store, department)
        stand_in(session, held, part, actor=ACTOR, now=house.clock.now())
    voice.line(f"设备已移到 {department or '全店'}", f"the device serves {department or 'the whole store'} now")
    voice.answer({"id": str(device_id), "department": department})


@command(device, "cut")
@click.argument("device_id", type=click.UUID)
def cut(voice: Voice, *, device_id: object) -> None:
    """停用设备, 下一次请求即被拒绝 · Cut a device off: its next request is refused."""
    with opened() as house, work(house.engine) as session:
        held = session.scalar(select(Device).where(Device.public_id == device_id))
        if held is None:
            raise NotFoundError("没有这台设备 / there is no such device", code="no_device")
        revoke_device(session, held, actor=ACTOR, now=house.clock.now())
    voice.line("设备已停用", "the device is cut off")
    voice.answer({"id": str(device_id), "state": "cut_off"})


def _seen(each: Terminal) -> str:
    return "" if each.seen_at is None else each.seen_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
