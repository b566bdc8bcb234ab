# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S311 - made-up data
"""A network of made-up sites that answer on this machine: most are well, some ill, some away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("obs", "person", "person_name", "patient", "encounter", "visit")
AWAY_EVERY = 9  # each so manieth site does not answer
GIB = 2**30


def overview(name: str, chance: Random, now: datetime, past: int = 400) -> dict[str, Any]:
    """What ``event-log overview --json`` says on such a site, with a past of so many days."""
    size, used = 50 * GIB, 18 * GIB
    days, by_table = [], []
    for number in range(past):
        day = f"{now - timedelta(days=past - 1 - number):%Y-%m-%d}"
        used += chance.randint(0, 60) * 2**20
        tables = {f"openmrs.openmrs.{table}": chance.randint(0, 900) for table in TABLES}
        days.append([day, used, size, sum(tables.values())])
        by_table.append([day, tables])
    verdict = chance.choice(["ok"] * 6 + ["ill", "held", "down"])
    bad = {
        "id": "exited",
        "verdict": verdict,
        "what": "Down: Kafka Connect has stopped.",
        "remedy": "See why: docker logs.",
    }

    def later(days: float) -> str:
        return f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z"

    moment = later(0)
    return {
        "format": 1,
        "site": name,
        "at": moment,
        "verdict": verdict,
        "sentence": "Running: all is read." if verdict == "ok" else f"{bad['what']} {bad['remedy']}",
        "findings": [] if verdict == "ok" else [bad],
        "connectors": [{"name": "openmrs-connector", "state": "RUNNING", "tasks": ["RUNNING"]}],
        "image": "openmrs-event-log:1",
        "lag": {"heartbeat_age_seconds": chance.randint(1, 4000), "newest_event": moment},
        "disk": {
            "free": size - used,
            "size": size,
            "free_percent": 100 * (size - used) / size,
            "limits": {"drop": 10.0, "stop": 5.0, "reserve": 3.0},
            "bytes": {"events": 9 * GIB, "kafka": GIB, "reserve": GIB, "others": used - 11 * GIB},
            "forecast": {"days": chance.choice([None, 12.0, 80.0, 9000.0])},
        },
        "topics": [
            {
                "topic": f"openmrs.openmrs.{table}",
                "events": 900,
                "bytes": chance.randint(10**4, 10**9),
                "newest": moment,
            }
            for table in TABLES
        ],
        "days": days,
        "events_by_table": by_table[-31:],
        "guard": {
            "recent": [{"time": moment, "act": "restart", "about": "openmrs-connector", "reason": "it failed"}] * 10
        },
        "binlog_since": later(-chance.randint(1, 30)),
        **upkeep(name, chance, later),
        "error": None,
        "text": "Running: all is read.",
    }


def upkeep(name: str, chance: Random, later: Callable[[float], str]) -> dict[str, Any]:
    """What goes wrong only later, with readers and versions; some certificates have ended, some outages were long."""
    outage, back = chance.randint(600, 20 * 86400), chance.randint(21, 60)
    secrets = "/opt/event-log/secrets/connect"
    return {
        "groups": [
            {
                "group": f"{kind}-of-{name}",
                "events": chance.choice([0, chance.randint(1, 10**6), None]),
                "since": later(-chance.random() * 9),
                "connected": chance.random() < 0.8,
            }
            for kind in ("warehouse", "laboratory", "reports")
        ],
        "certificates": [
            {"what": what, "where": where, "until": later(chance.randint(-3, 900)), "verified": what != "database"}
            for what, where in (
                ("authority", "/etc/ssl/hospital-ca.pem"),
                ("truststore", f"{secrets}/database-ca-0badcafe.jks"),
                ("database", f"{name}.example:3306"),
            )
        ],
        "backup": {
            "file": f"/var/backups/event-log/event-log-{name}-20260301T021500Z.tar.zst.age",
            "bytes": chance.randint(10**7, 10**10),
            "made": later(-chance.randint(0, 60)),
            "days": 31,
        },
        "headroom": {
            "expiry_seconds": chance.choice([0, 14 * 86400, 30 * 86400]),
            "kept_seconds": 14 * 86400,
            "longest_outage": [later(-back), later(-back + outage / 86400)],
            "longest_outage_seconds": outage,
        },
        "versions": {"image": "openmrs-event-log:1", "kafka": "4.3.1", "debezium": "3.6.0", "database": "mysql 8.0.40"},
    }


def inventory(folder: Path, count: int, seed: int = 1) -> Path:
    """Make the sites: a command for each, and an inventory that knows them."""
    chance, now = Random(seed), datetime.now(timezone.utc)
    hosts: dict[str, dict[str, Any]] = {}
    for number in range(1, count + 1):
        name = f"clinic-{number:02d}"
        if number % AWAY_EVERY == 0:
            hosts[name] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
            continue
        command = folder / name
        command.with_suffix(".json").write_text(json.dumps(overview(name, chance, now)), encoding="utf-8")
        command.write_text(f"#!/bin/sh\nexec cat {command}.json\n", encoding="utf-8")
        command.chmod(0o755)
        hosts[name] = {"ansible_connection": "local", "fleet_status_command": str(command)}
    common = {"ansible_python_interpreter": sys.executable, "event_log_status_dir": str(folder / "page")}
    path = folder / "hosts.json"
    path.write_text(json.dumps({"all": {"vars": common, "hosts": hosts}}), encoding="utf-8")
    return path


def ask(hosts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook for all of them."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache")}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(hosts), "openmrs.event_log.status"]
    return subprocess.run(
        [*command, *arguments],
        cwd=hosts.parent, env={**own, **settings}, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
