# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of molecule's scenario `hospital`: reached over SSH from here, and from which nothing else is reached."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.playbooks import CAPTURE_LOOKUP
from tests.helpers.server import Server, ServerError

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ROOT / ".cache" / "test"
RIG = CARRIED / "hospital"  # as molecule/hospital/tasks/server.yml makes it
INVENTORY = ROOT / "molecule" / "hospital" / "inventory"
USER = "provisioning"


@dataclass(frozen=True)
class Site(Server):
    """A server that an administrator reaches over SSH. What Server offers looks at it from its own screen."""

    @property
    def address(self) -> str:
        return (RIG / "addresses" / self.name).read_text(encoding="utf-8").strip()

    def ssh_words(self, user: str = USER) -> list[str]:
        return [
            "ssh", "-F", "none", "-i", str(RIG / "key"), "-o", f"UserKnownHostsFile={RIG / 'known_hosts'}",
            "-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
            "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=10", f"{user}@{self.address}",
        ]  # fmt: skip

    def ssh(self, *words: str, check: bool = True, timeout: float = 60) -> str:
        done = subprocess.run(
            [*self.ssh_words(), shlex.join(words)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise ServerError(f"{shlex.join(words)} over SSH: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @property
    def bridge(self) -> str:
        """The control node's interface on the server's network."""
        networks = "{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}"
        found = subprocess.run(
            ["docker", "inspect", "-f", networks, self.name], capture_output=True, text=True, check=True
        )
        return f"br-{found.stdout.strip()[:12]}"

    def received(self) -> int:
        """Bytes that came over its network so far."""
        return int(self.exec("cat", "/sys/class/net/eth0/statistics/rx_bytes"))

    @property
    def variables(self) -> dict[str, Any]:
        """What the scenario's inventory says of this server, as one dictionary."""
        found: dict[str, Any] = {}
        for path in ("group_vars/all.yml", "group_vars/sites.yml", f"host_vars/{self.name}.yml"):
            if (INVENTORY / path).is_file():
                found.update(yaml.safe_load((INVENTORY / path).read_text(encoding="utf-8")))
        return {**found, "event_log_capture_password": CAPTURE_LOOKUP, "carried": str(CARRIED)}


CLINIC = Site("eventlog-test-clinic")
DISTRICT = Site("eventlog-test-district")
OFFLINE = Site("eventlog-test-offline")


def hosts(*sites: Site, sudo: bool = False) -> list[str]:
    """The servers as testinfra names them: over SSH, by a configuration that an administrator could have."""
    chosen = sites or (CLINIC, DISTRICT)
    lines = [
        f"Host {site.name}\n  HostName {site.address}\n  User {USER}\n  IdentityFile {RIG / 'key'}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {RIG / 'known_hosts'}\n"
        f"  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        for site in chosen
    ]
    path = RIG / f"ssh_config-{'-'.join(site.name for site in chosen)}"
    path.write_text("".join(lines), encoding="utf-8")
    return [f"ssh://{site.name}?ssh_config={path}{'&sudo=true' if sudo else ''}" for site in chosen]
