"""A picture is bounded, encoded anew without what the camera wrote, and kept once."""

import random
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.core.errors import BadRequestError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from cards.models.pages import PagePicture
from cards.pages.pictures import MOST_BYTES, keep_picture, picture_url
from tests.support.pages import banner


def keep(house, content):
    with work(house.engine) as session:
        return keep_picture(session, content, actor="Mei", now=house.clock.now())


def saved(picture, kind, **more):
    out = BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def test_what_the_camera_wrote_is_gone_and_it_lies_as_it_was_held(house):
    told = Image.Exif()
    told[0x0112], told[0x010E] = 6, "GPS 31.23N 121.47E"
    kept = keep(house, saved(Image.new("RGB", (40, 20), "#e4572e"), "JPEG", exif=told))
    assert b"GPS" not in kept.content
    assert b"Exif" not in kept.content
    made = Image.open(BytesIO(kept.content))
    assert (made.size, made.format, kept.media_type) == ((20, 40), "JPEG", "image/jpeg")
    assert picture_url(kept.digest, kept.media_type) == f"/p/picture/{kept.digest}.jpg"


def test_a_large_one_is_made_as_wide_as_a_phone_and_a_clear_one_stays_clear(house):
    assert (keep(house, banner(size=(3000, 1000))).width, keep(house, banner(size=(3000, 1000), kind="WEBP")).height) == (1242, 414)
    clear = keep(house, saved(Image.new("RGBA", (30, 30), (0, 0, 0, 0)), "PNG"))
    assert (clear.media_type, Image.open(BytesIO(clear.content)).getpixel((3, 3))[3]) == ("image/png", 0)


def test_the_same_one_again_is_the_same_row(house):
    assert keep(house, banner()).digest == keep(house, banner()).digest
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(PagePicture)) == 1
        assert session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "page_picture.kept")) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bad_picture"),
        (saved(Image.new("RGB", (9, 9)), "GIF"), "bad_picture"),
        (banner()[:300], "bad_picture"),
        (banner() + b"\x00" * MOST_BYTES, "picture_too_big"),
        (saved(Image.new("1", (5000, 4001)), "PNG"), "picture_too_big"),
        (saved(Image.new("1", (20000, 10000)), "PNG"), "picture_too_big"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(house, content, code):
    with pytest.raises(BadRequestError) as refused:
        keep(house, content)
    assert refused.value.code == code


def test_broken_pictures_break_nothing(house):
    dice, whole = random.Random(11), [banner(size=(60, 40), kind=kind) for kind in ("PNG", "JPEG", "WEBP")]
    for number in range(150):
        bad = bytearray(whole[number % 3])
        for _ in range(dice.randint(1, 12)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        # Anything else than a refusal of ours fails the test.
        with suppress(BadRequestError):
            keep(house, bytes(bad[: dice.randint(1, len(bad))]))
