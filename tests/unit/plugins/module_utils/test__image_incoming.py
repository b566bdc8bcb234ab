# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where copies arrive on the host: room is made for them, and nothing of others goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_incoming as incoming

from tests.unit.plugins.module_utils.image_rig import OLD, Rig, rig

__all__ = ["rig"]


def test_room_is_made_for_a_copy_and_for_nothing_else(rig: Rig) -> None:
    rig.engine.receive(rig.incoming, "shop-2.tar.zst", "", os.getuid())
    for name, text in (("shop-2.tar.zst", "half"), ("shop-1.tar.zst", "former"), ("extra-1.tar", "cut")):
        (rig.work / name).write_text(text)
    rig.engine.receive(rig.incoming, "shop-2.tar.zst", "", os.getuid(), ["extra-1.tar"])
    assert rig.look().arrived == {"shop-2.tar.zst": 4, "extra-1.tar": 3}
    assert rig.work.stat().st_mode & 0o777 == 0o700
    assert rig.look().incoming.path == str(rig.work)


def test_the_basis_is_the_former_image_and_what_a_cut_copy_brought(rig: Rig) -> None:
    rig.engine.receive(rig.incoming, "shop-2.tar", OLD, os.getuid())
    basis = rig.work / "basis" / "shop-2.tar"
    assert basis.read_text() == f"saved {OLD}\n"
    (rig.work / "shop-2.tar").write_text("half")
    rig.engine.receive(rig.incoming, "shop-2.tar", OLD, os.getuid())
    assert basis.read_text() == f"saved {OLD}\nhalf"
    assert not (rig.work / "shop-2.tar").exists()


@pytest.mark.parametrize("linked", [False, True])
def test_what_others_have_in_the_directory_stays(rig: Rig, tmp_path: Path, linked: bool) -> None:
    """It may be /var/tmp, or a link to a larger disk."""
    disk = tmp_path / "disk"
    (disk / "photos").mkdir(parents=True)
    for name in ("photos/one.tar", "shop-1.tar.zst"):
        (disk / name).write_text("of others")
    disk.chmod(0o777)
    rig.incoming.symlink_to(disk) if linked else disk.rename(rig.incoming)
    incoming.clear(rig.incoming)
    rig.engine.receive(rig.incoming, "shop-2.tar", OLD, os.getuid())
    assert rig.look().arrived == {}
    (rig.work / "shop-2.tar").write_text("whole")
    incoming.clear(rig.incoming)
    assert sorted(x.name for x in rig.incoming.rglob("*")) == ["one.tar", "photos", "shop-1.tar.zst"]
    assert rig.incoming.stat().st_mode & 0o777 == 0o777


@pytest.mark.parametrize("what", ["full", "link", "file"])
def test_a_directory_that_only_has_the_name_is_not_touched(rig: Rig, tmp_path: Path, what: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop-2.tar").write_text("of others")
    rig.incoming.mkdir()
    if what == "file":
        rig.work.write_text("of others")
    else:
        rig.work.symlink_to(other) if what == "link" else other.rename(rig.work)
    incoming.clear(rig.incoming)
    with pytest.raises(incoming.HostImageError, match="was not made for copies of images"):
        rig.engine.receive(rig.incoming, "shop-2.tar", "", os.getuid())
    assert (rig.work if what == "file" else rig.work / "shop-2.tar").read_text() == "of others"


def test_what_arrived_is_cleared(rig: Rig) -> None:
    rig.engine.receive(rig.incoming, "a.tar", OLD, os.getuid())
    (rig.work / "a.tar").write_text("whole")
    (rig.work / "notes").write_text("of others")
    incoming.clear(rig.incoming)
    assert sorted(x.name for x in rig.work.iterdir()) == [incoming.MARKER, "notes"]
    (rig.work / "notes").unlink()
    incoming.clear(rig.incoming)
    assert not rig.incoming.exists()
    incoming.clear(rig.incoming)
    rig.work.mkdir(parents=True)  # by a run that was killed between two steps
    rig.engine.receive(rig.incoming, "a.tar", "", os.getuid())
    incoming.clear(rig.incoming)
    assert list(rig.incoming.iterdir()) == []
