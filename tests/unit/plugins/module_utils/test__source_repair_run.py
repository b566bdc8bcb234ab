# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repair on a worker in memory: the order of its steps, interruptions, and refusals that change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, UnreachableError
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_memory import Memory
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Response
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair import Database, Wanted
from ansible_collections.openmrs.event_log.plugins.module_utils._source_repair_run import Hands, Order, RepairRun

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.scripted_http import FakeClock

GONE = {"partition": {"server": "openmrs"}, "offset": {"file": "binlog.000001", "pos": 4}}
FRESH = {"partition": {"server": "openmrs"}, "offset": {"file": "binlog.000009", "pos": 900}}
CONFIG = {"connector.class": "C", "snapshot.mode": "initial", "topic.prefix": "openmrs"}


class Worker(FakeConnect):
    """Takes a new position when it runs without one, as Debezium does; ``down`` until somebody starts it."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.modes: List[str] = []

    def send(self, method: str, path: str, body: Any = None, timeout: Any = None) -> Response:
        if self.down:
            raise UnreachableError("connection refused", method, path)
        answer = super().send(method, path, body, timeout)
        it = self.connectors.get("c")
        if it and it["state"] == "RUNNING" and not self.offsets.get("c"):
            self.offsets["c"] = [FRESH]
            self.modes.append(it["config"].get("snapshot.mode", ""))
        return answer


class Host:
    """The programs of the host, the database, and the guard's memory."""

    def __init__(self, directory: Path, signals: bool = False) -> None:
        self.directory = directory
        self.worker = Worker()
        self.worker.register("c", CONFIG, "RUNNING FAILED")
        self.worker.offsets["c"] = [GONE]
        self.signals = signals
        self.signalled = 0
        self.container = "true"
        self.commands: List[Tuple[List[str], str]] = []
        memory = Memory.load(directory)
        memory.put("history", {"c": {"offset": {"file": "binlog.000001", "pos": 4}}, "other": {}})
        memory.save()

    @property
    def memory(self) -> Memory:
        return Memory.load(self.directory)

    def run(self, command: Sequence[str], text: str) -> Tuple[int, str, str]:
        self.commands.append((list(command), text))
        if command[:2] == ["docker", "inspect"]:
            return 0, self.container + "\n", ""
        if command[:2] == ["docker", "start"]:
            self.worker.down = False
        elif command[0] == "produce":  # the worker reads its topic when it starts
            self.worker.register("c", CONFIG, "STOPPED UNASSIGNED")
        return 0, "", ""

    def _snapshot(self, _api: ConnectApi) -> None:
        self.signalled += 1

    def repair(self, **wanted: Any) -> Dict[str, Any]:
        check, shown = wanted.pop("check", False), wanted.pop("show_traces", False)
        api = ConnectApi(self.worker, Deadline(FakeClock(), 60), patient=False)  # type: ignore[arg-type]
        database = Database("binlog.000009:900", {"binlog.000009": 900}, signals=self.signals)
        hands = Hands(lambda: database, self._snapshot, self.run, lambda: 1_790_000_000.0)
        order = Order(
            Wanted("c", wanted.pop("reason", "binlog_gap"), **wanted),
            self.directory,
            "event-log-connect",
            "configs",
            ["produce"],
            check,
            shown,
        )
        self.runner = RepairRun(order, api, hands)
        return self.runner.execute()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_check_mode_tells_and_changes_nothing(host: Host) -> None:
    before = host.memory.get("history")
    told = host.repair(check=True)
    assert told["changed"] and told["fill"] == "full" and host.worker.writes == []
    assert host.memory.get("gaps", []) == [] and host.memory.get("history") == before
    assert told["actions"] == host.repair()["actions"]


def test_a_full_repair_begins_anew_and_the_second_has_nothing_to_do(host: Host) -> None:
    host.repair()
    assert host.worker.writes == [
        ("PUT", "/connectors/c/stop"),
        ("DELETE", "/connectors/c/offsets"),
        ("PUT", "/connectors/c/resume"),
    ]
    assert host.worker.modes == ["initial"], "it read all tables"
    assert list(host.memory.get("history")) == ["other"]
    (gap,) = host.memory.get("gaps")
    assert gap["from"] == "binlog.000001:4" and gap["repaired"]
    again = host.repair()
    assert (again["changed"], again["actions"], again["gap"]) == (False, [], None)


def test_an_incremental_repair_reads_the_structure_only_and_leaves_the_configuration_as_it_was(tmp_path: Path) -> None:
    host = Host(tmp_path, signals=True)
    told = host.repair()
    assert (told["fill"], host.worker.modes, host.signalled) == ("incremental", ["no_data"], 1)
    assert host.worker.connectors["c"]["config"] == CONFIG


def test_a_worker_that_is_held_is_started_with_its_connector_stopped(host: Host) -> None:
    memory = host.memory
    memory.put("hold", {"id": "database_other", "what": "another database", "connector": "c"})
    memory.save()
    host.worker.down, host.container = True, "false"
    told = host.repair(reason="restored_source")
    assert told["gap"]["from"] == "binlog.000001:4", "by the guard's memory"
    written = [(command[0], text) for command, text in host.commands if command[0] == "produce"]
    assert written == [("produce", 'target-state-c\t{"state": "PAUSED", "state.v2": "STOPPED"}\n')]
    assert [command[1] for command, _ in host.commands if command[0] == "docker"] == ["inspect", "start"]
    assert host.memory.get("hold") == {} and host.worker.modes == ["initial"]
    assert host.worker.writes[0] == ("PUT", "/connectors/c/stop"), "the task of before is taken away"


def test_a_worker_that_runs_and_does_not_answer_is_left_alone(host: Host) -> None:
    host.worker.down = True
    with pytest.raises(EventLogError, match="nothing was changed"):
        host.repair()
    assert len(host.commands) == 1 and host.memory.get("gaps", []) == []


@pytest.mark.parametrize("fill", ["full", "incremental"])
@pytest.mark.parametrize("step", ["reset", "forget_history", "read_schema", "resume", "close_gap"])
def test_a_repair_that_was_cut_off_anywhere_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fill: str
) -> None:
    host = Host(tmp_path, signals=True)

    class PowerCutError(Exception):
        pass

    real = getattr(RepairRun, f"_{step}")

    def cut(self: RepairRun) -> None:
        if step == "read_schema":  # in its middle, with the mode changed
            config = {**host.worker.connectors["c"]["config"]}
            RepairRun._former_mode(self, config.get("snapshot.mode"))
            host.worker.connectors["c"]["config"] = {**config, "snapshot.mode": "no_data"}
        raise PowerCutError

    monkeypatch.setattr(RepairRun, f"_{step}", cut)
    if step == "read_schema" and fill == "full":
        assert "read_schema" not in host.repair(fill=fill)["actions"]
        return
    with pytest.raises(PowerCutError):
        host.repair(fill=fill)
    monkeypatch.setattr(RepairRun, f"_{step}", real)
    assert host.repair(fill=fill)["changed"]
    assert host.worker.connectors["c"]["config"] == CONFIG
    assert host.worker.connectors["c"]["state"] == "RUNNING" and host.worker.offsets["c"] == [FRESH]
    (gap,) = host.memory.get("gaps")
    assert gap["from"] == "binlog.000001:4" and gap["repaired"]
    assert not host.repair(fill=fill)["changed"]


def test_a_failed_repair_leaves_the_connector_stopped_and_says_how_to_go_on(host: Host) -> None:
    host.worker.worsens = True
    with pytest.raises(EventLogError) as failed:
        host.repair()
    told = host.runner.failure(failed.value)
    assert "goes on from here" in told["msg"] and told["actions"][-1] == "forget_history"


@pytest.mark.parametrize("shown", [False, True])
def test_a_trace_shows_no_row_unless_somebody_asks_for_it(host: Host, shown: bool) -> None:
    host.worker.worsens = True
    host.worker.trace = "java.lang.Error: bad value 'Mary Otieno'\n\tat x.Y\nCaused by: java.io.IOException: pw-123456"
    host.worker.connectors["c"]["config"]["database.password"] = "pw-123456"
    with pytest.raises(EventLogError) as failed:
        host.repair(show_traces=shown)
    message = host.runner.failure(failed.value)["msg"]
    assert "connector c fails again: java.lang.Error: bad value" in message
    assert ("Mary Otieno" in message) == shown
    assert "pw-123456" not in message
