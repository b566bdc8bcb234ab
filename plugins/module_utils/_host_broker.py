# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker's data on a host say against starting it: pure functions over what ``_host_read`` saw."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.openmrs.event_log.plugins.module_utils._host_check import Finding

#: Ways in which a broker keeps what it knows of its cluster, and how to call one's data.
KRAFT, ZOOKEEPER = "kraft", "zookeeper"
_CALLED = {KRAFT: "a broker without ZooKeeper (KRaft)", ZOOKEEPER: "a broker with ZooKeeper"}


@dataclass(frozen=True)
class Wanted:
    """What is to be started, with the variables of the inventory that decide it. No ``cluster_id``: any will do."""

    mode: str
    log_dir: str
    zookeeper_dir: str
    cluster_id: str
    mode_variable: str
    directory_variable: str
    cluster_variable: str


@dataclass(frozen=True)
class Kept:
    """What lies there. ``mode`` is empty where there are no data, or none that say it."""

    cluster_id: str = ""
    mode: str = ""
    zookeeper: bool = False
    #: This host remembers that there were data.
    marked: bool = False


def findings(wanted: Wanted, kept: Kept) -> list[Finding]:
    """Data of the other mode come first: what else is wrong with them follows from that."""
    return _of_the_mode(wanted, kept) or [*_of_the_cluster(wanted, kept), *_of_what_is_gone(wanted, kept)]


def _of_the_mode(wanted: Wanted, kept: Kept) -> list[Finding]:
    if kept.mode in ("", wanted.mode):
        return []
    place = wanted.log_dir if kept.cluster_id or kept.mode == KRAFT else wanted.zookeeper_dir
    return [
        Finding(
            wanted.mode_variable,
            wanted.mode,
            f"the data in {place} are those of {_CALLED[kept.mode]}, which one of the other kind cannot read.",
            f"Set {wanted.mode_variable}: {kept.mode} for this host, or use another data directory. "
            "Bringing data over is a migration of its own (docs/zookeeper.md). They are left as they are.",
        )
    ]


def _of_the_cluster(wanted: Wanted, kept: Kept) -> list[Finding]:
    """Refuse data of another cluster; they are taken over only when the inventory names their id."""
    if not wanted.cluster_id or kept.cluster_id in ("", wanted.cluster_id):
        return []
    return [
        Finding(
            wanted.cluster_variable,
            wanted.cluster_id,
            f"the data in {wanted.log_dir} belong to the cluster {kept.cluster_id}.",
            f"Set {wanted.cluster_variable}: {kept.cluster_id} if these are this site's data, or use another data "
            "directory. They are left as they are.",
        )
    ]


def _of_what_is_gone(wanted: Wanted, kept: Kept) -> list[Finding]:
    """Refuse to begin a second time: a lost mount looks like an empty directory."""
    found = []
    if kept.marked and not kept.cluster_id:
        found.append(_gone("broker", wanted.directory_variable, wanted.log_dir))
    # What the broker keeps without a ZooKeeper that knows of it cannot be opened.
    if wanted.mode == ZOOKEEPER and not kept.zookeeper and (kept.marked or kept.cluster_id):
        found.append(_gone("ZooKeeper", wanted.directory_variable, wanted.zookeeper_dir))
    return found


def _gone(whose: str, variable: str, path: str) -> Finding:
    return Finding(
        variable,
        path,
        f"this host's {whose} kept its data there, and now the directory is empty. Is the disk mounted?",
        "Mount it and run again. If the data are truly gone and it may start anew, "
        "remove the marker file `formatted` from the project's directory.",
    )
