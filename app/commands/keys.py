"""`fanka keys`: new keys, the ring in use, and their rotation while the house runs."""

import base64
import re
from pathlib import Path
from typing import Any

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.audit import note
from app.core.errors import ConflictError, NotFoundError
from app.core.house import House
from app.core.rotation import count_by_key, rehash, reseal, settle_lookups
from app.core.secrets import KeyRing, new_key, read_ring_file, write_ring_file
from app.core.unit import work

Written = tuple[tuple[str, bytes], ...]
ACTOR = "cli"
_ID = re.compile(r"[a-z]+(\d+)")


@click.group()
def keys() -> None:
    """密钥 · Keys that seal what is personal.

    轮换 · To rotate: `keys add`, 重启所有进程 restart every process, `keys rotate`, 重启 restart, `keys retire <旧 old>`.
    """


@command(keys, "new")
@click.option(
    "--file", "path", type=click.Path(path_type=Path), default=None, help="写入此文件, 权限 0600 · write them into this file of mode 0600."
)
def new(voice: Voice, *, path: Path | None) -> None:
    """生成新密钥 · Make a first pair of keys, for the environment or for FANKA_KEYS_FILE."""
    sealing, lookup = new_key("k1"), new_key("l1")
    if path is not None:
        if path.exists():
            raise ConflictError(f"{path} 已存在, 不会覆盖 / {path} exists and is not overwritten", code="keys_known")
        write_ring_file(path, keys=sealing, lookup_keys=lookup)
        voice.line(f"已写入; 设置 FANKA_KEYS_FILE={path}", f"written; set FANKA_KEYS_FILE={path}")
        voice.answer({"file": str(path)})
        return
    voice.line(f"FANKA_KEYS={sealing}", f"FANKA_KEYS={sealing}")
    voice.line(f"FANKA_LOOKUP_KEYS={lookup}", f"FANKA_LOOKUP_KEYS={lookup}")
    voice.answer({"FANKA_KEYS": sealing, "FANKA_LOOKUP_KEYS": lookup})


@command(keys, "list")
def list_(voice: Voice) -> None:
    """列出密钥编号 · List the ids of the keys and how many values each has sealed; never the keys."""
    with opened() as house:
        ring = _ring_now(house)
        counts = count_by_key(house.engine, ring)
    sealing = [{"id": key_id, "in_use": place == 0, "values": counts.get(key_id, 0)} for place, (key_id, _) in enumerate(ring.sealing)]
    lookup = [{"id": key_id, "in_use": place == 0} for place, (key_id, _) in enumerate(ring.lookup)]
    rows = [("加密 sealing", each["id"], each["in_use"], each["values"]) for each in sealing]
    rows += [("查找 look-up", each["id"], each["in_use"], None) for each in lookup]
    voice.table([("用途", "use"), ("编号", "id"), ("使用中", "in use"), ("数据", "values")], rows, empty=("没有密钥", "there is no key"))
    if counts.get("?"):
        voice.line(f"{counts['?']} 项数据的密钥不在此环中", f"the key of {counts['?']} values is not in this ring")
    voice.answer({"sealing": sealing, "lookup": lookup, "unknown": counts.get("?", 0)})


@command(keys, "add")
def add(voice: Voice) -> None:
    """添加一对密钥 · Add a pair of keys at the end of the ring: known to every process after its restart, used by none yet."""
    with opened() as house:
        ring = _ring_now(house)
        fresh = KeyRing((*ring.sealing, _fresh(ring.sealing)), (*ring.lookup, _fresh(ring.lookup)))
        _keep(voice, house, fresh)
        added = [fresh.sealing[-1][0], fresh.lookup[-1][0]]
        _note(house, "keys.added", {"added": added})
        voice.line(
            f"已添加 {', '.join(added)}; 重启所有进程后运行 fanka keys rotate",
            f"added {', '.join(added)}; restart every process, then `fanka keys rotate`",
        )
        voice.answer({"added": added, **_environment(house, fresh)})


@command(keys, "rotate")
def rotate(voice: Voice) -> None:
    """轮换密钥 · Put the newest pair in use and seal everything anew with it; killed, it goes on where it stopped."""
    with opened() as house:
        ring = _ring_now(house)
        if _in_file(house):
            ring = KeyRing(_newest_first(ring.sealing), _newest_first(ring.lookup))
            _keep(voice, house, ring)

        _note(house, "keys.rotated", {"in_use": [ring.sealing[0][0], ring.lookup[0][0]]})

        def tell(label: str, done: int) -> None:
            voice.progress(f"{label}: {done:,}", f"{label}: {done:,}")

        sealed = reseal(house.engine, ring, tell=tell)
        hashed = rehash(house.engine, ring, tell=tell)
        old = [key_id for key_id, _ in (*ring.sealing[1:], *ring.lookup[1:])]
        voice.line(
            f"{sealed:,} 项已重新加密, {hashed:,} 项查找值已更新"
            + (f"; 重启所有进程后可 fanka keys retire {' '.join(old)}" if old else ""),
            f"{sealed:,} values sealed anew, {hashed:,} look-ups made anew"
            + (f"; restart every process, then `fanka keys retire {' '.join(old)}`" if old else ""),
        )
        voice.answer({"sealed": sealed, "hashed": hashed, "in_use": [ring.sealing[0][0], ring.lookup[0][0]], "old": old})


@command(keys, "retire")
@click.argument("ids", nargs=-1, required=True)
def retire(voice: Voice, *, ids: tuple[str, ...]) -> None:
    """弃用旧密钥 · Take old keys out of the ring; refused while anything still needs them."""
    with opened() as house:
        ring = _ring_now(house)
        known = {key_id for key_id, _ in (*ring.sealing, *ring.lookup)}
        for key_id in ids:
            if key_id not in known:
                raise NotFoundError(f"环中没有密钥 {key_id} / there is no key {key_id} in the ring", code="no_key")
            if key_id in {ring.sealing[0][0], ring.lookup[0][0]}:
                raise ConflictError(f"密钥 {key_id} 正在使用 / the key {key_id} is in use", code="key_in_use")
        counts = count_by_key(house.engine, ring)
        for key_id in ids:
            if counts.get(key_id):
                raise ConflictError(
                    f"密钥 {key_id} 还有 {counts[key_id]} 项数据, 先运行 fanka keys rotate / the key {key_id} still seals {counts[key_id]} values; "
                    "run `fanka keys rotate` first",
                    code="key_needed",
                )
        if any(key_id in ids for key_id, _ in ring.lookup):
            settle_lookups(house.engine, ring)
        left = KeyRing(
            tuple(each for each in ring.sealing if each[0] not in ids), tuple(each for each in ring.lookup if each[0] not in ids)
        )
        _keep(voice, house, left)
        _note(house, "keys.retired", {"retired": list(ids)})
        voice.line(f"已弃用 {' '.join(ids)}", f"retired {' '.join(ids)}")
        voice.answer({"retired": list(ids), **_environment(house, left)})


def _note(house: House, action: str, detail: dict[str, Any]) -> None:
    """Which keys changed, by their ids alone; written before values are sealed anew, so that a killed run has its line too."""
    with work(house.engine) as session:
        note(session, at=house.clock.now(), actor=ACTOR, action=action, object_type="keys", object_id="ring", detail=detail)


def _ring_now(house: House) -> KeyRing:
    """The ring as it is written now: another command may have changed the file since this process started."""
    path = house.settings.keys_file
    return house.ring if path is None or (house.settings.keys and house.settings.lookup_keys) else read_ring_file(path)


def _keep(voice: Voice, house: House, ring: KeyRing) -> None:
    """Write the ring into its file, or say which variables to set. The ring of this process follows."""
    if _in_file(house):
        assert house.settings.keys_file is not None
        write_ring_file(house.settings.keys_file, keys=_written(ring.sealing), lookup_keys=_written(ring.lookup))
    else:
        for name, value in _environment(house, ring).items():
            voice.line(f"请设置 {name}={value}", f"set {name}={value}")
    house.ring = ring


def _in_file(house: House) -> bool:
    return house.settings.keys_file is not None and not (house.settings.keys and house.settings.lookup_keys)


def _environment(house: House, ring: KeyRing) -> dict[str, str]:
    return {} if _in_file(house) else {"FANKA_KEYS": _written(ring.sealing), "FANKA_LOOKUP_KEYS": _written(ring.lookup)}


def _written(ring: Written) -> str:
    return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in ring)


def _fresh(ring: Written) -> tuple[str, bytes]:
    """A new key whose id follows the highest number in the ring."""
    first = _ID.fullmatch(ring[0][0])
    letters = re.sub(r"\d+$", "", ring[0][0]) if first else "k"
    numbers = [int(found[1]) for key_id, _ in ring if (found := _ID.fullmatch(key_id))]
    key_id, _, encoded = new_key(f"{letters}{max(numbers, default=0) + 1}").partition(":")
    return key_id, base64.b64decode(encoded)


def _newest_first(ring: Written) -> Written:
    if len(ring) == 1:
        return ring
    newest = max(ring, key=lambda each: int(found[1]) if (found := _ID.fullmatch(each[0])) else 0)
    return (newest, *(each for each in ring if each != newest))
