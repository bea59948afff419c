"""Puts pictures of the pages side by side for README: `python docs/pages_picture.py`, after the browser tests wrote them to var/screenshots."""

from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
SHOTS = HERE.parent / "var" / "screenshots"
PICTURE = HERE / "pages.png"
PHONES = ("h5_me_light_zh", "h5_coupon", "clerk-preview", "clerk-done", "clerk-used")
_WIDE, _HIGH, _SHOWN, _GAP, _ROUND = 390, 844, 300, 28, 26
_WALL = "#d6d3d1"


def take(names: tuple[str, ...], picture: Path) -> tuple[int, int]:
    """Each phone's first screen with round corners on one wall; returns the width and height in pixels."""
    high = round(_HIGH * _SHOWN / _WIDE)
    wall = Image.new("RGB", (len(names) * (_SHOWN + _GAP) + _GAP, high + 2 * _GAP), _WALL)
    mask = Image.new("L", (_SHOWN * 2, high * 2))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, _SHOWN * 2, high * 2), _ROUND * 2, fill=255)
    mask = mask.resize((_SHOWN, high))
    for place, name in enumerate(names):
        with Image.open(SHOTS / f"{name}.png") as shot:
            screen = shot.convert("RGB").crop((0, 0, _WIDE, _HIGH)).resize((_SHOWN, high), Image.Resampling.LANCZOS)
        wall.paste(screen, (_GAP + place * (_SHOWN + _GAP), _GAP), mask)
    # A card's light fades through more colours than a palette holds.
    wall.save(picture, optimize=True)
    return wall.size


if __name__ == "__main__":
    print(PICTURE, *take(PHONES, PICTURE))
