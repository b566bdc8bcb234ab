# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker says about its connectors, by one request."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Tuple

from .errors import EventLogError
from .stack import SECRETS, Container

_SECONDS = 4.0
_CLASSES = 4
# A line of a trace that begins with an exception, by Java's way to name things; of a message's own lines none passes.
_KIND = re.compile(
    r"(?m)^\s*(?:Caused by: )?((?:[a-z]\w*\.)+(?:[A-Z][\w$]*)?(?:Exception|Error|Failure|Throwable))(?=:|\s*$)"
)
# What is said of a trace in which one of the phrases stands, in lower case. The first that fits is the most telling.
_CAUSES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("the disk is full", ("no space left on device",)),
    ("out of memory", ("outofmemoryerror",)),
    ("the database refuses the login", ("access denied for user", "error code: 1045")),
    ("the capture account lacks a right", ("access denied; you need", "error code: 1227")),
    (
        "the database no longer has the binary log from which it must go on",
        (
            "no longer available on the server",
            "could not find first log file name",
            "purged required binary logs",
            "purged binary logs containing gtids",
            "position > file size",
            "error code: 1236",
        ),
    ),
    ("another reader uses the same server id", ("slave with the same server_uuid/server_id",)),
    ("the schema history is missing", ("history topic is missing",)),
    ("a table's structure is not in the schema history", ("whose schema isn't known to this connector",)),
    ("the binary log does not hold whole rows", ("row binlog_format", "binlog_row_image")),
    ("the database is not known there", ("unknown database",)),
    ("the certificate of the other side is not trusted", ("pkix path", "unable to find valid certification path")),
    ("the database's name is not found", ("unknownhostexception",)),
    ("the database cannot be reached", ("communications link failure", "connection refused", "connect timed out")),
    ("an event is too large for Kafka", ("recordtoolargeexception",)),
)


class WorkerError(EventLogError):
    """The worker gave no usable answer; the message says which."""


@dataclass(frozen=True)
class Connector:
    """A connector with the states of its tasks; ``reason`` is why it failed, in safe words."""

    name: str
    kind: str  # source, sink
    state: str
    tasks: Tuple[str, ...]
    reason: str
    database: str

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.state, *self.tasks)

    @property
    def running(self) -> bool:
        return self.state == "RUNNING" and bool(self.tasks) and set(self.tasks) == {"RUNNING"}


def safe_words(trace: str) -> str:
    """Why something failed, in words that hold nothing of a patient: known causes and the exceptions' classes.

    Nothing of a message is passed on: converters and databases put values there, quoted or not. What a message says is
    only looked for among the causes below.
    """
    lower = trace.lower()
    causes = [cause for cause, phrases in _CAUSES if any(phrase in lower for phrase in phrases)]
    kinds = list(dict.fromkeys(kind.rpartition(".")[2] for kind in _KIND.findall(trace)))
    chain = " <- ".join(kinds if len(kinds) <= _CLASSES else [kinds[0], *kinds[1 - _CLASSES :]])
    if not causes:
        return chain
    return f"{causes[0]} ({chain})" if chain else causes[0]


def parse(data: Any) -> List[Connector]:
    """The answer to ``/connectors?expand=status&expand=info``, by name."""
    found = []
    for name, entry in sorted(data.items()):
        status, config = entry.get("status") or {}, (entry.get("info") or {}).get("config") or {}
        head, tasks = status.get("connector") or {}, status.get("tasks") or []
        traces = [part.get("trace") for part in (*tasks, head) if part.get("state") == "FAILED"]
        found.append(
            Connector(
                name=str(name),
                kind=str(status.get("type") or "source"),
                state=str(head.get("state", "UNKNOWN")),
                tasks=tuple(str(task.get("state", "UNKNOWN")) for task in tasks),
                reason=safe_words(next((str(trace) for trace in traces if trace), "")),
                database=str(config.get("database.include.list") or ""),
            )
        )
    return found


def login_of(worker: Container) -> Tuple[str, str]:
    """User and password from the file that the worker itself reads."""
    inside = worker.environment.get("REST_LOGIN_FILE", "")
    source = worker.mounts.get(SECRETS)
    if source is None or not inside.startswith(SECRETS + "/"):
        raise WorkerError("its login is not where site.yml puts it")
    path = Path(source) / inside[len(SECRETS) + 1 :]
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError:
        raise EventLogError(f"You may not read {path}. Use sudo: sudo event-log …") from None
    except OSError as error:
        raise WorkerError(f"its login {path} cannot be read ({error.strerror})") from None
    user, _, password = next((line for line in text.splitlines() if "=" in line), "").partition("=")
    return user.strip(), password.strip()


def address_of(worker: Container) -> str:
    return f"http://127.0.0.1:{worker.environment.get('REST_PORT', '8083')}"


def ask(url: str, login: Tuple[str, str], seconds: float = _SECONDS) -> Any:
    """GET as JSON; no proxy of the environment is between this host and itself."""
    encoded = base64.b64encode(":".join(login).encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {encoded}"})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise WorkerError(
            "it refuses the login that site.yml gave it" if error.code == 401 else f"it answers with HTTP {error.code}"
        ) from None
    except ValueError:
        raise WorkerError("its answer is no JSON") from None
    except OSError as error:
        raise WorkerError(f"no answer ({_why(error)})") from None


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "too slow"
    return str(getattr(reason, "strerror", None) or reason)


def connectors(worker: Container) -> List[Connector]:
    """All connectors of this worker."""
    data = ask(f"{address_of(worker)}/connectors?expand=status&expand=info", login_of(worker))
    if not isinstance(data, dict):
        raise WorkerError("its answer is not a list of connectors")
    return parse(data)
