# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker's data say against starting it, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_broker as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._host_broker import Kept

KRAFT = subject.Wanted(
    mode="kraft", log_dir="/d/log", zookeeper_dir="/z", cluster_id="one", mode_variable="event_stack_mode",
    directory_variable="event_log_data_dir", cluster_variable="event_stack_cluster_id",
)  # fmt: skip
ZOOKEEPER = replace(KRAFT, mode="zookeeper", cluster_id="")


def sentences(wanted: subject.Wanted, kept: Kept) -> List[str]:
    return [finding.sentence() for finding in subject.findings(wanted, kept)]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (KRAFT, Kept()),
        (KRAFT, Kept("one")),
        (KRAFT, Kept("one", "kraft", marked=True)),
        (KRAFT, Kept("one", "kraft", zookeeper=True, marked=True)),
        (ZOOKEEPER, Kept()),
        (ZOOKEEPER, Kept("any", "zookeeper", zookeeper=True)),
        (ZOOKEEPER, Kept("any", "zookeeper", zookeeper=True, marked=True)),
        (ZOOKEEPER, Kept("", "zookeeper", zookeeper=True)),
    ],
    ids=[
        "nothing", "unmarked", "its own", "what a migration left",
        "nothing with ZooKeeper", "unmarked with ZooKeeper", "its own with ZooKeeper", "a first start cut short",
    ],
)  # fmt: skip
def test_what_may_be_started(wanted: subject.Wanted, kept: Kept) -> None:
    assert sentences(wanted, kept) == []


def test_data_of_another_cluster() -> None:
    assert sentences(KRAFT, Kept("two", "kraft", marked=True)) == [
        "event_stack_cluster_id is 'one': the data in /d/log belong to the cluster two. Set event_stack_cluster_id: "
        "two if these are this site's data, or use another data directory. They are left as they are."
    ]


REST = (
    " for this host, or use another data directory. Bringing data over is a migration of its own (docs/zookeeper.md). "
    "They are left as they are."
)


@pytest.mark.parametrize("marked", [True, False])
def test_the_mode_is_not_switched_on_data_that_are_there(marked: bool) -> None:
    """And nothing else is said: that the id differs follows from it."""
    (back,) = sentences(KRAFT, Kept("two", "zookeeper", zookeeper=True, marked=marked))
    assert back == (
        "event_stack_mode is 'kraft': the data in /d/log are those of a broker with ZooKeeper, which one of the other "
        "kind cannot read. Set event_stack_mode: zookeeper" + REST
    )
    (there,) = sentences(ZOOKEEPER, Kept("one", "kraft", marked=marked))
    assert there == (
        "event_stack_mode is 'zookeeper': the data in /d/log are those of a broker without ZooKeeper (KRaft), which "
        "one of the other kind cannot read. Set event_stack_mode: kraft" + REST
    )
    (alone,) = sentences(KRAFT, Kept("", "zookeeper", zookeeper=True, marked=marked))
    assert "the data in /z are those of a broker with ZooKeeper" in alone


def test_a_disk_that_is_not_mounted() -> None:
    (sentence,) = sentences(KRAFT, Kept(marked=True))
    assert sentence.startswith("event_log_data_dir is '/d/log': this host's broker kept its data there, and now ")
    assert "Is the disk mounted? Mount it and run again." in sentence
    assert "remove the marker file `formatted`" in sentence


def test_with_zookeeper_either_disk_may_be_missing() -> None:
    of_broker, of_zookeeper = sentences(ZOOKEEPER, Kept(marked=True))
    assert of_broker.startswith("event_log_data_dir is '/d/log': this host's broker kept")
    assert of_zookeeper.startswith("event_log_data_dir is '/z': this host's ZooKeeper kept")
    assert sentences(ZOOKEEPER, Kept("", "zookeeper", zookeeper=True, marked=True)) == [of_broker]
    for marked in (True, False):
        assert sentences(ZOOKEEPER, Kept("any", "zookeeper", marked=marked)) == [of_zookeeper]
