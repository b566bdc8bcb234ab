# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the exporter's figures to what is wrong. They are those of Debezium 3.6.0 in states that were tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from event_guard import flow

FIGURES = """\
# HELP debezium_streaming_connected Attribute exposed for management
# TYPE debezium_streaming_connected gauge
connect_task_source_record_poll_total{connector="c1",task="0"} 4.0
connect_task_source_record_write_total{connector="c1",task="0"} 3.0
connect_task_source_record_write_total{connector="other",task="0"} 9.0
debezium_snapshot_snapshotrunning{database="mysql",server="openmrs"} 0.0
debezium_streaming_connected{database="mysql",server="openmrs"} 1.0
debezium_streaming_connected{database="mysql",server="other"} 0.0
debezium_streaming_maxqueuesizeinbytes{database="mysql",server="openmrs"} 3.3554432E7
debezium_streaming_millisecondssincelastevent{database="mysql",server="openmrs"} 4000.0
debezium_streaming_numberofdisconnects{database="mysql",server="openmrs"} 0.0
debezium_streaming_queueremainingcapacity{database="mysql",server="openmrs"} 8192.0
odd{text="a \\"quoted\\", b"} NaN
this is no figure
"""
WELL = flow.Flow(connected=True, event_age=4.0, queue_free=8192, written=3.0)
OURS = flow.Wiring("openmrs", debezium=True, reconnects=False, silence=60.0, heartbeats=True)


def problem(flowing: flow.Flow, wired: flow.Wiring = OURS, away: float = 0, stood: float = 0) -> str:
    return flow.problem(flowing, wired, away, stood, 900)


def test_the_figures_of_a_connector_are_its_own() -> None:
    assert flow.of(flow.parse(FIGURES), "c1", "openmrs") == WELL
    assert flow.of(flow.parse(FIGURES), "other", "other") == flow.Flow(connected=False, written=9.0)
    assert flow.of(flow.parse(""), "c1", "openmrs") == flow.Flow()


def test_before_the_first_event_there_is_no_age_and_after_the_clock_was_set_back_one_below_zero() -> None:
    def age(figure: str) -> object:
        return flow.of(flow.parse(FIGURES.replace(" 4000.0", f" {figure}")), "c1", "openmrs").event_age

    assert age("-1.0") is None
    assert age("-3.15E10") == -31_500_000


def test_labels_are_read_with_what_they_quote() -> None:
    assert flow.parse(FIGURES)["odd"][0][0] == {"text": 'a "quoted", b'}


def test_what_flows_has_no_problem() -> None:
    assert problem(WELL) == ""


def test_a_lost_connection_is_a_problem_at_once_where_nothing_reconnects() -> None:
    lost = replace(WELL, connected=False, disconnects=1)
    assert problem(lost) == flow.LOST
    # Upstream's default tries again by itself.
    assert problem(lost, replace(OURS, reconnects=True), away=100) == ""
    assert problem(lost, replace(OURS, reconnects=True), away=181) == flow.LOST


def test_before_its_first_connection_nothing_is_lost() -> None:
    assert problem(replace(WELL, connected=False, event_age=None)) == ""


def test_a_frozen_database_shows_by_its_silence() -> None:
    assert problem(replace(WELL, event_age=59)) == ""
    assert problem(replace(WELL, event_age=61)) == flow.SILENT


def test_a_full_queue_is_no_silence_of_the_database() -> None:
    assert problem(replace(WELL, event_age=400, queue_free=0)) == ""


def test_what_writes_nothing_not_even_a_heartbeat_stands_still() -> None:
    assert problem(WELL, stood=899) == ""
    assert problem(WELL, stood=901) == flow.STILL
    assert problem(WELL, replace(OURS, heartbeats=False), stood=901) == ""


@pytest.mark.parametrize("bad", [replace(WELL, connected=False, disconnects=1), replace(WELL, event_age=1000)])
def test_a_snapshot_and_what_has_no_figures_are_left_alone(bad: flow.Flow) -> None:
    assert problem(bad) != ""
    assert problem(replace(bad, snapshot=True)) == ""
    assert problem(replace(bad, connected=None)) == ""
    assert problem(bad, replace(OURS, debezium=False)) == ""


def test_the_wiring_is_read_from_the_configuration() -> None:
    ours = {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "topic.prefix": "openmrs",
        "connect.keep.alive": "false",
        "connect.keep.alive.interval.ms": "12500",
        "heartbeat.interval.ms": "10000",
    }
    assert flow.wiring(ours) == flow.Wiring("openmrs", True, False, 60.0, True)
    upstream = {"connector.class": "io.debezium.connector.mysql.MySqlConnector", "topic.prefix": "x"}
    assert flow.wiring(upstream) == flow.Wiring("x", True, True, 288.0, False)
    assert flow.wiring({**upstream, "connect.keep.alive.interval.ms": "much"}).silence == 288.0
    assert not flow.wiring({"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector"}).debezium


def test_progress_counts_from_the_last_change() -> None:
    progress = flow.Progress()
    assert [progress.unchanged("a", figure, clock) for figure, clock in ((1, 0), (1, 10), (2, 20), (2, 25))] == [
        0, 10, 0, 5,
    ]  # fmt: skip
    progress.forget("a")
    assert progress.unchanged("a", 2, 90) == 0
