"""Somebody sends a picture, a voice, a video, a link, a file or a mini-program card."""

from app.core.inbound import Inbound
from handlers.fields import said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "message.received",
        type=inbound.msg_type,
        msg_id=said(inbound, "MsgId"),
        media_id=said(inbound, "MediaId"),
        thumb_media_id=said(inbound, "ThumbMediaId"),
        pic_url=said(inbound, "PicUrl"),
        format=said(inbound, "Format"),
        text=said(inbound, "Recognition"),
        title=said(inbound, "Title"),
        description=said(inbound, "Description"),
        url=said(inbound, "Url"),
        file_md5=said(inbound, "FileMd5"),
        file_bytes=whole(inbound, "FileTotalLen"),
        mini_appid=said(inbound, "AppId"),
        page_path=said(inbound, "PagePath"),
    )
    return Outcome(drafts=(draft,))


plugin = On("media", Stage.RECORD, hears("image", "voice", "video", "shortvideo", "link", "file", "miniprogrampage"), act)
