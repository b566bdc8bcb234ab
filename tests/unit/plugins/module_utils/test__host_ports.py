# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that two programs of one inventory would share."""

from __future__ import annotations

from ansible_collections.openmrs.event_log.plugins.module_utils._host_check import Port
from ansible_collections.openmrs.event_log.plugins.module_utils._host_ports import duplicate_findings


def test_ports_of_their_own() -> None:
    assert duplicate_findings([Port(1, "a"), Port(2, "b"), Port(3, "c")]) == []


def test_one_port_for_two_names_both_variables() -> None:
    ports = [Port(9191, "event_stack_kafdrop_port"), Port(8083, "x"), Port(9191, "event_stack_kowl_port")]
    assert [finding.sentence() for finding in duplicate_findings(ports)] == [
        "event_stack_kowl_port is 9191: that port is event_stack_kafdrop_port too, and only one program can listen "
        "there. Set one of them to another port."
    ]
