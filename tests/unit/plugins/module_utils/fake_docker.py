# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Docker with one Compose project, and a Connect worker in it: what the change of a stack talks to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import yaml

BROKER, WORKER = "event-log-broker", "event-log-connect"
NAMES = [BROKER, WORKER]
SERVICES = {"broker": BROKER, "connect": WORKER}


def compose(image: str = "image:1", **settings: str) -> str:
    """A compose.yaml; a setting belongs to the service of its name."""
    services = {
        name: {"image": image, "container_name": container, "labels": {"setting": settings.get(name, "")}}
        for name, container in SERVICES.items()
    }
    return yaml.safe_dump({"name": "event-log", "services": services})


class FakeDocker:
    """Runs commands as `AnsibleModule.run_command` does. Containers are what `docker inspect` shows of them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (self.secrets / "rest-1.properties").write_text("event-log=password-of-the-worker\n")
        self.port = port
        self.images = {"image:1": "sha256:1", "image:2": "sha256:2"}
        self.containers: Dict[str, Dict[str, Any]] = {}
        self.calls: List[str] = []
        self.broken: List[str] = []  # images with which nothing becomes healthy
        self.down = False
        self.stop_fails = ""  # a service that cannot be stopped
        self.killed_at = ""  # the words of a command at which the run is killed
        self.first_health = "healthy"  # of what comes up
        self.refused: Dict[str, str] = {}  # services that cannot be brought up, and what is said

    def write(self, text: str) -> None:
        (self.project / "compose.yaml").write_text(text)

    def up(self, text: str, only: Sequence[str] = ()) -> bool:
        """What `docker compose up --wait` does, for all services or some; whether all is healthy."""
        good = True
        services = yaml.safe_load(text)["services"]
        for service, settings in services.items():
            if only and service not in only:
                continue
            health = "unhealthy" if settings["image"] in self.broken else self.first_health
            self.containers[settings["container_name"]] = self._described(service, settings, health)
            good = good and health == "healthy"
        return good

    def _described(self, service: str, settings: Dict[str, Any], health: str) -> Dict[str, Any]:
        labels = {
            "com.docker.compose.service": service,
            "com.docker.compose.config-hash": self._hash(settings),
        }
        environment = [f"REST_PORT={self.port}", "REST_LOGIN_FILE=/run/event-log/secrets/rest-1.properties"]
        return {
            "Name": "/" + settings["container_name"],
            "Image": self.images[settings["image"]],
            "State": {"Status": "running", "Health": {"Status": health}},
            "Config": {
                "Image": settings["image"],
                "Labels": labels,
                "Env": environment if service == "connect" else ["PATH=/bin"],
            },
            "Mounts": [{"Destination": "/run/event-log/secrets", "Source": str(self.secrets)}],
        }

    @staticmethod
    def _hash(settings: Any) -> str:
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def health(self, name: str, health: str, status: str = "running") -> None:
        self.containers[name]["State"] = {"Status": status, "Health": {"Status": health}}

    def __call__(self, command: Sequence[str]) -> Tuple[int, str, str]:
        words = list(command)
        self.calls.append(" ".join(words))
        if self.killed_at and self.killed_at in self.calls[-1]:
            raise KeyboardInterrupt
        if words[0] != "docker":
            return 0, "", ""
        if self.down:
            return 1, "", "Cannot connect to the Docker daemon"
        if words[1:3] == ["container", "inspect"]:
            found = [self.containers[name] for name in words[3:] if name in self.containers]
            lost = len(found) < len(words[3:])
            return int(lost), json.dumps(found), "Error: No such container: x" if lost else ""
        if words[1:4] == ["container", "rm", "--force"]:
            del self.containers[words[4]]
            return 0, words[4], ""
        if words[1:3] == ["image", "inspect"]:
            found_id = self.images.get(words[-1], "")
            return (0, found_id + "\n", "") if found_id else (1, "", "No such image")
        return self._compose(words)

    def _compose(self, words: List[str]) -> Tuple[int, str, str]:
        path = Path(words[words.index("--file") + 1]) if "--file" in words else self.project / "compose.yaml"
        text = path.read_text()
        if text == "broken":
            return 1, "", "yaml: this is no mapping"
        project = yaml.safe_load(text)
        if "--hash" in words:
            return 0, "".join(f"{name} {self._hash(s)}\n" for name, s in project["services"].items()), ""
        if "config" in words:
            return 0, json.dumps(project), ""
        if "stop" in words and words[-1] == self.stop_fails:
            return 1, "", "tried to kill container, but did not receive an exit event"
        if "stop" in words:
            self.health(SERVICES[words[-1]], "", "exited")
            return 0, "", ""
        return self._brought_up(words, text, [word for word in words if word in project["services"]])

    def _brought_up(self, words: List[str], text: str, only: List[str]) -> Tuple[int, str, str]:
        refused = [self.refused[word] for word in only if word in self.refused]
        if refused:
            return 1, "", refused[0]
        good = self.up(text, only) or "--wait" not in words
        return (0, "", "") if good else (1, "", "container event-log-connect is unhealthy")

    @property
    def stopped(self) -> List[str]:
        return [call.split()[-1] for call in self.calls if " stop " in call]
