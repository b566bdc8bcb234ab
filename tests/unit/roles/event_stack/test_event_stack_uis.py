# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web pages as the role writes them: which of them, hardened, on loopback, and Kowl's secret nowhere else."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles, _stack_logins, _stack_ui

from tests.unit.role_files import roles
from tests.unit.roles.role_runs import Outcome, check

PASSWORD = "given-by-the-site-0123456789"
ACCOUNT = "broker-word-of"
BOTH = ["kafdrop", "kowl"]
#: An engine that has some images, and containers of two web pages.
DOCKER = """#!/bin/sh
case "$1 $2" in
  "image inspect") case " {images} " in *" $5 "*) echo "$4" ;; *) exit 1 ;; esac ;;
  "container inspect")
    if [ "$3" = --format ]; then for page in {pages}; do echo "page /$page"; done
    elif [ -n "{pages}" ]; then echo '[{{"Name": "/event-log-kafdrop", "Config": {{}}, "State": {{}}}}]'
    else echo []; echo "Error: No such container" >&2; exit 1; fi ;;
  *) exit 1 ;;
esac
"""
KAFDROP, KOWL = "obsidiandynamics/kafdrop:4.2.0", "mine/kowl:v1.5.0"
CASES: Dict[str, Dict[str, Any]] = {
    "none": {},
    "both": {"event_stack_uis": ["kowl", "kafdrop"]},
    "other_password": {"event_stack_uis": BOTH, "event_log_connect_password": PASSWORD + "x"},
    "open": {"event_stack_uis": BOTH, "event_log_broker_logins": "none"},
    "open_other_password": {
        "event_stack_uis": BOTH,
        "event_log_broker_logins": "none",
        "event_log_connect_password": PASSWORD + "x",
    },
    "other_profile": {"event_stack_uis": BOTH, "event_log_profile": "district"},
    "ports": {
        "event_stack_uis": BOTH,
        "event_stack_kafdrop_port": 19191,
        "event_stack_kowl_port": 18282,
        "event_log_bootstrap": "127.0.0.1:19092",
        "event_log_connect_url": "http://127.0.0.1:18083",
        "event_log_connect_user": "me",
        "event_log_project": "adopted",
        "event_log_uid": 1500,
        "event_log_gid": 1600,
    },
    "one_image": {"event_stack_uis": BOTH, "images": KOWL},
    "no_image": {"event_stack_uis": BOTH, "images": "x"},
    "foreseen": {"event_stack_uis": BOTH, "images": "x", "event_stack_uis_predicted": ["kowl"]},
    "required": {"event_stack_uis": BOTH, "images": KOWL, "event_stack_uis_required": True},
    "left": {"event_stack_uis": ["kowl"], "pages": "event-log-kafdrop"},
    "unknown": {"event_stack_uis": ["kafdrop", "akhq"]},
    "no_list": {"event_stack_uis": "kowl"},
    "one_port": {"event_stack_uis": BOTH, "event_stack_kowl_port": 9191, "event_log_preflight": True},
    "port_of_kafka": {"event_stack_uis": BOTH, "event_stack_kowl_port": 9092, "event_log_preflight": True},
    "not_wanted": {"event_stack_kowl_port": 9191, "event_log_preflight": True},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("event_stack_uis")
    hosts: Dict[str, Any] = {}
    for name, variables in CASES.items():
        place = folder / name
        for secrets in ("connect", "kowl", "kafdrop", "broker", "broker_passwords"):
            (place / "secrets" / secrets).mkdir(parents=True)
            (place / "secrets" / secrets / ".version-key").write_bytes(b"k" * 32)
        for account in _stack_logins.accounts(BOTH):
            (place / "secrets" / "broker_passwords" / account).write_text(f"{ACCOUNT}-{account}\n")
        engine = {"images": f"{KAFDROP} {KOWL}", "pages": "", **variables}
        (place / "docker").write_text(DOCKER.format(**engine))
        (place / "docker").chmod(0o755)
        hosts[name] = {
            "event_log_site": "demo",
            "event_log_image": "some/image:1.2",
            "event_log_profile": "clinic",
            "event_log_home": "/nowhere/event-log",
            "event_log_data_dir": "/nowhere/data",
            "event_log_secrets_dir": str(place / "secrets"),
            "event_log_connect_password": PASSWORD,
            "event_log_preflight": False,
            "event_stack_kowl_image": KOWL,
            # There are other event logs on a machine that tests are run on.
            "event_stack_memory": {**_profiles.PROFILES[0].memory, "host_mb": 1},
            "path": f"{place}:{os.environ['PATH']}",
            **{key: value for key, value in variables.items() if key.startswith("event_")},
        }
    return check(folder, [{"ansible.builtin.include_role": {"name": "openmrs.event_log.event_stack"}}], hosts)


def project(outcome: Outcome) -> Dict[str, Any]:
    assert outcome.failure == ""
    return dict(yaml.safe_load(outcome.files()["/nowhere/event-log/compose.yaml"]))


def pages(outcome: Outcome) -> Dict[str, Any]:
    services = project(outcome)["services"]
    assert list(services)[:2] == ["broker", "connect"]
    return {name: services[name] for name in list(services)[2:]}


def settings(outcome: Outcome) -> Dict[str, Any]:
    return dict(json.loads(outcome.files()["/nowhere/event-log/config/event-log.json"]))


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("none", []),
        ("both", BOTH),
        ("one_image", ["kowl"]),
        ("no_image", []),
        ("foreseen", ["kowl"]),
        ("left", ["kowl"]),
    ],
)
def test_what_runs_is_what_is_wanted_and_has_an_image(runs: Dict[str, Outcome], case: str, names: list[str]) -> None:
    assert list(pages(runs[case])) == names
    assert settings(runs[case])["uis"] == names
    assert ("Bring the web pages up" in runs[case].changed) == bool(names)


def test_the_pages_are_hardened_as_the_others_are(runs: Dict[str, Outcome]) -> None:
    services = project(runs["both"])["services"]
    same = (
        "user", "network_mode", "restart", "read_only", "cap_drop", "security_opt", "pids_limit", "tmpfs", "logging"
    )  # fmt: skip
    for name in BOTH:
        assert {key: services[name][key] for key in same} == {key: services["broker"][key] for key in same}
        assert not {"privileged", "cap_add", "devices", "ports", "pid", "ipc", "secrets", "command"} & set(
            services[name]
        )
        assert "depends_on" not in services[name], "each run would make it anew"
        assert all(mount["read_only"] for mount in services[name]["volumes"])
        assert int(services[name]["stop_grace_period"].rstrip("s")) <= 10
    assert (services["kafdrop"]["image"], services["kowl"]["image"]) == (KAFDROP, KOWL)
    assert {services["broker"]["image"], services["connect"]["image"]} == {"some/image:1.2"}


def test_the_pages_read_what_is_written_for_them(runs: Dict[str, Outcome]) -> None:
    found = pages(runs["ports"])
    where = _stack_ui.Addresses(19092, 18083, "demo")
    kafdrop = found["kafdrop"]
    login = kafdrop["environment"]["KAFKA_PROPERTIES_FILE"]
    assert re.fullmatch(r"/run/event-log/secrets/kafdrop-[0-9a-f]{8}\.properties", login)
    assert kafdrop["environment"] == _stack_ui.kafdrop_environment(where, 19191, 64, login)
    assert kafdrop["healthcheck"]["test"] == _stack_ui.kafdrop_health(19191)
    assert kafdrop["volumes"][0]["source"].endswith("/secrets/kafdrop")
    assert found["kowl"]["healthcheck"]["test"] == _stack_ui.kowl_health(18282)
    assert [found[name]["container_name"] for name in BOTH] == ["adopted-kafdrop", "adopted-kowl"]
    assert {found[name]["user"] for name in BOTH} == {"1500:1600"}


def test_every_address_is_loopback(runs: Dict[str, Outcome]) -> None:
    text = json.dumps(pages(runs["ports"])) + "".join(runs["ports"].files().values())
    assert set(re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", text)) == {"127.0.0.1"}


def kowl_file(runs: Dict[str, Outcome], case: str) -> str:
    (path,) = pages(runs[case])["kowl"]["environment"].values()
    return str(path)


def test_kowls_configuration_is_a_versioned_secret(runs: Dict[str, Outcome]) -> None:
    path = kowl_file(runs, "both")
    assert re.fullmatch(r"/run/event-log/secrets/kowl-[0-9a-f]{8}\.yaml", path)
    assert kowl_file(runs, "other_password") == path, "it has no login at the worker where the broker has logins"
    opened, other = (kowl_file(runs, case) for case in ("open", "open_other_password"))
    assert opened != other, "another password makes another container"
    assert kowl_file(runs, "other_profile") == path
    mount = pages(runs["both"])["kowl"]["volumes"][0]
    assert (mount["target"], mount["source"].endswith("/secrets/kowl")) == ("/run/event-log/secrets", True)
    arguments = runs["both"].result("Hand the logins to the containers")["censored"]
    assert "no_log" in arguments


def test_the_password_is_in_no_file_label_diff_or_message(runs: Dict[str, Outcome]) -> None:
    shown = json.dumps([outcome.results for outcome in runs.values()])
    assert [word for word in (PASSWORD, ACCOUNT) if word in shown] == []


@pytest.mark.parametrize(
    ("case", "heap", "limits"), [("both", "-Xmx64m", ["384m", "128m"]), ("other_profile", "-Xmx96m", ["448m", "192m"])]
)
def test_memory_goes_by_the_profile(runs: Dict[str, Outcome], case: str, heap: str, limits: list[str]) -> None:
    found = pages(runs[case])
    assert heap in found["kafdrop"]["environment"]["JVM_OPTS"].split()
    assert [found[name]["mem_limit"] for name in BOTH] == limits
    (role,) = [role for role in roles() if role.name == "event_stack"]
    for profile in _profiles.PROFILES:
        assert set(profile.ui_memory) == set(role.options["event_stack_ui_memory"]["options"])


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("both", ["Kafdrop takes about 240 MB", "clinic"]),
        ("one_image", [f"Without Kafdrop: its image {KAFDROP} is not on this host."]),
        ("no_image", ["Without Kafdrop", "Without Kowl"]),
    ],
)
def test_what_a_person_should_know_is_said_and_is_no_change(
    runs: Dict[str, Outcome], case: str, told: list[str]
) -> None:
    said = json.dumps(runs[case].result("Say what to know about web pages and logins")["msg"])
    assert [words for words in told if words not in said] == []


def test_where_there_is_nothing_to_say_nothing_is_said(runs: Dict[str, Outcome]) -> None:
    for case in ("none", "left", "other_profile"):
        assert "Say what to know about web pages and logins" not in [name for name, _ in runs[case].results]


def test_a_page_that_must_run_is_refused_before_anything_changes(runs: Dict[str, Outcome]) -> None:
    told = runs["required"].failure
    assert [word for word in ("event_stack_uis_required is true", KAFDROP, "docs/uis.md") if word not in told] == []
    assert KOWL not in told
    assert runs["required"].changed == []


def test_what_is_not_wanted_any_more_is_removed(runs: Dict[str, Outcome]) -> None:
    assert runs["left"].result("Remove web pages that are not wanted any more")["removed"] == ["event-log-kafdrop"]
    assert "Remove web pages that are not wanted any more" not in runs["both"].changed


def test_only_the_event_log_itself_is_waited_for(runs: Dict[str, Outcome]) -> None:
    tasks = yaml.safe_load(Path("roles/event_stack/tasks/containers.yml").read_text(encoding="utf-8"))
    (block,) = [task["block"] for task in tasks if "block" in task]
    _, up = [task for task in block if "community.docker.docker_compose_v2" in task]
    # Also where no page is wanted: in check mode the project on the disk may still have one.
    assert up["community.docker.docker_compose_v2"]["services"] == "{{ __event_stack_core }}"
    assert not [task for task in block if "openmrs.event_log.stack_uis" in task], "they can take nothing back"


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("unknown", ["event_stack_uis", "akhq", "kafdrop, kowl"]),
        ("no_list", ["event_stack_uis is 'kowl': give a list of kafdrop, kowl"]),
        ("one_port", ["event_stack_kowl_port is 9191: that port is event_stack_kafdrop_port too", "another port"]),
        ("port_of_kafka", ["event_stack_kowl_port is 9092: that port is event_log_bootstrap too"]),
    ],
)
def test_bad_input_is_refused_by_name(runs: Dict[str, Outcome], case: str, told: list[str]) -> None:
    assert [words for words in told if words not in runs[case].failure] == []
    assert runs[case].changed == []


def test_the_port_of_a_page_that_is_not_wanted_is_nobodys_concern(runs: Dict[str, Outcome]) -> None:
    assert "event_stack_kowl_port" not in runs["not_wanted"].failure
