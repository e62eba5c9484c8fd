"""Pages as headless Chromium lays them out."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-file-access-from-files", "--virtual-time-budget=20000",
)  # fmt: skip

_FRAME = """<!DOCTYPE html><html><body style="margin:0"><iframe id="page" src="{page}" width="{width}" height="900"
style="border:0"></iframe><script>
document.getElementById("page").onload = function () {{
  const inside = this.contentDocument, root = inside.documentElement, images = [...inside.images];
  const wide = [...inside.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > {width} + 1
    && !e.closest(".wide") && !e.closest("pre")).map(e => e.tagName);
  document.body.setAttribute("data-found", JSON.stringify({{
    width: root.clientWidth, content: root.scrollWidth, images: images.length,
    broken: images.filter(i => !i.complete || i.naturalWidth === 0).length, scripts: inside.scripts.length,
    wide: wide, text: inside.body.innerText.length}}));
}};
</script></body></html>"""


def layout(page: Path, width: int, folder: Path) -> dict:
    """Return what a window of some width shows of a page: widths in pixels, images, those broken, text."""
    frame = folder / f"frame_{width}.html"
    frame.write_text(_FRAME.format(page=page.resolve().as_uri(), width=width), encoding="utf-8")
    profile = folder / f"profile_{width}"
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", f"--window-size={max(width, 600)},1000", "--dump-dom",
               frame.resolve().as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'data-found="([^"]*)"', shown)
    assert found, shown[:500]
    return json.loads(html.unescape(found.group(1)))


def picture(page: Path, width: int, height: int, target: Path) -> None:
    """Write a picture of a page in a window of some size."""
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={target.parent / 'profile'}", f"--window-size={width},{height}",
               f"--screenshot={target}", page.resolve().as_uri()]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=120, check=True)
