# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project as its file asks for it and as it runs; Docker is asked through one function.

What Compose compares (2.x, ``mustRecreate``): the hash of the service's configuration, which it keeps in the label
``com.docker.compose.config-hash``, and the id of the image that the name means now.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError


class ChangeError(EventLogError):
    """The stack is not as it must be; the message says what was seen."""


@dataclass(frozen=True)
class Container:
    """What matters of one container here."""

    name: str
    service: str
    config_hash: str
    image: str
    image_id: str
    running: bool
    health: str
    environment: Mapping[str, str]
    mounts: Mapping[str, str]
    restarting: bool = False

    @property
    def healthy(self) -> bool:
        return self.running and self.health == "healthy"


def parse_containers(text: str) -> Dict[str, Container]:
    """The containers of ``docker container inspect``, by name."""
    found = {}
    for entry in json.loads(text or "[]"):
        labels, state = entry["Config"].get("Labels") or {}, entry["State"]
        name = str(entry["Name"]).lstrip("/")
        found[name] = Container(
            name=name,
            service=str(labels.get("com.docker.compose.service", "")),
            config_hash=str(labels.get("com.docker.compose.config-hash", "")),
            image=str(entry["Config"].get("Image", "")),
            image_id=str(entry.get("Image", "")),
            running=state.get("Status") == "running",
            health=str((state.get("Health") or {}).get("Status", "")),
            environment=dict(line.partition("=")[::2] for line in entry["Config"].get("Env") or []),
            mounts={str(mount["Destination"]): str(mount["Source"]) for mount in entry.get("Mounts") or []},
            restarting=state.get("Status") == "restarting",
        )
    return found


def parse_hashes(text: str) -> Dict[str, str]:
    """Services of ``docker compose config --hash``, a line each."""
    return dict(line.split(None, 1) for line in text.splitlines() if len(line.split()) == 2)


def differing(containers: Mapping[str, Container], hashes: Mapping[str, str], images: Mapping[str, str]) -> List[str]:
    """Names of the containers that Compose would make anew."""
    return sorted(
        one.name
        for one in containers.values()
        if one.config_hash != hashes.get(one.service, "") or one.image_id != images.get(one.service, one.image_id)
    )


@dataclass(frozen=True)
class Wanted:
    """What a project's file asks for, by service: the hash of its settings, its image's id, its container's name."""

    hashes: Mapping[str, str]
    images: Mapping[str, str]
    names: Mapping[str, str]


def do(run: Run, command: Sequence[str]) -> str:
    code, out, err = run(command)
    if code != 0:
        raise ChangeError(f"{' '.join(command)} failed: {err.strip() or out.strip()}")
    return out


def look(run: Run, names: Sequence[str]) -> Dict[str, Container]:
    """Those of the containers that there are, by name."""
    code, out, err = run(["docker", "container", "inspect", *names])
    if code != 0 and "no such" not in err.lower():
        raise ChangeError(f"the Docker engine does not answer: {err.strip()}")
    try:
        return parse_containers(out)
    except (ValueError, KeyError, TypeError) as error:
        raise ChangeError(f"docker inspect gave something else than containers: {error}") from error


def compose_command(project: Path) -> List[str]:
    return ["docker", "compose", "--ansi", "never", "--project-directory", str(project)]


def image_id(run: Run, reference: str) -> str:
    """The id of an image, empty where the engine does not have it."""
    code, out, _err = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
    return out.strip() if code == 0 else ""


def read_wanted(run: Run, project: Path, compose: str) -> Wanted:
    """Have Compose read a project's file that may not be written yet."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(compose)
        file.flush()
        command = [*compose_command(project), "--file", file.name, "config"]
        hashes = parse_hashes(do(run, [*command, "--hash", "*"]))
        services = json.loads(do(run, [*command, "--format", "json"]))["services"]
    images = {name: image_id(run, str(service["image"])) for name, service in services.items()}
    names = {name: str(service.get("container_name", "")) for name, service in services.items()}
    return Wanted(hashes, {name: found for name, found in images.items() if found}, names)
