# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions as the worker tells them."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import versions
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host


@pytest.mark.parametrize(
    ("answer", "version"), [({"version": "4.3.1", "commit": "x"}, "4.3.1"), ({}, None), ([], None), (None, None)]
)
def test_kafka(answer: Any, version: Optional[str]) -> None:
    assert versions.of_the_worker(answer) == version


#: As a worker of the image has them.
PLUGINS = [
    {"class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "type": "sink", "version": "4.3.1"},
    {"class": "io.debezium.connector.mariadb.MariaDbConnector", "type": "source", "version": "3.5.0.Final"},
    {"class": "io.debezium.connector.mysql.MySqlConnector", "type": "source", "version": "3.6.0.Final"},
]


@pytest.mark.parametrize(
    ("answer", "flavour", "version"),
    [
        (PLUGINS, "mysql", "3.6.0"),
        (PLUGINS, "mariadb", "3.5.0"),
        (PLUGINS, "", "3.5.0, 3.6.0"),
        (PLUGINS[:1], "mysql", None),
        ([{"class": "io.debezium.connector.mysql.MySqlConnector"}], "mysql", None),
        ([1], "mysql", None),
        ({}, "mysql", None),
    ],
)
def test_debezium(answer: Any, flavour: str, version: Optional[str]) -> None:
    assert versions.of_the_plugins(answer, flavour) == version


def test_without_a_worker_nobody_is_asked(host: Host) -> None:
    assert versions.look(host.chosen) == {"kafka": None, "debezium": None}
