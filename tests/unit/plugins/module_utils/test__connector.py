# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done to a connector, from every state to every state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status, Task
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError, PlanError

BASE = {"connector.class": "C", "tasks.max": "1"}
OTHER = {"connector.class": "C", "tasks.max": "2"}


def status(states: str) -> Status:
    """Return a status from words: the connector's state, then those of its tasks."""
    first, *rest = states.split()
    return Status(first, tuple(Task(number, state) for number, state in enumerate(rest)))


def planned(states: Optional[str], config: Dict[str, str], state: str, **options: bool) -> subject.Plan:
    current = None if states is None else subject.Current(BASE, status(states))
    return subject.plan(current, subject.Desired("n", state, config, **options))


def words(plan: subject.Plan) -> str:
    """Return a plan as words; a restart of what failed only is marked."""
    marks = {(True, None): "(failed)", (False, "PAUSED"): "(paused)", (False, "STOPPED"): "(stopped)"}
    return " ".join(a.kind + marks.get((a.only_failed, a.initial_state), "") for a in plan.actions)


# current state and tasks | wanted | same or different configuration | options | plan
TABLE = """
-                       | running | same | | create
-                       | paused  | same | | create(paused)
-                       | stopped | same | | create(stopped)
-                       | present | same | | create
-                       | absent  | same | | -
-                       | running | same | restart | create
-                       | paused  | same | restart | create(paused)
-                       | running | same | no_heal | create
-                       | absent  | same | restart | -
RUNNING RUNNING         | running | same | | -
RUNNING RUNNING         | running | diff | | update
RUNNING RUNNING         | paused  | same | | pause
RUNNING RUNNING         | paused  | diff | | pause update
RUNNING RUNNING         | stopped | same | | stop
RUNNING RUNNING         | stopped | diff | | stop update
RUNNING RUNNING         | present | same | | -
RUNNING RUNNING         | present | diff | | update
RUNNING RUNNING         | absent  | same | | delete
RUNNING                 | running | same | | -
RUNNING                 | running | diff | | update
RUNNING UNASSIGNED      | running | same | | -
RUNNING RESTARTING      | running | same | | -
RUNNING PAUSED          | running | same | | -
PAUSED PAUSED           | running | same | | resume
PAUSED PAUSED           | running | diff | | update resume
PAUSED PAUSED           | paused  | same | | -
PAUSED PAUSED           | paused  | diff | | update
PAUSED RUNNING          | paused  | same | | -
PAUSED PAUSED           | stopped | same | | stop
PAUSED PAUSED           | stopped | diff | | stop update
PAUSED PAUSED           | present | same | | -
PAUSED PAUSED           | present | diff | | update
PAUSED PAUSED           | absent  | same | | delete
STOPPED                 | running | same | | resume
STOPPED                 | running | diff | | update resume
STOPPED                 | paused  | same | | pause
STOPPED                 | paused  | diff | | pause update
STOPPED                 | stopped | same | | -
STOPPED                 | stopped | diff | | update
STOPPED                 | present | same | | -
STOPPED                 | present | diff | | update
STOPPED                 | absent  | same | | delete
FAILED RUNNING          | running | same | | resume restart(failed)
FAILED RUNNING          | running | diff | | update resume restart(failed)
FAILED RUNNING          | paused  | same | | restart(failed) pause
FAILED RUNNING          | paused  | diff | | restart(failed) pause update
FAILED RUNNING          | stopped | same | | stop
FAILED RUNNING          | stopped | diff | | stop update
FAILED RUNNING          | present | same | | -
FAILED RUNNING          | present | diff | | update
FAILED                  | absent  | same | | delete
FAILED FAILED           | running | same | | resume restart(failed)
RUNNING FAILED          | running | same | | restart(failed)
RUNNING FAILED          | running | diff | | update restart(failed)
RUNNING RUNNING FAILED  | running | same | | restart(failed)
RUNNING FAILED          | paused  | same | | restart(failed) pause
RUNNING FAILED          | stopped | same | | stop
RUNNING FAILED          | present | same | | -
PAUSED FAILED           | paused  | same | | restart(failed)
PAUSED FAILED           | paused  | diff | | restart(failed) update
PAUSED FAILED           | running | same | | resume restart(failed)
PAUSED FAILED           | running | diff | | update resume restart(failed)
PAUSED FAILED           | stopped | same | | stop
FAILED RUNNING          | running | same | no_heal | -
FAILED RUNNING          | running | diff | no_heal | update
RUNNING FAILED          | running | same | no_heal | -
RUNNING FAILED          | paused  | same | no_heal | refused
FAILED RUNNING          | paused  | diff | no_heal | refused
PAUSED FAILED           | paused  | same | no_heal | refused
FAILED RUNNING          | stopped | same | no_heal | stop
RUNNING FAILED          | present | same | no_heal | -
RUNNING RUNNING         | running | same | restart | restart
RUNNING RUNNING         | running | diff | restart | update restart
RUNNING FAILED          | running | same | restart | restart
FAILED FAILED           | running | same | restart | resume restart
RUNNING FAILED          | running | same | restart no_heal | restart
PAUSED PAUSED           | running | same | restart | resume restart
STOPPED                 | running | same | restart | resume
RUNNING RUNNING         | paused  | same | restart | pause
PAUSED PAUSED           | paused  | same | restart | -
RUNNING RUNNING         | stopped | same | restart | stop
STOPPED                 | stopped | same | restart | -
RUNNING RUNNING         | present | same | restart | restart
RUNNING RUNNING         | present | diff | restart | update restart
PAUSED PAUSED           | present | same | restart | -
STOPPED                 | present | same | restart | -
RUNNING RUNNING         | absent  | same | restart | delete
UNASSIGNED              | running | same | | -
UNASSIGNED              | paused  | same | | pause
UNASSIGNED              | stopped | same | | stop
UNASSIGNED              | present | diff | | update
RESTARTING RUNNING      | running | same | | -
"""
CASES = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


def test_the_table_is_as_large_as_promised() -> None:
    assert len(CASES) >= 60
    assert len({tuple(case[:4]) for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("current", "wanted", "config", "options", "expected"), CASES, ids=[" ".join(case[:4]) for case in CASES]
)
def test_plan(current: str, wanted: str, config: str, options: str, expected: str) -> None:
    chosen = {"restart": "restart" in options, "restart_failed": "no_heal" not in options}
    desired = {} if wanted == "absent" else {"same": BASE, "diff": OTHER}[config]
    states = None if current == "-" else current
    if expected == "refused":
        with pytest.raises(PlanError, match=r"connector n cannot be paused: it has FAILED .*restart_failed is false"):
            planned(states, desired, wanted, **chosen)
        return
    assert words(planned(states, desired, wanted, **chosen)) == expected.replace("-", "")


def test_action_names_do_not_tell_variants_apart() -> None:
    assert planned("RUNNING FAILED", OTHER, "running").names == ["update", "restart"]
    assert planned(None, BASE, "stopped").names == ["create"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (False, "false"), (1, "1"), (0, "0"), (-5, "-5"), (10**18, "1000000000000000000"),
        (1.5, "1.5"), (1.0, "1.0"), (1e16, "1e+16"), (0.1, "0.1"), ("", ""), (" a ", " a "), ("true", "true"),
        ("True", "True"), ("a\n", "a\n"), ("${file:/f:k}", "${file:/f:k}"), ("äöü", "äöü"), ("***x", "***x"),
    ],
)  # fmt: skip
def test_values_become_what_connect_stores(value: Any, text: str) -> None:
    assert subject.normalise("n", {"connector.class": "C", "k": value})["k"] == text


@pytest.mark.parametrize(
    ("value", "words_of_it"),
    [
        (None, "null is not a value"), ([1], "a list is not a value"), ({"a": 1}, "the configuration is flat"),
        (float("nan"), "float is not a value"), (float("inf"), "float is not a value"), ("********", "a mask"),
        ("***", "a mask"), ("[hidden]", "a mask"), (b"x", "bytes is not a value"),
    ],
)  # fmt: skip
def test_what_is_not_a_value_is_refused_with_its_key(value: Any, words_of_it: str) -> None:
    with pytest.raises(InputError, match=rf"config of connector n is refused: some\.key: .*{words_of_it}"):
        subject.normalise("n", {"connector.class": "C", "some.key": value})


def test_everything_wrong_is_told_at_once_and_no_value_with_it() -> None:
    config = {"a": None, "b": ["s3cret-value"], "database.password": "******", "name": "other"}
    with pytest.raises(InputError) as caught:
        subject.normalise("n", config)
    for part in ("a: null", "b: a list", "database.password: the value is a mask", "name: 'other' differs",
                 "connector.class: missing"):  # fmt: skip
        assert part in caught.value.message
    assert "s3cret" not in caught.value.message


def test_the_salt_in_a_refused_key_is_not_told() -> None:
    with pytest.raises(InputError) as caught:
        subject.normalise("n", {"connector.class": "C", "column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K": None})
    assert "CzQMA0cB5K" not in caught.value.message
    assert "column.mask.hash.v2.SHA-256.with.salt.<redacted>" in caught.value.message


def test_the_servers_own_keys_are_left_out_on_both_sides() -> None:
    mine = subject.normalise("n", {"connector.class": "C", "name": "n", "__internal.x": "1"})
    theirs = subject.stored({"connector.class": "C", "name": "n", "__internal.y": "2"})
    assert mine == theirs == {"connector.class": "C"}


@pytest.mark.parametrize(
    ("current", "desired", "keys"),
    [
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1", "gone": "x"}, {"a": "1"}, ["gone"]),
        ({"a": "1"}, {"a": "1", "new": "x"}, ["new"]),
        ({"a": "1 "}, {"a": "1"}, ["a"]),
        ({"a": "true"}, {"a": "True"}, ["a"]),
        ({"a": "${file:/x-1:p}"}, {"a": "${file:/x-2:p}"}, ["a"]),
        ({"a": "plain"}, {"a": "${file:/x:p}"}, ["a"]),
        ({"a": "********"}, {"a": "secret-word"}, []),
        ({"a": "[hidden]"}, {"a": "secret-word"}, []),
        ({"a": "********"}, {}, ["a"]),
        ({"a": "***", "b": "1"}, {"a": "x", "b": "2"}, ["b"]),
        ({"b": "1", "a": "1"}, {"a": "2", "b": "2"}, ["a", "b"]),
    ],
)
def test_drift(current: Dict[str, str], desired: Dict[str, str], keys: List[str]) -> None:
    assert list(subject.drift(current, desired)) == keys


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\x00", ".", ".."])
def test_names_that_connect_would_change_or_refuse(name: str) -> None:
    with pytest.raises(InputError, match=r"^name: "):
        subject.check_name(name)


def test_ordinary_names_pass() -> None:
    for name in ("openmrs-connector", "a b", "a/b", "ä", "a.b"):
        subject.check_name(name)


@pytest.mark.parametrize("module", ["_errors", "_redact", "_connector_state", "_connector", "_connector_report"])
def test_pure_files_import_nothing_of_ansible(module: str) -> None:
    program = (
        f"import sys; import ansible_collections.openmrs.event_log.plugins.module_utils.{module}; "
        "sys.exit(any(name == 'ansible' or name.startswith('ansible.') for name in sys.modules))"
    )
    cache = Path(__file__).resolve().parents[4] / ".cache"
    roots = [path for path in sys.path if path.endswith(".cache")] or [str(cache)]
    result = subprocess.run(
        [sys.executable, "-S", "-c", program], env={"PYTHONPATH": roots[0]}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
