# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page in Debian's Chromium, without a window: what it shows, what its console says, what it sees of itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, List, Tuple

import pytest

WIDTHS = (390, 1280, 2560)  # a phone, a laptop, a wall
#: Looks at the page from within, and says what it saw in its title.
PROBE = """<script>
document.querySelectorAll("details").forEach(one => { one.open = true; });
const rows = [...document.querySelectorAll("main a, summary, [tabindex]")];
document.title = JSON.stringify({
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  focusable: rows.every(one => { one.focus(); return document.activeElement === one; }),
  rows: document.querySelectorAll("main > .wide tbody tr").length,
  charts: document.querySelectorAll("svg.chart").length,
  unnamed: [...document.querySelectorAll("svg, section, [role=region]")].filter(
    one => !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby")).length,
});
</script>"""


def browse(file: Path, width: int, own: Path) -> Tuple[str, List[str]]:
    """The page as the browser has it, and what its console said; ``own`` is a directory for the browser's files."""
    browser = shutil.which("chromium") or pytest.skip("no chromium here (Debian package chromium)")
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
    mine = (f"--user-data-dir={own}/browser-{width}", f"--window-size={width},1200")
    done = subprocess.run(
        [browser, *options, *mine, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def probe(file: Path, width: int, own: Path) -> Any:
    """What the page sees of itself in a browser of this width."""
    probed = own / f"probed-{width}.html"
    # Its policy forbids scripts, which the page itself has none of.
    text = re.sub(r"<meta http-equiv[^>]*>", "", file.read_text(encoding="utf-8"))
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    shown, _said = browse(probed, width, own)
    titled = re.search(r"<title>(\{.*?\})</title>", shown)
    assert titled, shown[:500]
    return json.loads(unescape(titled.group(1)))
