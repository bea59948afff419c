"""Draws the picture of the demo in README from what the demo really printed: `fanka demo --once > out.txt; python docs/demo_picture.py out.txt`.

The text becomes a page that looks like a terminal, and Chromium takes its picture into docs/demo.png.
"""

import html
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
PICTURE = HERE / "demo.png"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_CELL_W, _CELL_H, _MARGIN, _BAR = 8.4, 19, 22, 34
_JSON_SHOWN = 118
_PAGE = """<!doctype html><meta charset="utf-8"><style>
html,body{margin:0;background:#14161a}
.bar{height:34px;background:#23262d;display:flex;align-items:center;padding-left:14px;gap:8px}
.bar i{width:12px;height:12px;border-radius:50%}
.bar b{font:13px "Noto Sans CJK SC","WenQuanYi Micro Hei",sans-serif;color:#9aa3b2;margin-left:12px}
pre{margin:0;padding:16px 22px;color:#d7dce5;font:14px/19px "DejaVu Sans Mono","Noto Sans Mono CJK SC","WenQuanYi Micro Hei Mono",monospace}
span.w{display:inline-block;width:16.8px;text-align:center;overflow:visible}
.good{color:#5fd38d}.bad{color:#ff6b6b}.dim{color:#7b8494}.head{color:#8ec7ff}.prompt{color:#f2c86b}
</style><div class="bar"><i style="background:#ff5f57"></i><i style="background:#febc2e"></i><i style="background:#28c840"></i>
<b>make demo ONCE=1</b></div><pre>BODY</pre>"""


def columns(text: str) -> int:
    """How many columns a line takes in a terminal."""
    return sum(2 if _wide(sign) else 1 for sign in text)


def page(lines: Sequence[str]) -> str:
    """The lines as a page: every sign in its cell, so that columns stand under each other whatever the fonts."""
    return _PAGE.replace("BODY", "\n".join(_dressed(line) for line in lines))


def shown(output: str) -> list[str]:
    """What of the output is shown: everything, with the progress of the day thinned out and the last line cut short."""
    lines = output.rstrip().splitlines()
    ticks = [place for place, line in enumerate(lines) if "已发生" in line]
    left_out = set(ticks[1:-1:2])
    kept = [line for place, line in enumerate(lines) if place not in left_out]
    if kept[-1].startswith("{"):
        kept[-1] = kept[-1][:_JSON_SHOWN] + " …}"
    return ["$ make demo ONCE=1", *kept]


def take(lines: Sequence[str], picture: Path) -> tuple[int, int]:
    """Let Chromium take the picture; returns its width and height in pixels."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("Chromium is not on PATH")
    width = round(max(columns(line) for line in lines) * _CELL_W) + 2 * _MARGIN
    height = len(lines) * _CELL_H + _BAR + 2 * 16
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "demo.html"
        source.write_text(page(lines))
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            f"--user-data-dir={folder}/profile",
        ]
        size = f"--window-size={width},{height}"
        command = [browser, *flags, size, f"--screenshot={picture}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - a browser found on PATH, a page of our own.
    with Image.open(picture) as taken:
        # A terminal has few colours: a palette of them all takes a quarter of the bytes.
        taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(picture, optimize=True)
        return taken.size


def _dressed(line: str) -> str:
    cells = "".join(f'<span class="w">{html.escape(sign)}</span>' if _wide(sign) else html.escape(sign) for sign in line)
    dress = _dress(line)
    marked = cells.replace("✓", '<span class="good">✓</span>').replace("✗", '<span class="bad">✗</span>')
    return f'<span class="{dress}">{marked}</span>' if dress else marked


def _dress(line: str) -> str:
    if line.startswith("$"):
        return "prompt"
    if line.startswith(("─", "{")) or "已发生" in line:
        return "dim"
    if line.startswith((" ", "[")):
        return "good" if "nothing is lost" in line else ""
    return "head"


def _wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(PICTURE, *take(shown(Path(sys.argv[1]).read_text()), PICTURE))
