"""Pictures of codes say what they should, and a logo can neither hide the code nor harm the house."""

import base64
import struct
import zlib
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_M
from qrcode.main import QRCode

from app.core.errors import BadRequestError
from tagging.qr import LOGO_MAX_BYTES, QUIET, draw_png, draw_svg, open_logo

ADDRESS = "http://weixin.qq.com/q/02abcdefghij"


def matrix(level):
    code = QRCode(error_correction=level, border=0)
    code.add_data(ADDRESS)
    code.make(fit=True)
    return code.get_matrix()


def logo(size=(60, 40), colour=(255, 0, 0, 255), kind="PNG"):
    out = BytesIO()
    picture = Image.new("RGBA", size, colour)
    (picture.convert("RGB") if kind == "JPEG" else picture).save(out, kind)
    return out.getvalue()


def modules(png, *, module_px):
    picture = Image.open(BytesIO(png)).convert("L")
    number = picture.width // module_px - 2 * QUIET
    at = [int((place + QUIET + 0.5) * module_px) for place in range(number)]
    return [[picture.getpixel((x, y)) < 128 for x in at] for y in at]


@pytest.mark.parametrize("module_px", [1, 3, 10])
def test_the_png_holds_the_code_with_its_quiet_zone(module_px):
    png = draw_png(ADDRESS, module_px=module_px)
    assert modules(png, module_px=module_px) == matrix(ERROR_CORRECT_M)
    picture = Image.open(BytesIO(png)).convert("L")
    rim = QUIET * module_px
    assert picture.crop((0, 0, picture.width, rim)).getextrema() == (255, 255)


def test_a_logo_brings_the_strongest_correction_and_covers_little():
    wanted = matrix(ERROR_CORRECT_H)
    found = modules(draw_png(ADDRESS, logo=logo()), module_px=10)
    assert len(found) == len(wanted)
    wrong = sum(one != other for row, other_row in zip(found, wanted, strict=True) for one, other in zip(row, other_row, strict=True))
    assert 0 < wrong < 0.1 * len(wanted) ** 2
    picture = Image.open(BytesIO(draw_png(ADDRESS, logo=logo())))
    assert picture.getpixel((picture.width // 2, picture.height // 2)) == (255, 0, 0)


def dark(svg):
    root = ET.fromstring(svg)
    path = root.find("{http://www.w3.org/2000/svg}path").get("d")
    found = set()
    for run in path.strip("M").split("M"):
        place, _, rest = run.partition("h")
        x, y = map(int, place.split())
        found |= {(x + step - QUIET, y - QUIET) for step in range(int(rest.split("v")[0]))}
    return found


def test_the_svg_holds_the_same_code():
    wanted = {(x, y) for y, row in enumerate(matrix(ERROR_CORRECT_M)) for x, module in enumerate(row) if module}
    assert dark(draw_svg(ADDRESS)) == wanted


@pytest.mark.parametrize("size", [(60, 40), (40, 60)])
def test_the_svg_carries_its_logo_inside(size):
    root = ET.fromstring(draw_svg(ADDRESS, logo=logo(size)))
    image = root.find("{http://www.w3.org/2000/svg}image")
    held = Image.open(BytesIO(base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))))
    assert held.size == size
    side = len(matrix(ERROR_CORRECT_H))
    assert max(float(image.get("width")), float(image.get("height"))) <= side * 0.22 + 0.001
    assert dark(draw_svg(ADDRESS, logo=logo())) == {
        (x, y) for y, row in enumerate(matrix(ERROR_CORRECT_H)) for x, on in enumerate(row) if on
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_logos_of_the_usual_kinds_are_read(kind):
    assert open_logo(logo(kind=kind)).mode == "RGBA"


def bomb(width, height):
    """A PNG that claims an area and holds next to nothing."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (b"", "bad_logo"),
        (b"not a picture", "bad_logo"),
        (logo()[:40], "bad_logo"),
        (b"GIF89a" + b"\0" * 50, "bad_logo"),
        (b"\0" * (LOGO_MAX_BYTES + 1), "logo_too_big"),
        (bomb(3000, 3000), "logo_too_big"),
        (bomb(10_000, 10_000), "logo_too_big"),
        (bomb(50_000, 50_000), "logo_too_big"),
        (bomb(100, 100), "bad_logo"),
    ],
)
def test_a_bad_or_huge_logo_is_refused_before_it_is_unpacked(picture, code):
    with pytest.raises(BadRequestError) as refused:
        draw_png(ADDRESS, logo=picture)
    assert refused.value.code == code


@pytest.mark.parametrize(("address", "module_px"), [("", 10), ("x" * 513, 10), ("a\nb", 10), (ADDRESS, 0), (ADDRESS, 41)])
def test_bad_addresses_and_sizes_are_refused(address, module_px):
    with pytest.raises(BadRequestError):
        draw_png(address, module_px=module_px)
