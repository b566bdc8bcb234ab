# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the two web pages, as data: Kafdrop 4.2 (Spring Boot 3.5) and Kowl 1.5.

Both listen on loopback only and have no login of their own. Read in: Kafdrop's README, ``application.yml`` and
``kafdrop.sh``; Spring Boot's reference, "Monitoring and Management Over HTTP"; Kowl's ``docs/config/kowl.yaml`` and
``backend/pkg/connect``; ``rest/config.go`` of cloudhut/common, from where Kowl's section ``server`` comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

LOOPBACK = "127.0.0.1"
KAFDROP, KOWL = "kafdrop", "kowl"
#: All that there are, in the order in which they stand in the project.
NAMES: Tuple[str, ...] = (KAFDROP, KOWL)
#: What Kafdrop takes beside its heap makes up most of it: 240 MB were measured with a heap of 64 MB, 30 MB for Kowl.
MEASURED_MB = {KAFDROP: 240, KOWL: 30}


class UiError(ValueError):
    """What the inventory says about the web pages cannot be used; the message names variable, value and remedy."""


@dataclass(frozen=True)
class Addresses:
    """Where broker and worker listen on loopback, and the name of the Connect cluster in Kowl."""

    kafka_port: int = 9092
    connect_port: int = 8083
    cluster: str = "event-log"


def wanted(given: object) -> List[str]:
    """Return the web pages of ``event_stack_uis`` in their own order, each once."""
    known = ", ".join(NAMES)
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        raise UiError(f"event_stack_uis is {given!r}: give a list of {known}, or [] for none.")
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        raise UiError(f"event_stack_uis holds {unknown[0]!r}, which is none of {known}: correct or remove it.")
    return [name for name in NAMES if name in given]


def kafdrop_environment(addresses: Addresses, port: int, heap_mb: int, properties_path: str) -> Dict[str, str]:
    """Return the environment of Kafdrop's container; Spring Boot reads its settings from it."""
    return {
        "KAFKA_BROKERCONNECT": f"{LOOPBACK}:{addresses.kafka_port}",
        "KAFKA_PROPERTIES_FILE": properties_path,
        "SERVER_ADDRESS": LOOPBACK,
        "SERVER_PORT": str(port),
        # On the pages' own port. It may then have no address of its own: Spring Boot would refuse to start.
        "MANAGEMENT_SERVER_PORT": str(port),
        "MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE": "health",
        # Otherwise any page that somebody has open could ask Kafdrop for records of patients.
        "CORS_ENABLED": "false",
        "TOPIC_CREATEENABLED": "false",
        "TOPIC_DELETEENABLED": "false",
        "CMD_ARGS": "--topic.createEnabled=false --topic.deleteEnabled=false",
        "JVM_OPTS": f"-Xms{min(heap_mb, 32)}m -Xmx{heap_mb}m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError",
    }


def kafdrop_properties(login: Mapping[str, str]) -> Dict[str, Any]:
    """Return the settings of Kafdrop's Kafka clients, with their login.

    Kafdrop 4.2 has a form that writes events into a topic, and no switch for it. A producer whose requests may hold one
    byte cannot send any record; readers do not know the setting.
    """
    return {"max.request.size": 1, **login}


def kafdrop_health(port: int) -> List[str]:
    """Return the health check: the image has bash and grep, and perhaps nothing that speaks HTTP."""
    request = r"GET /actuator/health HTTP/1.0\r\nHost: localhost\r\n\r\n"
    look = f"exec 3<>/dev/tcp/{LOOPBACK}/{port} && printf '{request}' >&3 && grep -q '^HTTP/1.[01] 200' <&3"
    return ["CMD", "bash", "-c", look]


def kowl_config(addresses: Addresses, port: int, login: Mapping[str, str]) -> Dict[str, Any]:
    """Return Kowl's configuration. It holds passwords: Kowl reads those of clusters from this file only.

    ``login`` is Kowl's ``account`` and ``password`` at the broker, which it cannot hand over with SCRAM (tried with
    Kafka 4.3). A broker without logins gives nothing to be read that the worker's own interface would not let be
    changed: there Kowl gets the worker's ``user`` and ``rest_password``, which can do everything.

    Kowl refuses to start with a key that it does not know.
    """
    kafka: Dict[str, Any] = {"brokers": [f"{LOOPBACK}:{addresses.kafka_port}"]}
    connect: Dict[str, Any] = {"enabled": False}
    if login.get("account"):
        kafka["sasl"] = {
            "enabled": True,
            "mechanism": "PLAIN",
            "username": login["account"],
            "password": login["password"],
        }
    else:
        url = f"http://{LOOPBACK}:{addresses.connect_port}"
        cluster = {"url": url, "username": login.get("user", ""), "password": login.get("rest_password", "")}
        connect = {"enabled": True, "clusters": [{"name": addresses.cluster, **cluster}]}
    return {
        "kafka": kafka,
        "connect": connect,
        "server": {"listenAddress": LOOPBACK, "listenPort": port, "gracefulShutdownTimeout": "5s"},
    }


def kowl_health(port: int) -> List[str]:
    """Return the health check: the image is an Alpine, whose BusyBox has wget."""
    return ["CMD", "wget", "-q", "-T", "5", "-O", "/dev/null", f"http://{LOOPBACK}:{port}/admin/health"]


def left_out(names: Sequence[str], images: Mapping[str, str]) -> List[str]:
    """Say of each web page that it is left out, for its image is not on the host, and what to do."""
    return [
        f"Without {name.capitalize()}: its image {images[name]} is not on this host. The event log goes on without it. "
        f"To have it, bring the image (docs/uis.md) and run again; to do without, take {name} out of event_stack_uis."
        for name in names
    ]


def memory_notes(names: Sequence[str], profile: str) -> List[str]:
    """Warn where Kafdrop is much for the server."""
    if KAFDROP not in names or profile != "clinic":
        return []
    return [
        f"Kafdrop takes about {MEASURED_MB[KAFDROP]} MB of memory, which is much for a server of the profile clinic "
        f"(event_log_profile). Where OpenMRS gets short of it, set event_stack_uis: [kowl]: Kowl takes about "
        f"{MEASURED_MB[KOWL]} MB."
    ]
