# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter in front of the topic audit, also as Ansible's templating finds it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import topic_audit as plugin

DESCRIBED = "Topic: t\tTopicId: x\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: retention.ms=5\n"


def test_problems_are_text_with_the_image_in_the_command() -> None:
    expectations = [{"topic": "t", "configs": {"retention.ms": -1}}]
    (problem,) = plugin.FilterModule().filters()["topic_audit"](DESCRIBED, expectations, image="i:2", bootstrap="b:1")
    assert problem.startswith("t: retention.ms is 5, it must be -1. Repair: sudo docker run ")
    assert " i:2 kafka-class kafka.admin.ConfigCommand --bootstrap-server b:1 " in problem


def test_a_repair_at_a_broker_with_logins_logs_in_by_a_mounted_file() -> None:
    expectations = [{"topic": "t", "configs": {"retention.ms": -1}}]
    (problem,) = plugin.topic_audit(DESCRIBED, expectations, "i:2", "b:1", client_dir="/secrets/admin")
    before, _, after = problem.partition(" i:2 kafka-class ")
    assert "--volume /secrets/admin:/run/event-log/secrets:ro" in before
    assert "--bootstrap-server b:1 --command-config /run/event-log/secrets/client.properties --alter" in after
    assert "--command-config" not in plugin.topic_audit(DESCRIBED, expectations, "i:2", "b:1")[0]


@pytest.mark.parametrize(
    ("text", "expectations"),
    [(None, []), ({"stdout": ""}, []), (DESCRIBED, [{"topik": "t"}]), (DESCRIBED, [{"topic": "t", "partitions": "x"}])],
)
def test_wrong_input_is_an_error_of_the_filter(text: Any, expectations: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="topic_audit"):
        plugin.topic_audit(text, expectations)


def test_example_of_the_documentation_is_an_expectation_that_works() -> None:
    (task,) = yaml.safe_load(plugin.EXAMPLES)
    found = plugin.topic_audit(DESCRIBED, task["vars"]["expectations"])
    assert len(found) == 1
    assert "schema-changes.openmrs: no such topic" in found[0]
