# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as Ansible runs it in check mode: the connector and the facts that it would make, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles

from tests.unit.plugins.module_utils.test__truststore import ONE, pem
from tests.unit.role_files import roles
from tests.unit.roles.role_runs import Outcome, check

PASSWORD = "not-to-be-seen-in-any-output"
REGISTER = "Register the connector and wait until it streams"
ZONE = {"name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180}
MYSQL = {
    "flavour": "mysql", "version": "8.0.12", "server_uuid": "u-u", "tls_offered": True, "tls_versions": ["TLSv1.2"],
    "time_zone": ZONE,
}  # fmt: skip
MARIADB = {**MYSQL, "flavour": "mariadb", "version": "11.8.2", "server_uuid": None}
SITE: Dict[str, Any] = {
    "event_log_site": "demo",
    "event_log_image": "some/image:1.2",
    "event_log_profile": "clinic",
    "event_log_capture_password": PASSWORD,
    "event_log_connect_password": PASSWORD,
    "event_log_connect_url": "http://127.0.0.1:1",
    "event_connector_predicted": True,
}
CASES: Dict[str, Dict[str, Any]] = {
    "plain": {},
    "mysql": {"event_connector_seen": MYSQL},
    "mariadb": {"event_connector_seen": MARIADB},
    "signals": {"event_connector_seen": {**MYSQL, "signal_table": "event_log.debezium_signal"}},
    "no_signals": {"event_connector_seen": {**MYSQL, "signal_table": ""}},
    "mariadb_without_tls": {"event_connector_seen": {**MARIADB, "tls_offered": False}},
    "remembered": {"remembered": {**MARIADB, "address": "127.0.0.1:3306"}},
    "other_database": {"remembered": {**MARIADB, "address": "127.0.0.1:3307"}},
    "declared": {"event_log_database_flavour": "mariadb"},
    "own_authority": {"event_connector_seen": MYSQL, "event_log_database_ca_cert": "ca.pem"},
    "own_authority_mariadb": {"event_connector_seen": MARIADB, "event_log_database_ca_cert": "ca.pem"},
    "identity": {
        "event_connector_seen": MYSQL,
        "event_log_database_ca_cert": "ca.pem",
        "event_connector_ssl_mode": "verify_identity",
    },
    "zone": {"event_connector_seen": MYSQL, "event_log_time_zone": "Africa/Kigali"},
    "referral": {"event_log_profile": "referral"},
    "own_sizes": {
        "event_log_profile": "referral",
        "event_connector_retention_bytes": -1,
        "event_connector_queue_bytes": 1,
        "event_connector_queue_size": 3,
        "event_connector_batch_size": 2,
    },
    "contradiction": {"event_connector_seen": MARIADB, "event_log_database_flavour": "mysql"},
    "no_tls_there": {"event_connector_seen": {**MYSQL, "tls_offered": False}, "event_connector_ssl_mode": "required"},
    "no_authority": {"event_connector_ssl_mode": "verify_ca"},
    "authority_unused": {"event_log_database_ca_cert": "ca.pem", "event_connector_ssl_mode": "preferred"},
    "missing_authority": {"event_log_database_ca_cert": "nowhere.pem"},
    "odd_authority": {"event_log_database_ca_cert": "odd.pem"},
    "odd_zone": {"event_log_time_zone": "../Kigali"},
    "odd_flavour": {"event_log_database_flavour": "oracle"},
    "odd_profile": {"event_log_profile": "huge"},
    "no_facts": {"event_log_profile": "auto"},
    "odd_batch": {"event_connector_batch_size": 2048},
    "elsewhere": {"event_log_bootstrap": "192.0.2.10:9092", "event_log_connect_url": "http://localhost:8083"},
    "weak": {"event_log_capture_password": "Openmrs-Admin-123"},
    "name_in_it": {"event_log_capture_password": "my-event-log-7Kx2qq"},
}  # fmt: skip


def host(folder: Path, name: str, given: Mapping[str, Any]) -> Dict[str, Any]:
    """The variables of a made-up host with a home of its own."""
    home = folder / name
    (home / "config").mkdir(parents=True)
    variables = {**SITE, **given, "event_log_home": str(home), "path": "/usr/bin:/bin"}
    remembered = variables.pop("remembered", None)
    if remembered:
        (home / "config" / "source.json").write_text(json.dumps(remembered))
    authority = variables.get("event_log_database_ca_cert")
    if authority:
        variables["event_log_database_ca_cert"] = str(folder / authority)
    return variables


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("connector")
    (folder / "ca.pem").write_bytes(pem(ONE))
    (folder / "odd.pem").write_text("hello")
    task = {"ansible.builtin.import_role": {"name": "openmrs.event_log.event_connector"}}
    found = check(folder, [task], {name: host(folder, name, given) for name, given in CASES.items()})
    assert all(PASSWORD not in json.dumps(outcome.results) for outcome in found.values())
    return found


def config(outcome: Outcome) -> Dict[str, str]:
    """The connector as the module would make it."""
    assert outcome.failure == ""
    made: Dict[str, str] = outcome.result(REGISTER)["results"][0]["connector"]["config"]
    return made


def facts(outcome: Outcome) -> Dict[str, Any]:
    (text,) = [text for path, text in outcome.files().items() if path.endswith("/config/source.json")]
    read: Dict[str, Any] = json.loads(text)
    return read


def test_the_guard_is_told_how_to_ask_the_database_and_not_the_password(outcomes: Dict[str, Outcome]) -> None:
    told, verified = (facts(outcomes[case])["capture"] for case in ("plain", "identity"))
    config_of = config(outcomes["plain"])
    assert (told["host"], str(told["port"]), told["user"]) == (
        config_of["database.hostname"],
        config_of["database.port"],
        config_of["database.user"],
    )
    assert str(told["server_id"]) == config_of["database.server.id"]
    assert (told["connector"], told["topic_prefix"]) == ("openmrs-connector", config_of["topic.prefix"])
    # The same file that the worker reads, as the host sees it.
    inside = "/run/event-log/secrets/"
    assert config_of["database.password"] == f"${{file:{inside}{told['password_file'].rpartition('/')[2]}:password}}"
    assert told["password_file"].endswith(f"/secrets/connect/{told['password_file'].rpartition('/')[2]}")
    assert (told["ssl_mode"], told["ca_file"]) == ("preferred", "")
    assert (verified["ssl_mode"], verified["ca_file"].rpartition("/")[2]) == ("verify_identity", "ca.pem")


def test_a_table_of_signals_is_used_where_it_was_seen(outcomes: Dict[str, Outcome]) -> None:
    made, without = config(outcomes["signals"]), config(outcomes["no_signals"])
    assert made["signal.data.collection"] == facts(outcomes["signals"])["signal_table"] == "event_log.debezium_signal"
    assert made["database.include.list"] == "openmrs,event_log"
    assert "signal.data.collection" not in without
    assert without["database.include.list"] == "openmrs"


@pytest.mark.parametrize(
    ("case", "connector", "mode"),
    [
        ("plain", "MySqlConnector", "preferred"),
        ("mysql", "MySqlConnector", "preferred"),
        ("mariadb", "MariaDbConnector", "trust"),
        ("mariadb_without_tls", "MariaDbConnector", "disable"),
        ("remembered", "MariaDbConnector", "trust"),
        ("other_database", "MySqlConnector", "preferred"),
        ("declared", "MariaDbConnector", "disable"),
        ("own_authority", "MySqlConnector", "verify_ca"),
        ("own_authority_mariadb", "MariaDbConnector", "verify-ca"),
        ("identity", "MySqlConnector", "verify_identity"),
        ("zone", "MySqlConnector", "preferred"),
    ],
)
def test_class_and_tls_follow_from_what_was_seen(
    outcomes: Dict[str, Outcome], case: str, connector: str, mode: str
) -> None:
    made = config(outcomes[case])
    assert made["connector.class"].rpartition(".")[2] == connector
    assert made["database.ssl.mode"] == mode
    verified = mode.startswith("verify")
    assert ("database.ssl.truststore" in made) == verified
    handed = [name for name in outcomes[case].changed if name.startswith("Hand the authority")]
    assert bool(handed) == verified


SIZES = (
    "max.queue.size.in.bytes",
    "max.queue.size",
    "max.batch.size",
    "topic.creation.default.retention.bytes",
)


@pytest.mark.parametrize(
    ("case", "sizes"),
    [
        ("plain", [33554432, 2048, 512, 2**30]),
        ("referral", [134217728, 8192, 2048, 2**34]),
        ("own_sizes", [1, 3, 2, -1]),
    ],
)
def test_sizes_follow_the_profile_and_each_can_be_set(
    outcomes: Dict[str, Outcome], case: str, sizes: List[int]
) -> None:
    made = config(outcomes[case])
    assert [int(made[name]) for name in SIZES] == sizes


def test_the_profiles_are_those_of_the_table() -> None:
    (role,) = [role for role in roles() if role.name == "event_connector"]
    assert role.options["event_connector_profile"]["choices"] == [_profiles.AUTO, *_profiles.NAMES]


@pytest.mark.parametrize("case", ["own_authority", "own_authority_mariadb", "identity"])
def test_the_configuration_names_the_truststore_that_is_written(outcomes: Dict[str, Outcome], case: str) -> None:
    written = outcomes[case].result("Hand the authority of the database's certificate to the worker")
    named = config(outcomes[case])["database.ssl.truststore"]
    assert named == f"/run/event-log/secrets/{written['filename']}"
    assert written["path"].endswith(f"/secrets/connect/{written['filename']}")


def test_consumers_are_told_what_was_seen(outcomes: Dict[str, Outcome]) -> None:
    told = facts(outcomes["mysql"])
    assert told.pop("capture")
    assert told == {
        **MYSQL,
        "signal_table": None,
        "address": "127.0.0.1:3306",
        "connector": "openmrs-connector",
        "database": "openmrs",
        "patient_data": {"profile": "full", "masked_columns": [], "clear_columns": []},
        "time_zone": {**ZONE, "site": None},
        "topic_prefix": "openmrs",
    }
    assert facts(outcomes["zone"])["time_zone"] == {**ZONE, "site": "Africa/Kigali"}
    notes = [str(result["msg"]) for name, result in outcomes["zone"].results if name.startswith("Say what is odd")]
    assert len(notes) == 1
    assert "event_log_time_zone is Africa/Kigali" in notes[0]


def test_what_an_earlier_run_knew_is_not_lost(outcomes: Dict[str, Outcome]) -> None:
    written = facts(outcomes["remembered"])
    assert {key: written[key] for key in MARIADB if key != "time_zone"} == {
        key: value for key, value in MARIADB.items() if key != "time_zone"
    }


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("contradiction", ["event_log_database_flavour is mysql", "127.0.0.1:3306 is mariadb (11.8.2)"]),
        ("no_tls_there", ["event_connector_ssl_mode is required", "offers no TLS"]),
        ("no_authority", ["event_connector_ssl_mode is verify_ca", "event_log_database_ca_cert is not set"]),
        ("authority_unused", ["event_connector_ssl_mode is preferred", "ca.pem", "remove event_log_database_ca_cert"]),
        ("missing_authority", ["event_log_database_ca_cert: ", "nowhere.pem: No such file or directory"]),
        ("odd_authority", ["odd.pem cannot be used: it holds no certificate in PEM"]),
        ("odd_zone", ["event_log_time_zone is ../Kigali"]),
        ("odd_flavour", ["oracle", "event_connector_flavour"]),
        ("odd_profile", ["event_log_profile is 'huge'", "auto, clinic, district, referral"]),
        ("no_facts", ["event_log_profile is 'auto'", "gather facts"]),
        ("odd_batch", ["event_connector_queue_size is 2048 and event_connector_batch_size is 2048"]),
        ("elsewhere", ["event_log_bootstrap is '192.0.2.10:9092'", "SSH tunnel", "Write http://127.0.0.1:8083."]),
        ("weak", ["event_log_capture_password is a password of 17 characters", "anybody tries", "vaulted file"]),
        ("name_in_it", ["event_log_capture_password is a password of 19 characters", "the name event_log is in it"]),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    outcomes: Dict[str, Outcome], case: str, words: List[str]
) -> None:
    outcome = outcomes[case]
    assert [word for word in words if word not in outcome.failure] == []
    assert outcome.changed == []


def test_only_what_is_wrong_is_told_and_no_password(outcomes: Dict[str, Outcome]) -> None:
    assert "event_log_capture_password" not in outcomes["elsewhere"].failure
    assert "One of these" not in outcomes["weak"].failure
    assert "event_log_bootstrap" not in outcomes["odd_batch"].failure
    for case in ("weak", "name_in_it"):
        assert CASES[case]["event_log_capture_password"] not in json.dumps(outcomes[case].results)


def test_every_case_is_judged(outcomes: Dict[str, Outcome]) -> None:
    failed: Tuple[str, ...] = tuple(name for name, outcome in outcomes.items() if outcome.failure)
    assert failed == tuple(CASES)[list(CASES).index("contradiction") :]
