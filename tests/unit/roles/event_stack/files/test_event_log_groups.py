# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log groups``: the tool's tables read, and shown to people and programs."""

from __future__ import annotations

import json

from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import groups
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host

DESCRIBED = """
Consumer group 'reports' has no active members.

GROUP           TOPIC                       PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
reports         openmrs.openmrs.person_name 0          120             150             30              -               -               -

GROUP           TOPIC                       PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID                    HOST            CLIENT-ID
lab results     openmrs.openmrs.obs         1          -               9               -               rdkafka-4f2c-11               /127.0.0.1      rdkafka
lab results     openmrs.openmrs.obs         0          9               9               0               rdkafka-4f2c-11               /127.0.0.1      rdkafka
"""  # noqa: E501


def test_tables_are_read_whatever_stands_between_them() -> None:
    first, second, third = groups.parse(DESCRIBED)
    assert first == groups.Reading("lab results", "openmrs.openmrs.obs", 0, 9, 9, 0, "rdkafka", "/127.0.0.1")
    assert (second.partition, second.committed, second.lag) == (1, None, None)
    assert third == groups.Reading("reports", "openmrs.openmrs.person_name", 0, 120, 150, 30, None, None)


def test_no_groups_is_said_in_words() -> None:
    assert groups.parse("\n") == []
    assert "No consumer group" in groups.as_text([])


def test_table_for_people_and_json_for_programs(host: Host) -> None:
    host.play("cat <<'END'\n" + DESCRIBED + "END\n")
    shown = host.run("groups")
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[3] == ["reports", "openmrs.openmrs.person_name", "0", "120", "150", "30", "nobody"]
    answer = json.loads(host.run("groups", "--json").stdout)
    assert answer["groups"][2]["lag"] == 30
    assert "--describe --all-groups" in next(call for call in host.calls() if call.startswith("create "))


def test_failure_of_the_tool_is_told(host: Host) -> None:
    host.play("echo 'Error: Executing consumer group command failed due to no room' >&2; exit 1\n")
    done = host.run("groups")
    assert done.returncode == 1
    assert "no room" in done.stderr
