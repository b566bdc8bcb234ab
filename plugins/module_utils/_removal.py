# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the event log taken off a host: a look first, and then exactly what the look has shown.

Programs are started through one function. Containers are found by the label of their Compose project, so that those
of services which no file names any more go too.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _removal_trees as trees
from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

MB = 1000 * 1000
#: What the marker says where the broker has made its data by itself.
_BY_ITSELF = "with ZooKeeper"
_LISTED = '{{.Names}}\t{{.State}}\t{{.Label "com.docker.compose.project.working_dir"}}'


class RemovalError(EventLogError):
    """The removal cannot be, or broke off."""


@dataclass(frozen=True)
class Project:
    """A Compose project: its directory, its name, and its containers in the order in which they start."""

    directory: Path
    name: str
    order: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """A user and a group as a role makes them."""

    user: str
    group: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Cluster:
    """A broker's data, and the file in which this host keeps whose they are."""

    properties: Path
    marker: Path


@dataclass(frozen=True)
class Wanted:
    """What a role may remove. The first of ``units`` is started and stopped, the others are its helpers."""

    project: Optional[Project] = None
    units: Tuple[Path, ...] = ()
    files: Tuple[Path, ...] = ()
    trees: Tuple[trees.Tree, ...] = ()
    account: Optional[Account] = None
    cluster: Optional[Cluster] = None


@dataclass(frozen=True)
class Step:
    """One thing that goes: what it is, in words, and how."""

    what: str
    act: Callable[[], None]


class Removal:
    """Looks at what is there of what is wanted away, and removes it."""

    def __init__(self, run: Run, wanted: Wanted, systemd: Optional[bool] = None) -> None:
        self._run = run
        self._wanted = wanted
        self._systemd = Path("/run/systemd/system").is_dir() if systemd is None else systemd
        self.stays: List[str] = []

    def plan(self) -> List[Step]:
        """Return what goes, in order; what is found and stays is in ``stays``. Raises where nothing may be touched."""
        wanted = self._wanted
        if wanted.cluster:
            check_cluster(wanted.cluster)
        steps = [*self._unit(), *self._containers()]
        steps += [Step(str(path), path.unlink) for path in wanted.files if path.is_file() or path.is_symlink()]
        for tree in wanted.trees:
            steps += self._tree(tree)
        return [*steps, *self._account()]

    # systemd

    def _unit(self) -> List[Step]:
        there = [path for path in self._wanted.units if path.is_file()]
        if not there:
            return []
        return [Step(f"{'unit' if len(there) == 1 else 'units'} {_listed(p.name for p in there)}", self._drop_units)]

    def _drop_units(self) -> None:
        """The unit stops its containers in their order. Where systemd does not run there is nobody to tell."""
        first = self._wanted.units[0]
        if self._systemd:
            if first.is_file():
                self._do(["systemctl", "disable", first.name])
            helpers = [path.name for path in self._wanted.units if path.is_file()]
            self._do(["systemctl", "stop", *reversed(helpers)])
        for path in self._wanted.units:
            if path.is_file():
                path.unlink()
        if self._systemd:
            self._do(["systemctl", "daemon-reload"])
            self._run(["systemctl", "reset-failed", first.name])  # an error where it has not failed

    # Docker

    def _containers(self) -> List[Step]:
        project = self._wanted.project
        if project is None or shutil.which("docker") is None:
            return []
        label = f"label=com.docker.compose.project={project.name}"
        code, out, err = self._run(["docker", "ps", "--all", "--filter", label, "--format", _LISTED])
        if code != 0:
            if not (project.directory / "compose.yaml").is_file():
                return []
            raise RemovalError(
                "the Docker engine does not answer, and without it the containers cannot be removed. Nothing was "
                f"changed; start it and run again. It says: {err.strip()}"
            )
        listed = [line.split("\t") for line in out.splitlines() if line.count("\t") == 2]
        strangers = [name for name, _state, place in listed if not _same(place, project.directory)]
        if strangers:
            raise RemovalError(
                f"{_listed(strangers)} belongs to a Compose project {project.name} of another directory, and nothing "
                "was changed. If that is the event log of former days, event_log_home must name that directory"
            )
        # The last to start is the first to stop; whoever is not known of comes before.
        names = sorted((name for name, _state, _place in listed), key=lambda name: _rank(name, project.order))
        states = {name: state for name, state, _place in listed}
        return [Step(f"container {name} ({states[name]})", self._drop(name)) for name in names]

    def _drop(self, name: str) -> Callable[[], None]:
        def act() -> None:
            self._do(["docker", "stop", name])
            self._do(["docker", "rm", name])

        return act

    # files

    def _tree(self, tree: trees.Tree) -> List[Step]:
        try:
            found = trees.look(tree)
        except OSError as error:
            raise RemovalError(f"{error.filename} cannot be read: {error.strerror}. Nothing was changed") from error
        if found.foreign:
            self.stays.append(f"{tree.path}, because of what is not ours in it: {_listed(map(str, found.foreign))}")
        if not found.goes:
            return []
        return [Step(tree_told(found), lambda: trees.remove(found))]

    # account

    def _account(self) -> List[Step]:
        account = self._wanted.account
        if account is None:
            return []
        steps = []
        user, group = self._entry("passwd", account.user), self._entry("group", account.group)
        ours = user[2:4] == [str(account.uid), str(account.gid)] and user[5:6] == ["/nonexistent"]
        if user and not ours:
            self.stays.append(f"the user {account.user}, which is not as the event log makes it")
        elif user:
            steps.append(Step(f"user {account.user}", lambda: self._drop_account("passwd", "userdel", account.user)))
        members = [name for name in "".join(group[3:4]).split(",") if name and name != account.user]
        if group and (group[2:3] != [str(account.gid)] or members or (user and not ours)):
            self.stays.append(f"the group {account.group}, which is not as the event log makes it")
        elif group:
            # Some systems remove the group with its user.
            steps.append(Step(f"group {account.group}", lambda: self._drop_account("group", "groupdel", account.group)))
        return steps

    def _drop_account(self, database: str, program: str, name: str) -> None:
        if self._entry(database, name):
            self._do([program, name])

    def _entry(self, database: str, name: str) -> List[str]:
        code, out, _err = self._run(["getent", database, name])
        return out.strip().split(":") if code == 0 and out.strip() else []

    def _do(self, command: Sequence[str]) -> None:
        # Logins without sudo may not have the directories of an administrator's programs.
        found = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        code, out, err = self._run([found or command[0], *command[1:]])
        if code != 0:
            raise RemovalError(f"{' '.join(command)} failed: {err.strip() or out.strip()}")


def carry_out(steps: Sequence[Step]) -> None:
    """Do what a plan says, in its order; a failure says how far it came."""
    done: List[str] = []
    for step in steps:
        try:
            step.act()
        except (OSError, RemovalError) as error:
            before = f" Removed before: {_listed(done)}." if done else ""
            told = f"{step.what} could not be removed: {error}.{before} Run again when it is mended"
            raise RemovalError(told) from error
        done.append(step.what)


def check_cluster(cluster: Cluster) -> None:
    """Refuse data that this host has not formatted or taken over: the marker says which it has."""
    there, known = _cluster_id(cluster.properties), _cluster_id(cluster.marker)
    if there and known not in (there, _BY_ITSELF):
        raise RemovalError(
            f"{cluster.properties.parent} holds the data of the cluster {there}, and this host's own is "
            f"{known or 'not known'} ({cluster.marker}): these data are not the event log's, so nothing was changed. "
            "Remove them by hand if they are yours"
        )


def tree_told(found: trees.Found) -> str:
    """Return in words what goes of a tree."""
    size = f"{found.size / MB:.1f} MB"
    if found.tree.wipe:
        size = f"{size if found.size >= MB else f'{found.size} bytes'}, overwritten first"
    if found.shared:
        size = f"{size} but for {found.shared} file{'s' * (found.shared != 1)} with another name elsewhere"
    if found.topics:
        size = f"{len(found.topics)} topic{'s' * (len(found.topics) != 1)}, {size}"
    if found.whole:
        return f"{found.tree.path} ({size})"
    return f"of {found.tree.path}: {_listed(found.names()) or 'empty directories'} ({size})"


def wanted(params: Mapping[str, Any]) -> Wanted:
    """Return the module's parameters as what they mean."""
    project, account, cluster = (params[name] for name in ("project", "account", "cluster"))
    return Wanted(
        project and Project(Path(project["directory"]), project["name"], tuple(project["order"])),
        tuple(map(Path, params["units"])),
        tuple(map(Path, params["files"])),
        tuple(
            trees.Tree(
                Path(tree["path"]),
                tuple(tree["own"]),
                tuple(tree["kept"]),
                tree["owner"],
                tree["wipe"],
                tuple(tree.get("roots") or ()),
            )
            for tree in params["trees"]
        ),
        account and Account(account["user"], account["group"], account["uid"], account["gid"]),
        cluster and Cluster(Path(cluster["properties"]), Path(cluster["marker"])),
    )


def result(steps: Sequence[Step], stays: Sequence[str]) -> Dict[str, Any]:
    """Return what the module returns."""
    return {"changed": bool(steps), "gone": [step.what for step in steps], "stays": list(stays)}


def _cluster_id(path: Path) -> str:
    """The id in ``meta.properties``, or in a file that holds nothing else; empty where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RemovalError(f"{path} cannot be read: {error.strerror}. Nothing was changed") from error
    for line in text.splitlines():
        if line.startswith("cluster.id="):
            return line.partition("=")[2].strip()
    return "" if path.suffix == ".properties" else text.strip()


def _same(place: str, directory: Path) -> bool:
    return not place or os.path.realpath(place) == os.path.realpath(directory)


def _rank(name: str, order: Sequence[str]) -> Tuple[int, str]:
    return (-order.index(name) if name in order else -len(order) - 1, name)


def _listed(names: Any) -> str:
    listed = list(names)
    shown = listed[:6] + ([f"{len(listed) - 6} more"] if len(listed) > 6 else [])
    return ", ".join(shown)
