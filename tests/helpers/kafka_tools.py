# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of one of Kafka's own tools, run on a test server with the login that the server wants.

It runs in a container of its own: outside the broker's memory limit, with secrets that no service has, and also
beside a broker of 3.9, whose image has no tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional

HOME = "/opt/event-log"
SETTINGS = f"{HOME}/config/event-log.json"  # of the host command; it says what the broker is like
SECRETS = "/run/event-log/secrets"
ADMIN = "127.0.0.1:9094"
#: For a program that lives for seconds: neither time for good code nor threads that collect garbage pay off.
SHORT = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class Account:
    """Who a tool is for the broker: where it knocks, and the directory on the host that holds its client.properties."""

    bootstrap: str
    directory: Optional[str] = None


def account(settings: Mapping[str, Any]) -> Account:
    """Who may do everything: anybody where the broker knows no logins, else the service's own account."""
    if settings.get("logins"):
        return Account(ADMIN, f"{HOME}/secrets/admin")
    return Account(str(settings["bootstrap"]))


def command(settings: Mapping[str, Any], who: Account, main: str, *words: str, heap: str = "256m") -> tuple[str, ...]:
    """The words that run this main class as that account."""
    login = (
        ("--volume", f"{who.directory}:{SECRETS}:ro", "--user", f"{settings['uid']}:{settings['gid']}")
        if who.directory
        else ()
    )
    config = ("--command-config", f"{SECRETS}/client.properties") if who.directory else ()
    return (
        "docker", "run", "--rm", "--interactive", "--network", "host", "--read-only", "--tmpfs", "/tmp:exec,size=64m",
        *login, "--env", f"KAFKA_HEAP_OPTS=-Xmx{heap} {SHORT}", settings["image"], "kafka-class", main,
        "--bootstrap-server", who.bootstrap, *config, *words,
    )  # fmt: skip
