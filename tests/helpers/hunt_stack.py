# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hunt asks of the event log itself: Connect's answers, and the bytes of every topic."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from tests.helpers.hunt import Find, Forms
from tests.helpers.places import Place, hunt
from tests.helpers.server import Server

LOG = "/var/lib/event-log/kafka/data/log"
EXPANDED = "/connectors?expand=status&expand=info"


def answers(server: Server) -> dict[str, str]:
    """What the worker says to who may ask it, about each connector and plugin, by the path asked."""
    told: dict[str, Any] = {}
    login = server.login

    def ask(method: str, path: str, body: Any = None) -> Any:
        status, answer = server.request(method, path, body, login)
        told[f"{method} {path}"] = answer
        assert status < 500 or body, f"{path}: {status} {answer}"
        return answer

    ask("GET", "/")
    ask("GET", "/admin/loggers")
    ask("GET", "/connector-plugins?connectorsOnly=false")
    for name, about in ask("GET", EXPANDED).items():
        for what in ("", "/config", "/status", "/tasks", "/tasks-config", "/topics", "/offsets"):
            ask("GET", f"/connectors/{name}{what}")
        config = about["info"]["config"]
        plugin = config["connector.class"].rpartition(".")[2]
        ask("PUT", f"/connector-plugins/{plugin}/config/validate", config)
        # What is refused may be quoted; so is what cannot be reached.
        for spoilt in ({"database.port": "1"}, {"tasks.max": "no number", "database.hostname": ""}):
            ask("PUT", f"/connector-plugins/{plugin}/config/validate", {**config, **spoilt})
    for plugin in ask("GET", "/connector-plugins"):
        ask("GET", f"/connector-plugins/{plugin['class']}/config")
    return {path: json.dumps(answer, ensure_ascii=False) for path, answer in told.items()}


def in_answers(server: Server, forms: Forms) -> list[Find]:
    """What the worker tells of the prey."""
    return [
        find
        for path, text in answers(server).items()
        for find in (forms.found(f"Connect's answer to {path}", text) if text != '""' else [])
    ]


def topics(server: Server, exclude: tuple[str, ...] = ()) -> tuple[Place, ...]:
    """The broker's files as they lie there, and what a consumer makes of them, for batches are compressed.

    `exclude` are beginnings of names of topics.
    """
    printed = [f"--formatter-property=print.{part}=true" for part in ("key", "headers", "timestamp")]
    wanted = [
        name for name in sorted(server.topics()) if not name.startswith(("__consumer", "__transaction", *exclude))
    ]
    consumer = server.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--include", "|".join(re.escape(name) for name in wanted),
        "--from-beginning", "--timeout-ms", "8000", *printed, heap="512m",
    )  # fmt: skip
    unwanted = " ".join(f"! -path {shlex.quote(f'{LOG}/{beginning}*')}" for beginning in exclude)
    return (
        Place("topics, as files", f"find {LOG} -type f {unwanted} -print0", files=True),
        Place("topics, read by a consumer", f"{shlex.join(consumer)} </dev/null"),
    )


def in_topics(server: Server, forms: Forms, exclude: tuple[str, ...] = ()) -> list[Find]:
    """What the topics hold of the prey."""
    return hunt(server, forms, topics(server, exclude))
