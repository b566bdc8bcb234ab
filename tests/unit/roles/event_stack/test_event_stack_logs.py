# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What broker and worker log of a row that they stumble over, as the role writes their settings."""

from __future__ import annotations

import os
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils._log_pattern import log_patterns

from tests.unit.plugins.module_utils.java_properties import read
from tests.unit.role_files import ROOT
from tests.unit.roles.role_runs import Outcome, check

FOLDER = ROOT / "roles" / "event_stack"
LAYOUT = "appender.console.layout"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    defaults = yaml.safe_load((FOLDER / "defaults" / "main.yml").read_text(encoding="utf-8"))
    own = yaml.safe_load((FOLDER / "vars" / "main.yml").read_text(encoding="utf-8"))
    given = {
        "path": os.environ["PATH"],
        "event_stack_show_traces": defaults["event_stack_show_traces"],
        "__event_stack_log_patterns": own["__event_stack_log_patterns"],
    }
    hosts: Dict[str, Dict[str, Any]] = {"plain": given, "shown": {**given, "event_log_show_traces": True}}
    tasks = [
        {
            "name": name,
            "ansible.builtin.debug": {
                "msg": "{{ lookup('ansible.builtin.template', '" + str(FOLDER / "templates" / f"{name}.j2") + "') }}"
            },
        }
        for name in ("log4j2.properties", "log4j.properties")
    ]
    return check(tmp_path_factory.mktemp("logs"), tasks, hosts)


@pytest.mark.parametrize(("case", "show"), [("plain", False), ("shown", True)])
def test_the_patterns_are_written_as_java_reads_them(runs: Dict[str, Outcome], case: str, show: bool) -> None:
    settings = read(runs[case].result("log4j2.properties")["msg"])
    wanted = read("".join(f"{level}={pattern}\n" for level, pattern in log_patterns(show).items()))
    assert settings[f"{LAYOUT}.level.defaultPattern"] == wanted["other"]
    assert (settings[f"{LAYOUT}.level.info.key"], settings[f"{LAYOUT}.level.info.pattern"]) == ("INFO", wanted["info"])
    # Else log4j2 adds every trace in full to a pattern in which it sees none.
    assert settings[f"{LAYOUT}.level.alwaysWriteExceptions"] == "false"
    assert settings["rootLogger.level"] == "INFO"


def test_of_a_trace_log4j_1_writes_one_line(runs: Dict[str, Outcome]) -> None:
    def pattern(case: str) -> str:
        settings = read(runs[case].result("log4j.properties")["msg"])
        assert settings["log4j.appender.console.layout"] == "org.apache.log4j.EnhancedPatternLayout"
        return settings["log4j.appender.console.layout.ConversionPattern"]

    assert pattern("plain") == "%d{ISO8601} %p %m (%c)%n%throwable{short}"
    assert pattern("shown") == "%d{ISO8601} %p %m (%c)%n%throwable"


def test_nothing_dumps_a_heap(runs: Dict[str, Outcome]) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "templates").rglob("*.j2")]
    texts.append((ROOT / "images/event-log/rootfs/usr/local/bin/kafka-class").read_text(encoding="utf-8"))
    assert not [text for text in texts if "HeapDump" in text]
