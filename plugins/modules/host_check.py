#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Say everything that makes a host unfit, before anything is changed
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Looks at a hold, processor, clock, disk, accounts, directories, ports, memory and an existing broker's data, and
    fails with one message that holds all findings. Each names the variable of the inventory, its value, what was found
    and what to do.
  - Reads only. What is not asked for is not looked at.
attributes:
  check_mode:
    support: full
    description: The same in check mode.
  diff_mode:
    support: none
    description: Nothing is changed.
  platform:
    support: full
    platforms: linux
    description: Reads C(/proc). Needs Python 3.8 or later on the target, nothing else.
options:
  accounts:
    description: System users and groups that a role will make or use.
    type: list
    elements: dict
    default: []
    suboptions:
      kind: {description: What it is., type: str, required: true, choices: [user, group]}
      name: {description: Its name., type: str, required: true}
      number: {description: Its uid or gid., type: int, required: true}
      variable: {description: Variable of the inventory that sets the number., type: str, required: true}
  directories:
    description: Directories that a role will make or use.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The directory., type: path, required: true}
      variable: {description: Variable of the inventory that sets it., type: str, required: true}
      owner: {description: The uid that owns it. Files of somebody else in it are a finding., type: int, required: true}
      owner_variable: {description: Variable of the inventory that sets the owner., type: str, required: true}
      min_free_mb: {description: "Free space that is needed, in MB.", type: int, default: 0}
  disk:
    description: What may be kept in a directory in time. Less room than that is a warning.
    type: dict
    suboptions:
      path: {description: The directory., type: path, required: true}
      variable: {description: Variable of the inventory that sets it., type: str, required: true}
      may_fill_mb: {description: "In MB. V(0) or less is not looked at.", type: int, required: true}
      decided_by: {description: Variables of the inventory that decide it., type: list, elements: str, required: true}
  at_rest:
    description:
      - A directory with patient data. One that is not encrypted on its disk, as far as the kernel shows, is a warning,
        never a finding. dm-crypt at any depth below, fscrypt and file systems that encrypt are seen; disks
        and virtual machines that do are not.
    type: dict
    suboptions:
      path: {description: The directory., type: path, required: true}
      variable: {description: Variable of the inventory that sets it., type: str, required: true}
      silence: {description: Variable of the inventory that switches the warning off., type: str, required: true}
  hold:
    description: Directory whose file C(hold), put there by a person, is a finding with the reason that is in it.
    type: dict
    suboptions:
      home: {description: The directory., type: path, required: true}
      variable: {description: Variable of the inventory that sets it., type: str, required: true}
      guard: {description: "What the guard remembers. If it holds the worker back, that is a finding too.", type: path}
  ports:
    description: TCP ports that a role will listen on, no two of them the same.
    type: list
    elements: dict
    default: []
    suboptions:
      number: {description: The port., type: int, required: true}
      variable: {description: Variable of the inventory that sets it., type: str, required: true}
  architecture:
    description: Processors that the host may have.
    type: dict
    suboptions:
      tested: {description: As C(uname -m) names them., type: list, elements: str, required: true}
      variable: {description: Variable of the inventory that lists them., type: str, required: true}
  clock:
    description:
      - The clock of the control node, that the host's is compared with. Off by more than O(clock.tolerance_s) is a
        finding, off by more than five minutes a warning.
    type: dict
    suboptions:
      now: {description: Seconds since 1970., type: float, required: true}
      earliest:
        description: What no clock that is right says less than, for a host that is its own control node.
        type: float
        default: 0
      variable: {description: Variable of the inventory that sets the tolerance., type: str, required: true}
      tolerance_s: {description: In seconds., type: int, required: true}
  own_containers:
    description: Names of containers whose processes may hold these ports, as they do on a converged host.
    type: list
    elements: str
    default: []
  memory:
    description: Memory that the host must have in all.
    type: dict
    suboptions:
      needed_mb: {description: In MB., type: int, required: true}
      variable: {description: Variable of the inventory that decides it., type: str, required: true}
      value: {description: Value of that variable., type: str, required: true}
  broker:
    description: The broker that is to run, and where its data are. Data of another mode or cluster are a finding.
    type: dict
    suboptions:
      mode: {description: "Whether it runs with ZooKeeper.", type: str, choices: [kraft, zookeeper], default: kraft}
      mode_variable: {description: Variable of the inventory that decides it., type: str, required: true}
      log_dir: {description: Directory with C(meta.properties)., type: path, required: true}
      zookeeper_dir: {description: Directory of ZooKeeper's snapshots., type: path, required: true}
      directory_variable: {description: Variable that sets the data directory., type: str, required: true}
      cluster_id: {description: "The id that is wanted, empty for any.", type: str, required: true}
      cluster_variable: {description: Variable of the inventory that sets the id., type: str, required: true}
      marker: {description: File that this host keeps once it has formatted the directory., type: path, required: true}
"""

EXAMPLES = r"""
- name: Check that the account and the data directory can be had
  openmrs.event_log.host_check:
    accounts:
      - {kind: user, name: kafka, number: 1001, variable: event_log_uid}
    directories:
      - path: /var/lib/event-log/kafka/data
        variable: event_log_data_dir
        owner: 1001
        owner_variable: event_log_uid
        min_free_mb: 2048
"""

RETURN = r"""
formatted:
  description: Whether O(broker.log_dir) holds a formatted cluster. Only with O(broker).
  returned: success
  type: bool
  sample: true
running:
  description: Those of O(own_containers) that run now.
  returned: success
  type: list
  elements: str
  sample: [event-log-broker, event-log-connect]
"""

import functools
import platform
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_broker as broker
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_check as check
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_encryption as encryption
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_read as read
from ansible_collections.openmrs.event_log.plugins.module_utils._host_ports import duplicate_findings


def container_pids(module: AnsibleModule, names: list[str]) -> dict[str, int]:
    """Return the first process of each named container that runs; none where there is no engine yet."""
    docker = module.get_bin_path("docker")
    if not names or docker is None:
        return {}
    template = "{{.Name}} {{.State.Pid}}"
    _rc, out, _err = module.run_command([docker, "container", "inspect", "--format", template, *names])
    lines = [line.split() for line in out.splitlines() if line.strip()]
    return {name.lstrip("/"): int(pid) for name, pid in lines if int(pid) > 0}


def all_containers(module: AnsibleModule) -> list[read.Container]:
    """Return every running container, to name one that is in the way."""
    docker = module.get_bin_path("docker")
    if docker is None:
        return []
    _rc, identifiers, _err = module.run_command([docker, "ps", "--quiet"])
    template = (
        '{{.Name}}\t{{.State.Pid}}\t{{with index .Config.Labels "com.docker.compose.project"}}{{.}}{{end}}\t'
        "{{range .NetworkSettings.Ports}}{{range .}}{{.HostPort}} {{end}}{{end}}"
    )
    if not identifiers.split():
        return []
    _rc, out, _err = module.run_command([docker, "container", "inspect", "--format", template, *identifiers.split()])
    rows = [line.split("\t") for line in out.splitlines() if line.count("\t") == 3]
    return [
        read.Container(name.lstrip("/"), int(pid), project, frozenset(map(int, ports.split())))
        for name, pid, project, ports in rows
    ]


def machine_findings(module: AnsibleModule) -> list[check.Finding]:
    """Say what is wrong with processor and clock, and warn about a clock that is off by minutes."""
    found: list[check.Finding] = []
    wanted, given = module.params["architecture"], module.params["clock"]
    if wanted:
        found += check.architecture_findings(wanted["variable"], wanted["tested"], platform.machine())
    if given:
        clock = check.Clock(time.time(), given["now"], given["variable"], given["tolerance_s"], given["earliest"])
        found += check.clock_findings(clock)
        for warning in check.clock_warnings(clock):
            module.warn(warning)
    return found


def findings(module: AnsibleModule, own_pids: set[int]) -> list[check.Finding]:
    params = module.params
    found = machine_findings(module)
    if params["hold"]:
        home = params["hold"]["home"]
        found += check.hold_findings(params["hold"]["variable"], home, read.hold_reason(Path(home)))
        guard = read.guard_hold(Path(params["hold"]["guard"])) if params["hold"]["guard"] else None
        found += check.guard_findings(params["hold"]["variable"], home, guard)
    if params["disk"] and params["disk"]["may_fill_mb"] > 0:
        for warning in check.disk_warnings(read.read_disk(check.Disk(**params["disk"]))):
            module.warn(warning)
    if params["at_rest"]:
        path, variable, silence = (params["at_rest"][name] for name in ("path", "variable", "silence"))
        for warning in encryption.warnings(variable, path, silence, encryption.at_rest(Path(path))):
            module.warn(warning)
    containers = functools.lru_cache(maxsize=1)(lambda: all_containers(module))
    by_name = {"user": read.users(), "group": read.groups()}
    for item in params["accounts"]:
        names = by_name[item["kind"]]
        wanted = check.Account(item["name"], item["number"], item["variable"], item["kind"])
        found += check.account_findings(wanted, names, {number: name for name, number in names.items()})
    for item in params["directories"]:
        found += check.directory_findings(read.read_directory(check.Directory(**item)))
    found += duplicate_findings([check.Port(item["number"], item["variable"]) for item in params["ports"]])
    for item in params["ports"]:
        found += check.port_findings(read.read_port(check.Port(item["number"], item["variable"]), own_pids, containers))
    if params["memory"]:
        memory = params["memory"]
        found += check.memory_findings(memory["variable"], memory["value"], memory["needed_mb"], read.memory_mb())
    if params["broker"]:
        named = {name: value for name, value in params["broker"].items() if name != "marker"}
        found += broker.findings(broker.Wanted(**named), broker_data(params["broker"]))
    return found


def broker_data(params: dict[str, Any]) -> broker.Kept:
    return read.broker_data(Path(params["log_dir"]), Path(params["zookeeper_dir"]), Path(params["marker"]))


def main() -> None:
    def text() -> dict[str, Any]:
        return {"type": "str", "required": True}

    def number() -> dict[str, Any]:
        return {"type": "int", "required": True}

    def path() -> dict[str, Any]:
        return {"type": "path", "required": True}

    def listing(**options: Any) -> dict[str, Any]:
        return {"type": "list", "elements": "dict", "default": [], "options": options}

    def words() -> dict[str, Any]:
        return {"type": "list", "elements": "str", "required": True}

    now = {"type": "float", "required": True}
    earliest = {"type": "float", "default": 0}
    kinds = {"type": "str", "required": True, "choices": ["user", "group"]}
    modes = {"type": "str", "choices": [broker.KRAFT, broker.ZOOKEEPER], "default": broker.KRAFT}
    data = {"log_dir": path(), "zookeeper_dir": path(), "marker": path(), "directory_variable": text()}
    cluster = {"mode": modes, "mode_variable": text(), "cluster_id": text(), "cluster_variable": text()}
    module = AnsibleModule(
        argument_spec={
            "accounts": listing(kind=kinds, name=text(), number=number(), variable=text()),
            "directories": listing(
                path=path(),
                variable=text(),
                owner=number(),
                owner_variable=text(),
                min_free_mb={"type": "int", "default": 0},
            ),
            "ports": listing(number=number(), variable=text()),
            "architecture": {"type": "dict", "options": {"tested": words(), "variable": text()}},
            "clock": {
                "type": "dict",
                "options": {"now": now, "earliest": earliest, "variable": text(), "tolerance_s": number()},
            },
            "disk": {
                "type": "dict",
                "options": {"path": path(), "variable": text(), "may_fill_mb": number(), "decided_by": words()},
            },
            "at_rest": {"type": "dict", "options": {"path": path(), "variable": text(), "silence": text()}},
            "hold": {"type": "dict", "options": {"home": path(), "variable": text(), "guard": {"type": "path"}}},
            "own_containers": {"type": "list", "elements": "str", "default": []},
            "memory": {"type": "dict", "options": {"needed_mb": number(), "variable": text(), "value": text()}},
            "broker": {"type": "dict", "options": {**data, **cluster}},
        },
        supports_check_mode=True,
    )
    running = container_pids(module, module.params["own_containers"])
    found = findings(module, set(running.values()))
    if found:
        module.fail_json(msg=check.message(found), findings=[finding.sentence() for finding in found])
    result: dict[str, Any] = {"changed": False, "running": sorted(running)}
    if module.params["broker"]:
        result["formatted"] = bool(broker_data(module.params["broker"]).cluster_id)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
