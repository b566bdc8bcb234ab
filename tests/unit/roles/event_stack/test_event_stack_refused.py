# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an inventory the role refuses, by name, before anything is looked at."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.unit.roles.role_runs import Outcome, check

SITE: Dict[str, Any] = {"event_log_site": "demo", "event_log_image": "some/image:1.2", "event_log_profile": "clinic"}
CASES: Dict[str, Dict[str, Any]] = {
    "no_image": {"event_log_image": ""},
    "odd_user": {"event_log_connect_user": "a=b"},
    "odd_password": {"event_log_connect_password": "back\\slash-word"},
    "umlaut": {"event_log_connect_password": "wörterbuch-word"},
    "odd_profile": {"event_log_profile": "huge"},
    "odd_language": {"event_log_language": "de"},
    "no_facts": {"event_log_profile": "auto"},
    "elsewhere": {"event_log_bootstrap": "0.0.0.0:9092", "event_log_connect_url": "http://192.0.2.10:8083"},
    "listener": {
        "event_stack_broker_settings": {"listeners": "BROKER://:9092", "super.users": "User:zebra"},
        "event_stack_worker_settings": {"admin.listeners": "http://:9000"},
        "event_stack_zookeeper_settings": {"clientPortAddress": None},
    },
    "weak_user": {"event_stack_users": [{"name": "laboratory", "password": "laboratory-zebra-7"}]},
    "weak": {"event_log_connect_password": "Admin123"},
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    places = {f"event_log_{name}": f"/nowhere/{name}" for name in ("home", "data_dir", "secrets_dir")}
    common = {**SITE, **places, "path": os.environ["PATH"]}
    task = {"ansible.builtin.include_role": {"name": "openmrs.event_log.event_stack"}}
    folder: Path = tmp_path_factory.mktemp("refused")
    return check(folder, [task], {name: {**common, **variables} for name, variables in CASES.items()})


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("no_image", "event_log_image is not set"),
        ("odd_user", "event_log_connect_user is a=b"),
        ("odd_password", "event_log_connect_password has 15 characters"),
        ("umlaut", "event_log_connect_password has 15 characters"),
        ("odd_profile", "event_log_profile is 'huge': set it to one of auto, clinic, district, referral."),
        ("odd_language", "event_stack_language must be one of: en, fr, es, got: de"),
        ("no_facts", "event_log_profile is 'auto', and the memory of this host is not known"),
        ("elsewhere", "event_log_bootstrap is '0.0.0.0:9092', which is not an address of this host alone"),
        ("elsewhere", "event_log_connect_url is 'http://192.0.2.10:8083', which is not an address of this host alone"),
        ("listener", "event_stack_broker_settings has listeners: 'BROKER://:9092'"),
        ("listener", "event_stack_broker_settings has super.users (its value is not shown)"),
        ("listener", "event_stack_worker_settings has admin.listeners: 'http://:9000'"),
        ("listener", "event_stack_zookeeper_settings has clientPortAddress: 'None'"),
        ("weak_user", "event_log_kafka_users[laboratory].password is a password of 18 characters (not shown here)"),
        ("weak", "event_log_connect_password is a password of 8 characters (not shown here)"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_looked_at(
    runs: Dict[str, Outcome], case: str, told: str
) -> None:
    outcome = runs[case]
    assert told in outcome.failure
    assert outcome.changed == []
    assert outcome.files() == {}
    assert not any(word in json.dumps(outcome.results) for word in ("zebra", "Admin123", "wörterbuch"))
