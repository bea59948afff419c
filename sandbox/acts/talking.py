"""What a person sends and clicks in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.acts.base import Act, Happening, applies, performs
from sandbox.state.account import Media
from sandbox.state.identity import digest, text_id

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World


def _media_id(act: Act) -> str:
    return text_id(act.world.seed, "media", act.account.appid, act.world.next_inbound_id, length=64)


@performs("write")
def write(act: Act) -> Happening:
    """Write a text."""
    act.must_follow()
    return Happening(act.message("text", Content=act.text("text")))


@performs("send_image")
def send_image(act: Act) -> Happening:
    """Send a picture."""
    act.must_follow()
    media = _media_id(act)
    url = act.text("url", f"http://mmbiz.qpic.cn/mmbiz_jpg/{media[:24]}/0")
    return Happening(act.message("image", PicUrl=url, MediaId=media))


@performs("send_voice")
def send_voice(act: Act) -> Happening:
    """Send a voice message; `recognition` is what the platform heard, when the account has that on."""
    act.must_follow()
    heard = {"Recognition": act.text("recognition")} if "recognition" in act.params else {}
    media = _media_id(act)
    return Happening(act.message("voice", MediaId=media, Format=act.text("format", "amr"), MediaId16K=media, **heard))


@performs("send_video")
def send_video(act: Act) -> Happening:
    """Send a video."""
    act.must_follow()
    media = _media_id(act)
    return Happening(act.message("video", MediaId=media, ThumbMediaId=media[::-1]))


@performs("send_location")
def send_location(act: Act) -> Happening:
    """Send a place on the map."""
    act.must_follow()
    return Happening(
        act.message(
            "location",
            Location_X=act.number("lat"),
            Location_Y=act.number("lng"),
            Scale=int(act.number("scale", 15)),
            Label=act.text("label", ""),
        )
    )


@performs("send_link")
def send_link(act: Act) -> Happening:
    """Send a link."""
    act.must_follow()
    return Happening(act.message("link", Title=act.text("title"), Description=act.text("description", ""), Url=act.text("url")))


@performs("send_file")
def send_file(act: Act) -> Happening:
    """Send a file."""
    act.must_follow()
    name = act.text("title")
    md5 = digest("file", name, size=16).hex()
    return Happening(
        act.message(
            "file",
            Title=name,
            Description="",
            FileKey=_media_id(act),
            FileMd5=md5,
            FileTotalLen=int(act.number("size", 1024)),
        )
    )


@performs("share_location")
def share_location(act: Act) -> Happening:
    """Let the account know where the person is."""
    act.must_follow()
    where = {"Latitude": act.number("lat"), "Longitude": act.number("lng"), "Precision": act.number("precision", 65.0)}
    return Happening(act.event("LOCATION", **where))


@performs("click")
def click(act: Act) -> Happening:
    """Click a menu button that carries a key."""
    act.must_follow()
    return Happening(act.event("CLICK", EventKey=act.text("key")))


@performs("view")
def view(act: Act) -> Happening:
    """Click a menu button that opens a page."""
    act.must_follow()
    menu = str(act.params.get("menu_id", "415000001"))[:32]
    return Happening(act.event("VIEW", EventKey=act.text("url"), MenuId=menu))


@performs("view_mini")
def view_mini(act: Act) -> Happening:
    """Click a menu button that opens a mini program."""
    act.must_follow()
    menu = str(act.params.get("menu_id", "415000001"))[:32]
    return Happening(act.event("view_miniprogram", EventKey=act.text("path"), MenuId=menu))


@applies("write", "send_image", "send_voice", "send_video", "send_location", "send_link", "send_file")
def apply_message(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Use up the MsgId, open the 48 hours, and know the media so that a reply may use it."""
    fields = entry["fields"]
    world.next_inbound_id = max(world.next_inbound_id, fields["MsgId"] + 1)
    contact.open_window("write", fields["CreateTime"])
    media = fields.get("MediaId")
    if media:
        account.media[media] = Media(media, fields["MsgType"], fields["CreateTime"], 0)


@applies("click")
def apply_click(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Open the minute in which a service message may follow the click."""
    del world, account
    contact.open_window("click", entry["fields"]["CreateTime"])
