# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the modules' documentation, run as they are printed.

Only what is an address stands for another one: the worker's, the broker's, the database's, and the binary log's.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from tests.helpers.calls import call, play
from tests.helpers.worker_files import LOGIN
from tests.helpers.workers import CAPTURE, DATABASE_PORT, GRANTS, Rig, wait_for

MODULES = ("connector", "connector_info", "connector_offsets")
CONNECTOR, SINK = "openmrs-connector", "warehouse"
FAILED = "documented-failed"
ACCOUNT = "event_log"  # as the examples name it


def examples(module: str) -> str:
    loaded = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{module}")
    return str(loaded.EXAMPLES)


class Documented:
    """The examples with the rig in the place of what they are printed for."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        file, position = rig.sql("SHOW MASTER STATUS")[0][:2]
        self.addresses = {
            "http://127.0.0.1:8083": rig.a.url,
            "url_username: event-log": f"url_username: {LOGIN[0]}",
            "127.0.0.1:9092": rig.bootstrap,
            "database.port: 3306": f"database.port: {DATABASE_PORT}",
            "file: binlog.000003": f"file: {file}",
            "pos: 157": f"pos: {position}",
        }

    def tasks(self, module: str) -> list[dict[str, Any]]:
        text = examples(module)
        for printed, real in self.addresses.items():
            text = text.replace(printed, real)
        loaded: list[dict[str, Any]] = yaml.safe_load(text)
        return loaded

    @property
    def config(self) -> dict[str, Any]:
        """What the first example registers."""
        config: dict[str, Any] = self.tasks("connector")[0]["openmrs.event_log.connector"]["config"]
        return config

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that the examples take from the inventory."""
        return {"event_log_connect_password": LOGIN[1], "connector_config": self.config}

    def forget(self) -> None:
        """Offsets outlive their connector; an earlier run's may name what is no longer there."""
        done = call("connector", **self.rig.a.options, name=CONNECTOR, state="stopped", config=self.config)
        assert not done.get("failed"), done
        done = call("connector_offsets", **self.rig.a.options, name=CONNECTOR, state="reset")
        assert not done.get("failed"), done
        self.rig.a.delete(CONNECTOR)

    def register(self) -> None:
        done = call("connector", **self.rig.a.options, name=CONNECTOR, config=self.config)
        assert not done.get("failed"), done

    def register_sink(self) -> None:
        topics = [f"openmrs.openmrs.{table}" for table in ("person", "patient")]
        wait_for("the topics are there", lambda: self.rig.topics() >= set(topics), 60)
        done = call("connector", **self.rig.a.options, name=SINK, config=self.rig.sink(SINK, ",".join(topics)))
        assert not done.get("failed"), done

    def register_failed(self) -> None:
        """One with a task that has failed, for the example that tells of such."""
        config = self.rig.sink(FAILED, FAILED, file="/nowhere/at/all")
        done = call("connector", **self.rig.a.options, name=FAILED, state="present", config=config)
        assert not done.get("failed"), done
        self.rig.a.await_states(FAILED, "RUNNING", "FAILED")


@pytest.fixture(scope="module")
def documented(rig: Rig) -> Iterator[Documented]:
    user = f"'{ACCOUNT}'@'%'"
    rig.sql(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{CAPTURE[1]}'; GRANT {GRANTS} ON *.* TO {user}")
    made = Documented(rig)
    made.forget()
    yield made
    for name in (CONNECTOR, SINK, FAILED):
        rig.a.delete(name)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(documented: Documented, tmp_path: Path, module: str) -> None:
    if module != "connector":
        documented.register()
    if module == "connector_info":
        documented.register_failed()
    if module == "connector_offsets":
        documented.register_sink()
    played = play(tmp_path, documented.tasks(module), vars=documented.variables)
    assert played.code == 0, played.output
    assert len(played.results) >= len(documented.tasks(module))
    assert not any(result.get("failed") or result.get("skipped") for result in played.results), played.output
    assert "WARNING" not in played.output, played.output


def test_every_substitution_is_of_something_printed(documented: Documented) -> None:
    printed = "".join(map(examples, MODULES))
    assert [address for address in documented.addresses if address not in printed] == []
