# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new image over SSH while somebody writes: it takes over, or the former comes back, and no event is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.hospital import Site
from tests.helpers.playbooks import play
from tests.helpers.survival import Picture, assert_kept
from tests.helpers.upgrade import NO_WORKER, await_verdict, ids_of, image_of, variant
from tests.helpers.writes import Source, Writes

STACK = "openmrs.event_log.stack"
SOON = 20  # seconds that the broken version gets, which never answers, instead of 180


@pytest.mark.full
def test_a_version_that_does_not_come_up_gives_way_to_the_former(
    district: Site, openmrs: Source, tmp_path: Path
) -> None:
    former = image_of(district)
    broken = variant(district, former, "no-worker", NO_WORKER)
    with Writes(openmrs) as writes:
        writes.more(30)
        more = {"event_log_image": broken, "event_stack_upgrade_timeout": SOON}
        outcome = play(tmp_path, district, {**district.variables, **more}, playbook=STACK)
        assert outcome.code != 0, outcome.output[-3000:]
        assert "The former version runs again" in outcome.messages, outcome.messages
        assert f"event_stack_upgrade_timeout = {SOON} s" in outcome.messages
        assert image_of(district) == former
        await_verdict(district, "ok", 120)
        writes.more(30)
        writes.wait(120)
    assert district.sh("systemctl --failed --no-legend") == ""
    # What it left is what the inventory wants: nothing to do.
    again = play(tmp_path, district, {**district.variables, "event_log_image": former}, playbook=STACK)
    assert (again.code, again.changed) == (0, []), again.output[-3000:]


def test_a_new_version_goes_on_from_where_the_former_stopped(
    district: Site, openmrs: Source, all_before: Picture, tmp_path: Path
) -> None:
    former, ids = image_of(district), ids_of(district)
    second = variant(district, former, "second")
    with Writes(openmrs) as writes:
        writes.more(30)
        outcome = play(tmp_path, district, {**district.variables, "event_log_image": second})
        assert outcome.code == 0, outcome.output[-3000:]
        assert outcome.changed
        assert image_of(district) == second
        assert not set(ids) & set(ids_of(district))
        writes.more(30)
        writes.wait(120)
    await_verdict(district, "ok", 60)
    # After the boot, the version that was taken back, and this one.
    assert_kept(district, all_before)
