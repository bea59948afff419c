"""Pictures of codes: PNG and SVG of a channel's address, with a logo in the middle when one is given."""

import base64
from io import BytesIO
from xml.etree import ElementTree as ET

from PIL import Image, ImageDraw, UnidentifiedImageError
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_M
from qrcode.main import QRCode

from app.core.errors import BadRequestError

QUIET = 4
"""Light modules around a code, as the standard asks."""
LOGO_MAX_BYTES = 512 * 1024
LOGO_MAX_PIXELS = 4_000_000
LOGO_SHARE = 0.22
"""Of the code's width. With its plate a logo covers about a fifteenth of the area: correction level H mends up to 30 % of the words."""
ADDRESS_MAX = 512
SVG = "http://www.w3.org/2000/svg"


def draw_png(address: str, *, module_px: int = 10, logo: bytes | None = None) -> bytes:
    """A PNG of the code, `module_px` pixels a module. Raises BadRequestError on a bad address, size or logo."""
    if not 1 <= module_px <= 40:
        raise BadRequestError("a module has 1 to 40 pixels", code="bad_module")
    matrix = _matrix(address, logo=logo is not None)
    side = (len(matrix) + 2 * QUIET) * module_px
    picture = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(picture)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                left, top = (x + QUIET) * module_px, (y + QUIET) * module_px
                pen.rectangle((left, top, left + module_px - 1, top + module_px - 1), fill="black")
    if logo is not None:
        _paste(picture, open_logo(logo), width=int(len(matrix) * module_px * LOGO_SHARE))
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def draw_svg(address: str, *, logo: bytes | None = None) -> bytes:
    """An SVG of the code, one unit a module. Raises BadRequestError on a bad address or logo."""
    matrix = _matrix(address, logo=logo is not None)
    side = len(matrix) + 2 * QUIET
    ET.register_namespace("", SVG)
    root = ET.Element(f"{{{SVG}}}svg", {"viewBox": f"0 0 {side} {side}", "shape-rendering": "crispEdges"})
    ET.SubElement(root, f"{{{SVG}}}rect", {"width": str(side), "height": str(side), "fill": "#fff"})
    ET.SubElement(root, f"{{{SVG}}}path", {"d": _path(matrix), "fill": "#000"})
    if logo is not None:
        _embed(root, open_logo(logo), modules=len(matrix), side=side)
    drawn: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return drawn


def open_logo(logo: bytes) -> Image.Image:
    """A logo made safe: its size is known before a pixel of it is unpacked. Raises BadRequestError."""
    if len(logo) > LOGO_MAX_BYTES:
        raise BadRequestError(f"a logo has at most {LOGO_MAX_BYTES // 1024} KiB", code="logo_too_big")
    try:
        picture = Image.open(BytesIO(logo), formats=("PNG", "JPEG", "WEBP"))
        if picture.width * picture.height > LOGO_MAX_PIXELS:
            raise BadRequestError(f"a logo has at most {LOGO_MAX_PIXELS} pixels", code="logo_too_big")
        return picture.convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadRequestError(f"a logo has at most {LOGO_MAX_PIXELS} pixels", code="logo_too_big") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadRequestError("the logo is no PNG, JPEG or WebP picture", code="bad_logo") from error


def _matrix(address: str, *, logo: bool) -> list[list[bool]]:
    if not 0 < len(address) <= ADDRESS_MAX or not address.isprintable():
        raise BadRequestError("a code needs an address", code="bad_address")
    code = QRCode(error_correction=ERROR_CORRECT_H if logo else ERROR_CORRECT_M, border=0)
    code.add_data(address)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def _path(matrix: list[list[bool]]) -> str:
    """Dark modules as runs: one rectangle for each stretch of a row."""
    parts = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                parts.append(f"M{start + QUIET} {y + QUIET}h{x - start}v1h-{x - start}z")
            x += 1
    return "".join(parts)


def _paste(picture: Image.Image, logo: Image.Image, *, width: int) -> None:
    fitted = logo.copy()
    fitted.thumbnail((width, width))
    margin = max(width // 12, 1)
    left, top = (picture.width - fitted.width) // 2, (picture.height - fitted.height) // 2
    plate = (left - margin, top - margin, left + fitted.width + margin, top + fitted.height + margin)
    ImageDraw.Draw(picture).rectangle(plate, fill="white")
    picture.paste(fitted, (left, top), fitted)


def _embed(root: ET.Element, logo: Image.Image, *, modules: int, side: int) -> None:
    logo.thumbnail((512, 512))
    out = BytesIO()
    logo.save(out, "PNG", optimize=True)
    width = modules * LOGO_SHARE
    height = width * logo.height / logo.width
    if height > width:
        width, height = width * width / height, width
    left, top, margin = (side - width) / 2, (side - height) / 2, width / 12
    plate = {"x": left - margin, "y": top - margin, "width": width + 2 * margin, "height": height + 2 * margin}
    ET.SubElement(root, f"{{{SVG}}}rect", {**{name: f"{value:.3f}" for name, value in plate.items()}, "fill": "#fff"})
    place = {name: f"{value:.3f}" for name, value in {"x": left, "y": top, "width": width, "height": height}.items()}
    ET.SubElement(root, f"{{{SVG}}}image", {**place, "href": f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"})
