# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporters of a real broker and a real worker: what they give is what docs/alerts.md tells of, and no more."""

from __future__ import annotations

import fnmatch
import re
import socket
import urllib.request
from pathlib import Path
from typing import Dict, List, Set, Tuple

import pytest
from event_guard import flow

from tests.helpers.fault_site import BROKER_METRICS_PORT, METRICS_PORT, WORKER, Site
from tests.helpers.workers import wait_for

NAME = "metrics"
PAGE = Path(__file__).resolve().parents[3] / "docs/alerts.md"
OF_ITSELF = ("jvm_", "process_", "jmx_")
#: Only where something has happened that does not happen here.
RARE = {"kafka_produce_requests_failed_total", "kafka_fetch_requests_failed_total"}


def documented(head: str) -> Set[str]:
    """The names in the first column of a table, patterns among them."""
    table = PAGE.read_text(encoding="utf-8").partition(f"| {head} | what |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {re.sub(r"[{].*", "", name) for cell in cells for name in re.findall(r"`([a-z_*]{6,}[^`]*)`", cell)}


def figures(port: int) -> flow.Figures:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return flow.parse(answer.read().decode())


def own(port: int) -> Set[str]:
    return {name for name in figures(port) if not name.startswith(OF_ITSELF)}


@pytest.fixture
def running(site: Site) -> Site:
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a')")
    site.register(NAME)
    site.sql("INSERT INTO openmrs.person VALUES (2, 'M', 'b')")
    wait_for("both rows", lambda: {event.key for event in site.events(NAME)} == {1, 2}, 60, WORKER)
    return site


@pytest.mark.parametrize(
    ("head", "port"), [("figure of the broker", BROKER_METRICS_PORT), ("figure of the worker", METRICS_PORT)]
)
def test_what_is_told_of_is_there_and_nothing_else(running: Site, head: str, port: int) -> None:
    told, found = documented(head), own(port)
    assert len(told) > 10
    strangers = sorted(name for name in found if not any(fnmatch.fnmatch(name, one) for one in told))
    missing = sorted(one for one in told - RARE if not fnmatch.filter(found, one))
    assert (strangers, missing) == ([], [])
    assert {"jvm_memory_used_bytes", "jvm_gc_collection_seconds_count"} <= set(figures(port))


def test_the_figures_are_those_of_what_happened(running: Site) -> None:
    broker, worker = figures(BROKER_METRICS_PORT), figures(METRICS_PORT)
    events = float(len(running.events(NAME)))  # other tests have written, too

    def one(found: flow.Figures, name: str, **labels: str) -> List[float]:
        rows: List[Tuple[Dict[str, str], float]] = found[name]
        return [value for given, value in rows if labels.items() <= given.items()]

    topic = f"{NAME}.openmrs.person"
    assert one(broker, "kafka_log_end_offset", topic=topic, partition="0") == [events]
    (size,) = one(broker, "kafka_log_size_bytes", topic=topic, partition="0")
    assert size > 100
    assert one(broker, "kafka_topic_messages_in_total", topic=topic) == [events]
    assert one(broker, "kafka_produce_requests_total")[0] > 2
    assert one(broker, "kafka_offline_log_directories") == [0.0]
    assert one(worker, "connect_task_status", connector=NAME, status="running") == [1.0]
    assert one(worker, "connect_task_source_record_write_total", connector=NAME)[0] >= 2
    assert one(worker, "debezium_streaming_connected", server=NAME) == [1.0]


def test_nobody_else_can_ask_for_them(running: Site) -> None:
    """Both run in this machine's network: its other addresses must not answer."""
    others = {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    others = {address for address in others if not address.startswith("127.")}
    if not others:
        pytest.skip("this machine has no other address")
    for address in others:
        for port in (BROKER_METRICS_PORT, METRICS_PORT):
            with pytest.raises(OSError):  # refused, or filtered
                socket.create_connection((address, port), timeout=3).close()
