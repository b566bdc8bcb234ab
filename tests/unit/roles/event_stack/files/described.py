# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and connectors as Docker and Kafka Connect describe them, cut to what is read of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import stack, worker
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import Seen


def container(
    name: str,
    status: str = "running",
    health: str = "healthy",
    secrets: Optional[Path] = None,
    port: int = 8083,
    **state: Any,
) -> Dict[str, Any]:
    """One entry of `docker container inspect`."""
    mounts = [{"Destination": "/run/event-log/secrets", "Source": str(secrets)}] if secrets else []
    return {
        "Name": f"/{name}",
        "Image": "sha256:1",
        "RestartCount": state.pop("RestartCount", 0),
        "State": {"Status": status, "Health": {"Status": health}, "ExitCode": 0, "OOMKilled": False, **state},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure"}},
        "Config": {
            "Image": "openmrs-event-log:1",
            "Env": [f"REST_PORT={port}", "REST_LOGIN_FILE=/run/event-log/secrets/rest-0123abcd.properties"],
            "Labels": {"com.docker.compose.service": name.rsplit("-", 1)[-1]},
        },
        "Mounts": mounts,
    }


def connector(
    state: str = "RUNNING", tasks: Tuple[str, ...] = ("RUNNING",), trace: str = "", database: str = "openmrs"
) -> Dict[str, Any]:
    """One connector of `/connectors?expand=status&expand=info`."""

    def part(given: str, **more: Any) -> Dict[str, Any]:
        return {
            "state": given,
            "worker_id": "127.0.0.1:8083",
            **more,
            **({"trace": trace} if given == "FAILED" else {}),
        }

    return {
        "status": {
            "name": "openmrs-connector",
            "type": "source",
            "connector": part(state),
            "tasks": [part(each, id=number) for number, each in enumerate(tasks)],
        },
        "info": {"config": {"database.include.list": database}},
    }


BROKER, WORKER = "event-log-broker", "event-log-connect"


def seen(broker: Any = None, connect: Any = None, **more: Any) -> Seen:
    """A host with both containers, healthy unless they are given."""
    both = [entry for entry in (broker or container(BROKER), connect or container(WORKER)) if entry != "none"]
    given = {
        "containers": stack.parse_inspect(json.dumps(both)),
        "connectors": worker.parse({"c": connector()}),
        **more,
    }
    return Seen(
        names=(BROKER, WORKER),
        start_command="sudo systemctl start event-log",
        database="openmrs",
        home="/opt/event-log",
        data_dir="/var/lib/event-log",
        **given,
    )
