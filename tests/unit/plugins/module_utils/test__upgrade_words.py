# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in the captured tables, told."""

from __future__ import annotations

from ansible_collections.openmrs.event_log.plugins.module_utils._upgrade_words import columns_changed

INT, TEXT = {"type": "int", "key": False}, {"type": "varchar", "key": False}


def test_each_kind_of_change_is_told_once() -> None:
    before = {"obs": {"obs_id": INT, "comments": TEXT, "status": INT}, "visit": {"visit_id": INT}, "same": {"a": INT}}
    now = {"obs": {"obs_id": INT, "status": TEXT, "form": TEXT}, "same": {"a": INT}, "other": {"b": INT}}
    assert columns_changed(before, now) == [
        "obs.comments is gone",
        "obs.form is new (varchar)",
        "obs.status was int and is varchar",
        "visit is gone: take it out of event_log_tables",
    ]


def test_where_nobody_had_looked_nothing_is_told() -> None:
    assert columns_changed({}, {"obs": {"obs_id": INT}}) == []
