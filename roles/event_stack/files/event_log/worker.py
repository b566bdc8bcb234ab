# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker says about its connectors, by one request."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, List, Tuple

from . import snapshots, words
from .connector_state import NOT_YET, Status, Task, parse_status, shows
from .errors import EventLogError
from .stack import SECRETS, Container
from .trace import safe_words

_SECONDS = 4.0


def _plain_http() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for kind in ("HTTPHandler", "HTTPDefaultErrorHandler", "HTTPErrorProcessor"):
        opener.add_handler(getattr(urllib.request, kind)())
    return opener


#: For requests to this host, without a proxy. The opener that urllib makes by itself reads every certificate authority
#: of the host, for HTTPS: a guard that makes one for each of its requests takes 50 MB and half of its processor time.
HTTP = _plain_http()
#: All connectors, with states and configurations: what ``parse`` reads.
LISTING = "/connectors?expand=status&expand=info"


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
    signals: bool = False  # whether it can be asked to read tables again
    reading: str = ""  # which table it reads again just now, and how far that is

    @property
    def _status(self) -> Status:
        return Status(self.state, tuple(Task(number, state) for number, state in enumerate(self.tasks)))

    @property
    def failed(self) -> bool:
        return self._status.failed

    @property
    def running(self) -> bool:
        return shows("running", self._status)


def parse(data: Any) -> List[Connector]:
    """The answer to LISTING, by name."""
    found = []
    for name, entry in sorted(data.items()):
        config = (entry.get("info") or {}).get("config") or {}
        try:
            status = parse_status(entry.get("status") or {})
        except (KeyError, TypeError, ValueError):
            status = NOT_YET
        found.append(
            Connector(
                name=str(name),
                kind=status.type or "source",
                state=status.state,
                tasks=tuple(task.state for task in status.tasks),
                reason=safe_words(status.first_trace() or ""),
                # Behind it may stand the database of the table of signals.
                database=str(config.get("database.include.list") or "").partition(",")[0],
                signals=bool(config.get("signal.data.collection")),
            )
        )
    return found


def login_of(worker: Container) -> Tuple[str, str]:
    """User and password from the file that the worker itself reads."""
    inside = worker.environment.get("REST_LOGIN_FILE", "")
    source = worker.mounts.get(SECRETS)
    if source is None or not inside.startswith(SECRETS + "/"):
        raise WorkerError(words.phrase("worker.no_login"))
    path = Path(source) / inside[len(SECRETS) + 1 :]
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError:
        raise EventLogError(f"You may not read {path}. Use sudo: sudo event-log …") from None
    except OSError as error:
        raise WorkerError(words.phrase("worker.login_unreadable", file=path, error=error.strerror)) from None
    user, _, password = next((line for line in text.splitlines() if "=" in line), "").partition("=")
    return user.strip(), password.strip()


def address_of(worker: Container) -> str:
    return f"http://127.0.0.1:{worker.environment.get('REST_PORT', '8083')}"


def ask(url: str, login: Tuple[str, str], seconds: float = _SECONDS, method: str = "GET") -> Any:
    """The answer as JSON, None for an empty one; no proxy of the environment is between this host and itself."""
    encoded = base64.b64encode(":".join(login).encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"}
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310
    try:
        with HTTP.open(request, timeout=seconds) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        key = "worker.refused" if error.code == 401 else "worker.http"
        raise WorkerError(words.phrase(key, code=error.code)) from None
    except ValueError:
        raise WorkerError(words.phrase("worker.no_json")) from None
    except OSError as error:
        raise WorkerError(words.phrase("worker.no_answer", why=_why(error))) from None


def request(worker: Container, path: str, seconds: float = _SECONDS, method: str = "GET") -> Any:
    """What this worker answers, asked as whoever its own file names."""
    return ask(address_of(worker) + path, login_of(worker), seconds, method)


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return words.phrase("worker.too_slow")
    return str(getattr(reason, "strerror", None) or reason)


def connectors(worker: Container) -> List[Connector]:
    """All connectors of this worker."""
    data = request(worker, LISTING)
    if not isinstance(data, dict):
        raise WorkerError(words.phrase("worker.no_list"))
    return [_with_progress(worker, one) for one in parse(data)]


def _with_progress(worker: Container, connector: Connector) -> Connector:
    """Which table is being read again stands in the connector's stored position, which is asked of it alone."""
    if not (connector.signals and connector.running):
        return connector
    name = urllib.parse.quote(connector.name, safe="")
    try:
        data = request(worker, f"/connectors/{name}/offsets")
        offsets = [entry.get("offset") for entry in data.get("offsets") or []]
    except (WorkerError, AttributeError):
        return connector  # how it is, is known; this is only more
    told = [_told(found) for found in map(snapshots.progress, offsets) if found]
    return replace(connector, reading="; ".join(told))


def _told(one: snapshots.Progress) -> str:
    key = "reading.begun" if one.end is None else "reading.part"
    said = words.phrase(key, table=one.tables[0], percent=one.percent or 0, last=one.last or 0, end=one.end)
    more = ", ".join(one.tables[1:])
    return words.phrase("reading.then", reading=said, tables=more) if more else said
