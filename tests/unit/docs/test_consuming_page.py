# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/consuming.md shows must be true: its code runs, its event is one that the example consumer takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_access

from tests.helpers.documents import ROOT, marked_blocks

SITE = _broker_access.Options(prefix="openmrs", database="openmrs", tables=("person", "person_name"))
TEXT = (Path(__file__).resolve().parents[3] / "docs" / "consuming.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_python_of_the_page_runs_and_its_assertions_hold() -> None:
    (code,) = blocks("python")
    assert code.count("assert ") == 3
    exec(compile(code, "docs/consuming.md", "exec"), {})  # noqa: S102


def test_event_of_the_page_is_consistent() -> None:
    (text,) = blocks("json")
    event = json.loads(text)
    assert event["op"] == "u"
    assert set(event["before"]) == set(event["after"])
    # Wall clock of Kigali (UTC+2), so two hours ahead of the true time of the change.
    assert event["after"]["date_changed"] - event["source"]["ts_ms"] == 2 * 3600 * 1000


def test_version_of_the_library_is_the_one_that_the_example_names() -> None:
    example = (Path(__file__).resolve().parents[3] / "docs" / "examples" / "consumer.py").read_text(encoding="utf-8")
    (in_example,) = re.findall(r"confluent-kafka==[\d.]+", example)
    assert set(re.findall(r"confluent-kafka==[\d.]+", TEXT)) == {in_example}


@pytest.mark.parametrize(("page", "block"), [("docs/consuming.md", "account"), ("README.md", "consumer")])
def test_the_account_of_the_page_is_one_that_a_run_takes(page: str, block: str) -> None:
    given = yaml.safe_load(marked_blocks(ROOT / page)[block])
    answer = _broker_access.access(given["event_log_kafka_users"], given["event_log_kafka_acls"], SITE)
    assert answer["problems"] == []
    read = {right["resource"] for right in answer["acls"] if right["user"] == "dashboard"}
    assert read == {"openmrs.openmrs.person", "openmrs.openmrs.person_name", "dashboard"}
