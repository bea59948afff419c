"""Pictures from strangers: what is no picture, or too much of one, is refused; what is kept is small, upright, bare and sealed."""

import io
import struct
import zlib
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import select

from app.core.errors import BadRequestError
from app.core.rotation import reseal
from app.core.secrets import KeyRing, UnsealError
from app.core.unit import reading
from cards.models.receipts import Receipt, ReceiptPicture
from cards.receipts.pictures import KEPT_AFTER_VERDICT, MOST_BYTES, draw_anew, drop_old_pictures, read_picture
from jobs.night import run_night
from tests.support.orders import open_till
from tests.support.receipts import SMALL, Desk, photo

GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def png_of(width, height):
    """A few bytes that claim to be a huge sheet of one colour."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_a_photo_becomes_a_small_upright_jpeg_without_where_and_by_what():
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Secret Phone"
    exif.get_ifd(GPS)[1] = "N"
    sent = photo(size=(2400, 1200), exif=exif.tobytes(), comment=b"at home")
    assert b"Secret Phone" in sent
    made = draw_anew(sent)
    with Image.open(io.BytesIO(made)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (800, 1600))
        assert not drawn.getexif()
        assert "comment" not in drawn.info
    assert b"Secret" not in made
    assert b"at home" not in made


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_kinds_of_photo_are_read_too(kind):
    with Image.open(io.BytesIO(draw_anew(photo(kind=kind)))) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (600, 900))


@pytest.mark.parametrize(
    ("sent", "code", "status"),
    [
        (b"", "no_picture", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no_picture", 415),
        (b"GIF89a" + bytes(200), "no_picture", 415),
        (photo()[:2000], "no_picture", 415),
        (b"\xff\xd8\xff\xe0" + bytes(400), "no_picture", 415),
        (bytes(MOST_BYTES + 1), "picture_too_large", 413),
        (png_of(4000, 4000), "picture_too_large", 422),
        (png_of(60_000, 60_000), "picture_too_large", 422),
        (png_of(10_000, 9_500), "picture_too_large", 422),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(sent, code, status):
    with pytest.raises(BadRequestError) as refused:
        draw_anew(sent)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_it_is_sealed_in_its_row_and_rotates_with_the_keys(house):
    desk = Desk(open_till(house))
    sent, other = desk.snap(), desk.snap()
    with reading(house.engine) as session:
        held = dict(session.execute(select(Receipt.public_id, ReceiptPicture).join(ReceiptPicture)).all())
    assert SMALL[:64] not in held[sent].picture_sealed
    where = {"table": "receipt_picture", "column": "picture_sealed"}
    with pytest.raises(UnsealError):
        house.ring.open_bytes(held[sent].picture_sealed, row=held[other].public_id, **where)
    both = KeyRing((("k9", b"9" * 32), *house.ring.sealing), house.ring.lookup)
    reseal(house.engine, both)
    with reading(house.engine) as session:
        assert read_picture(session, KeyRing(both.sealing[:1], both.lookup), desk.row(sent)) == SMALL


def test_the_night_drops_what_was_decided_long_ago_and_may_run_twice(house):
    desk = Desk(open_till(house))
    decided, waiting = desk.snap(), desk.snap()
    desk.judge(decided)
    house.clock.advance(KEPT_AFTER_VERDICT - timedelta(minutes=1))
    assert drop_old_pictures(house.engine, now=house.clock.now()) == 0
    house.clock.advance(timedelta(minutes=1))
    assert [run_night(house).pictures for _ in range(2)] == [1, 0]
    with reading(house.engine) as session:
        assert read_picture(session, house.ring, desk.row(decided)) is None
        assert read_picture(session, house.ring, desk.row(waiting)) == SMALL
