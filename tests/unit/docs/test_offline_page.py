# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the page about servers without internet do what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest

from tests.unit.role_files import ROOT

PAGE = (ROOT / "docs/offline.md").read_text(encoding="utf-8")


def copy_command(bundle: Path, target: Path) -> List[str]:
    (line,) = re.findall(r"^rsync .*$", PAGE, re.MULTILINE)
    *words, source, destination = shlex.split(line)
    assert (source, destination) == ("/media/stick/hilltop", "person@server:")
    return [*words, str(bundle), f"{target}/"]


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
@pytest.mark.parametrize("new", [b"newer", b"new", b"longer than before"], ids=["as long", "shorter", "longer"])
def test_a_copy_over_an_older_bundle_is_the_newer_one(tmp_path: Path, new: bytes) -> None:
    bundle, server = tmp_path / "hilltop", tmp_path / "server"
    bundle.mkdir()
    server.mkdir()
    for content in (b"older", new):
        (bundle / "SHA256SUMS").write_bytes(content)
        subprocess.run(copy_command(bundle, server), check=True, capture_output=True)
        assert (server / "hilltop/SHA256SUMS").read_bytes() == content


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_a_cut_copy_is_finished(tmp_path: Path) -> None:
    (tmp_path / "hilltop").mkdir()
    (tmp_path / "server/hilltop").mkdir(parents=True)
    (tmp_path / "hilltop/image").write_bytes(b"0123456789")
    (tmp_path / "server/hilltop/image").write_bytes(b"01234")
    subprocess.run(copy_command(tmp_path / "hilltop", tmp_path / "server"), check=True, capture_output=True)
    assert (tmp_path / "server/hilltop/image").read_bytes() == b"0123456789"
