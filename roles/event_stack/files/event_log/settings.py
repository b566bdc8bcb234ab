# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that the role writes to ``config/event-log.json``, beside ``lib/`` where this package lies."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from . import progress
from .errors import EventLogError

ENVIRONMENT_VARIABLE = "EVENT_LOG_SETTINGS"
SERVICES = ("broker", "connect")
CONNECT_TOPICS = ("event-log-connect-configs", "event-log-connect-offsets", "event-log-connect-status")


@dataclass(frozen=True)
class Settings:
    """Where the event log of this host is, and which image its tools run in."""

    home: Path
    image: str
    bootstrap: str
    data_dir: Path
    project: str
    uid: int
    gid: int
    database: str
    topic_prefix: Optional[str] = None
    internal_topics: Tuple[str, ...] = CONNECT_TOPICS
    uis: Tuple[str, ...] = ()
    services: Tuple[str, ...] = SERVICES  # in the order in which they start, the worker last
    client_dir: Optional[Path] = None  # with client.properties for Kafka's tools; older settings have none
    logins: bool = False  # whether the broker asks for one
    guarded: bool = False  # whether the guard starts the worker, and nobody else
    language: str = "en"
    progress_dir: Path = progress.DIRECTORY  # where long work says how far it is

    @property
    def own_topics(self) -> str:
        """How the names of the topics of the site's own connector begin."""
        return f"{self.topic_prefix}.{self.database}." if self.topic_prefix else ""

    def start_command(self) -> str:
        """What an administrator types to start the event log on this host."""
        if Path("/run/systemd/system").is_dir():
            return "sudo systemctl start event-log"
        return f"sudo docker compose --project-directory {self.home} up -d --no-recreate"

    def not_answering(self) -> str:
        """The sentence for a broker that cannot be reached."""
        hold = self.home / "hold"
        if hold.exists():
            return (
                f"Kafka does not answer at {self.bootstrap}, and somebody put the event log on hold: see {hold}. "
                f"When the reason is gone, remove that file and start it: {self.start_command()}"
            )
        return (
            f"Kafka does not answer at {self.bootstrap}. Start the event log: {self.start_command()}\n"
            f"If it was started already, see why it stopped: sudo docker logs --tail 50 {self.project}-broker"
        )


def path_of_settings(environ: Mapping[str, str]) -> Path:
    """The file named in EVENT_LOG_SETTINGS, else the one of the installation that this package belongs to."""
    named = environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    return Path(__file__).resolve().parents[2] / "config" / "event-log.json"


def from_mapping(data: Any, path: Path) -> Settings:
    """Check what was read; every fault is named together with the file."""
    if not isinstance(data, dict):
        raise EventLogError(f"{path} is not a JSON object. Run the playbook site.yml again: it writes this file.")
    wanted = ("image", "bootstrap", "data_dir", "project", "uid", "gid", "database")
    missing = [key for key in wanted if data.get(key) in (None, "")]
    if missing:
        raise EventLogError(
            f"{path} does not say: {', '.join(missing)}. Run the playbook site.yml again: it writes this file."
        )
    try:
        uid, gid = int(data["uid"]), int(data["gid"])
    except (TypeError, ValueError):
        raise EventLogError(f"{path}: uid and gid must be numbers. Run the playbook site.yml again.") from None
    return Settings(
        home=path.resolve().parent.parent,
        image=str(data["image"]),
        bootstrap=str(data["bootstrap"]),
        data_dir=Path(str(data["data_dir"])),
        project=str(data["project"]),
        uid=uid,
        gid=gid,
        database=str(data["database"]),
        topic_prefix=str(data["topic_prefix"]) if data.get("topic_prefix") else None,
        internal_topics=tuple(str(topic) for topic in data.get("internal_topics", CONNECT_TOPICS)),
        uis=tuple(str(name) for name in data.get("uis", ())),
        services=tuple(str(service) for service in data.get("services", SERVICES)),
        client_dir=Path(str(data["client_dir"])) if data.get("client_dir") else None,
        logins=data.get("logins") is True,
        guarded=data.get("guarded") is True,
        language=str(data.get("language") or "en"),
        progress_dir=Path(str(data.get("progress_dir") or progress.DIRECTORY)),
    )


def load(environ: Optional[Mapping[str, str]] = None) -> Settings:
    """Read the settings of this host."""
    path = path_of_settings(os.environ if environ is None else environ)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EventLogError(
            f"There are no settings at {path}: the event log is not installed here (playbook site.yml installs it), "
            f"or it lies elsewhere (then name its file in {ENVIRONMENT_VARIABLE})."
        ) from None
    except PermissionError:
        raise EventLogError(f"You may not read {path}. Use sudo: sudo event-log …") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise EventLogError(f"{path} is not valid JSON ({error}). Run the playbook site.yml again.") from None
    return from_mapping(data, path)
