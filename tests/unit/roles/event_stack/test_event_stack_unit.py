# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units as the role writes them where there is systemd, and a hold that stops the run."""

from __future__ import annotations

import os
from typing import Any, Dict

import pytest
import yaml

from tests.unit.roles.role_runs import Outcome, check

FOLDER = "/etc/systemd/system"
ROLE = {"ansible.builtin.include_role": {"name": "openmrs.event_log.event_stack"}}
START = "Start the unit, now and at every boot"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("event_stack_unit")
    secrets = folder / "secrets"
    (secrets / "connect").mkdir(parents=True)
    (secrets / "connect" / ".version-key").write_bytes(b"k" * 32)
    held = folder / "held"
    held.mkdir()
    (held / "hold").write_text("a new disk\nis being built in\n")
    common: Dict[str, Any] = {
        "event_log_site": "demo",
        "event_log_image": "some/image:1.2",
        "event_log_data_dir": "/nowhere/data",
        "event_log_secrets_dir": str(secrets),
        "event_log_preflight": False,
        "event_log_profile": "clinic",
        "path": os.environ["PATH"],
    }
    hosts = {
        "systemd": {**common, "event_log_home": "/nowhere/event-log", "event_stack_command": "/usr/bin/el"},
        "held": {**common, "event_log_home": str(held)},
        "refused": {**common, "event_log_home": "/nowhere/event-log", "event_stack_command": str(folder / "el")},
    }
    (folder / "el").write_text(
        '#!/bin/sh\n[ "$*" = "unit decide" ] && echo "guard: It is another one. Run the repair."\n'
    )
    (folder / "el").chmod(0o755)
    # Role variables beat the inventory's, so that these are set where the role is included.
    seen = {"__event_stack_systemd": True, "__event_stack_has_unit": False}
    return check(folder, [{**ROLE, "vars": seen}], hosts)


def unit(outcome: Outcome, name: str) -> Dict[str, Any]:
    """A unit's settings; one that is given more than once is a list."""
    found: Dict[str, Any] = {}
    for line in outcome.files()[f"{FOLDER}/{name}"].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            assert key not in found, f"{name}: {key} twice"
            found[key] = value
    return found


def test_the_unit_starts_and_stops_through_the_host_command(runs: Dict[str, Outcome]) -> None:
    found = unit(runs["systemd"], "event-log.service")
    assert (found["Type"], found["RemainAfterExit"]) == ("oneshot", "yes")
    for verb, key in (("condition", "ExecCondition"), ("start", "ExecStart"), ("stop", "ExecStop")):
        assert found[key] == f"/usr/bin/el unit {verb}"
    assert found["RequiresMountsFor"].split() == ["/nowhere/event-log", "/nowhere/data"]
    assert found["WantedBy"] == "multi-user.target"
    assert (found["NotifyAccess"], found["Delegate"]) == ("all", "yes"), "the status line needs both"


def test_the_units_time_to_stop_is_longer_than_that_of_the_containers(runs: Dict[str, Outcome]) -> None:
    compose = yaml.safe_load(runs["systemd"].files()["/nowhere/event-log/compose.yaml"])
    graces = [int(service["stop_grace_period"].rstrip("s")) for service in compose["services"].values()]
    assert int(unit(runs["systemd"], "event-log.service")["TimeoutStopSec"]) >= sum(graces) + 30


def test_an_engine_that_is_stopped_does_not_take_the_unit_with_it(runs: Dict[str, Outcome]) -> None:
    found = unit(runs["systemd"], "event-log.service")
    assert "docker.service" in found["Wants"].split()
    assert not {"Requires", "BindsTo", "PartOf"} & set(found)


def test_the_timer_goes_with_the_unit_and_the_looks_are_quiet(runs: Dict[str, Outcome]) -> None:
    assert unit(runs["systemd"], "event-log-status.timer")["PartOf"] == "event-log.service"
    look = unit(runs["systemd"], "event-log-status.service")
    assert (look["ExecStart"], look["LogLevelMax"]) == ("/usr/bin/el unit status", "notice")


def test_check_mode_foretells_the_unit(runs: Dict[str, Outcome]) -> None:
    assert runs["systemd"].changed[-1] == START


def test_a_hold_ends_the_run_before_anything_of_the_stack_changes(runs: Dict[str, Outcome]) -> None:
    told = runs["held"].failure
    assert "held/hold is there (a new disk), so nothing was changed" in told
    assert "remove that file on the host and run again" in told
    assert runs["held"].changed == []


def test_what_the_guard_refuses_ends_the_run_before_the_worker_would_start(runs: Dict[str, Outcome]) -> None:
    assert runs["refused"].failure == (
        "The guard keeps the worker from reading on: It is another one. Run the repair. "
        "Nothing was changed in the stack. "
        "Then run again."
    )
    assert runs["refused"].changed == []


SYSTEMCTL = """#!/bin/sh
case "$*" in
*is-active*event-log.service*) exit 0 ;;
*is-active*) exit {timer} ;;
"show --property=NeedDaemonReload event-log.service event-log-status.service event-log-status.timer")
  echo NeedDaemonReload=no; echo; echo NeedDaemonReload={need} ;;
*is-enabled*) echo enabled ;;
*show*) echo LoadState=loaded; echo ActiveState=active; echo SubState=exited ;;
esac
"""


@pytest.fixture(scope="module")
def converged(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    """Hosts whose files are as they must be; what differs is what systemd says of the units."""
    folder = tmp_path_factory.mktemp("event_stack_converged")
    hosts: Dict[str, Any] = {}
    for name, need, timer in (("plain", "no", 0), ("killed", "yes", 0), ("timer", "no", 3)):
        place = folder / name
        place.mkdir()
        (place / "systemctl").write_text(SYSTEMCTL.format(need=need, timer=timer))
        (place / "systemctl").chmod(0o755)
        common = {"event_log_site": "demo", "event_log_profile": "clinic", "event_log_home": str(place)}
        hosts[name] = {**common, "path": f"{place}:{os.environ['PATH']}"}
    seen = {
        "__event_stack_has_unit": True,
        "__event_stack_written": {"changed_paths": []},
    }
    role = ROLE["ansible.builtin.include_role"]
    parts = [
        {"ansible.builtin.include_role": {**role, "tasks_from": part}, "vars": seen} for part in ("gather", "unit")
    ]
    return check(folder, parts, hosts, really=True)


@pytest.mark.parametrize(("host", "reload"), [("plain", False), ("killed", True), ("timer", False)])
def test_units_that_a_killed_run_wrote_are_told_to_systemd(
    converged: Dict[str, Outcome], host: str, reload: bool
) -> None:
    assert converged[host].failure == ""
    assert converged[host].result(START)["invocation"]["module_args"]["daemon_reload"] is reload


@pytest.mark.parametrize(("host", "started"), [("plain", False), ("timer", True)])
def test_a_timer_that_does_not_run_beside_its_unit_is_started(
    converged: Dict[str, Outcome], host: str, started: bool
) -> None:
    names = [name for name, _ in converged[host].results]
    assert ("Start the timer of the status line" in names) is started, "and a run with nothing to do is not longer"
