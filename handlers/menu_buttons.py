"""The buttons of a menu: WeChat's limits checked before WeChat does, one normal form, and the difference of two menus."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.core.errors import BadRequestError

# Source: 自定义菜单 / 创建接口: three buttons, five below each, 16 and 60 bytes of name, 128 of key, 1 024 of address.
_MAX_BUTTONS = 3
_MAX_BELOW = 5
_TOP_NAME_BYTES = 16
_BELOW_NAME_BYTES = 60
_KEY_BYTES = 128
_URL_BYTES = 1024


def _bytes(most: int) -> AfterValidator:
    def check(value: str) -> str:
        if not 1 <= len(value.encode()) <= most or not value.isprintable():
            raise ValueError(f"needs 1 to {most} printable bytes, not {len(value.encode())}")
        return value

    return AfterValidator(check)


def _web(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value


Name = Annotated[str, _bytes(_BELOW_NAME_BYTES)]
Key = Annotated[str, _bytes(_KEY_BYTES)]
Url = Annotated[str, _bytes(_URL_BYTES), AfterValidator(_web)]


class _Button(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name


class KeyButton(_Button):
    type: Literal["click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"]
    key: Key


class ViewButton(_Button):
    type: Literal["view"]
    url: Url


class MiniButton(_Button):
    """Opens a mini program; old clients open the page instead."""

    type: Literal["miniprogram"]
    url: Url
    appid: Annotated[str, _bytes(32)]
    pagepath: Annotated[str, _bytes(_URL_BYTES)]


class MediaButton(_Button):
    type: Literal["media_id", "view_limited"]
    media_id: Annotated[str, _bytes(128)]


class ArticleButton(_Button):
    type: Literal["article_id", "article_view_limited"]
    article_id: Annotated[str, _bytes(128)]


Leaf = Annotated[KeyButton | ViewButton | MiniButton | MediaButton | ArticleButton, Field(discriminator="type")]


class Folder(_Button):
    sub_button: Annotated[list[Leaf], Field(min_length=1, max_length=_MAX_BELOW)]


_LEAF: TypeAdapter[Leaf] = TypeAdapter(Leaf)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two menus differ: `place` counts from 1 (`2.1` is the first below the second)."""

    place: str
    ours: dict[str, Any] | None
    theirs: dict[str, Any] | None


def check_buttons(buttons: Any) -> list[dict[str, Any]]:
    """Buttons in normal form. Raises BadRequestError that names the place and the limit."""
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= _MAX_BUTTONS:
        raise BadRequestError(f"a menu has 1 to {_MAX_BUTTONS} buttons", code="bad_menu")
    return [_checked(button, place=str(number)) for number, button in enumerate(buttons, 1)]


def _checked(button: Any, *, place: str) -> dict[str, Any]:
    if not isinstance(button, Mapping):
        raise BadRequestError(f"button {place} is not an object", code="bad_menu")
    bare = _bare(button)
    try:
        held = Folder.model_validate(bare) if "sub_button" in bare else _LEAF.validate_python(bare)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        inside = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise BadRequestError(f"button {place} {inside}: {first['msg']}", code="bad_menu") from error
    if len(held.name.encode()) > _TOP_NAME_BYTES:
        raise BadRequestError(f"button {place} name: at most {_TOP_NAME_BYTES} bytes on the bar", code="bad_menu")
    return held.model_dump()


def normal(buttons: Any) -> list[dict[str, Any]]:
    """Buttons as WeChat returns them, in our form: empty lists and fields we do not set left out, nothing checked."""
    return [_bare(button) for button in buttons if isinstance(button, Mapping)] if isinstance(buttons, Sequence) else []


def _bare(button: Mapping[str, Any]) -> dict[str, Any]:
    held = {name: value for name, value in button.items() if value not in ("", None, [])}
    if isinstance(held.get("sub_button"), Mapping):
        # get_current_selfmenu_info wraps the list once more.
        held["sub_button"] = held["sub_button"].get("list") or []
    if held.get("sub_button"):
        held["sub_button"] = normal(held["sub_button"])
        held.pop("type", None)
    return held


def digest(buttons: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 hex over the buttons in normal form."""
    return hashlib.sha256(orjson.dumps(normal(list(buttons)), option=orjson.OPT_SORT_KEYS)).hexdigest()


def differences(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Where two menus differ, place by place; empty when they are the same."""
    return _compare(normal(list(ours)), normal(list(theirs)), above="")


def _compare(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], *, above: str) -> list[Difference]:
    found = []
    for number in range(max(len(ours), len(theirs))):
        place = f"{above}{number + 1}"
        mine = ours[number] if number < len(ours) else None
        other = theirs[number] if number < len(theirs) else None
        if mine == other:
            continue
        if mine and other and "sub_button" in mine and "sub_button" in other:
            if mine["name"] != other.get("name"):
                found.append(Difference(place, {"name": mine["name"]}, {"name": other.get("name")}))
            found += _compare(mine["sub_button"], other["sub_button"], above=f"{place}.")
        else:
            found.append(Difference(place, mine, other))
    return found
