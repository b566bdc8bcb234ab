# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of Kafka Connect's REST interface: raises typed errors, never exits, retries what is transient.

One deadline covers a whole call of a module. Reads are repeated until it. A write whose outcome is unclear is not
repeated here: the caller looks first. Sources: https://kafka.apache.org/documentation/#connect_rest and KIP-745
(restart with tasks), KIP-769 (plugins), KIP-465 (expand), KIP-558 (topics), KIP-875 (stop, offsets), KIP-980 (initial
state).
"""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_answer import content_of
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import Finding
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import NOT_YET, Status, parse_status
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    BadAnswerError,
    InterruptedRequestError,
    NotFoundError,
    RequestError,
    UnreachableError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Transport
from ansible_collections.openmrs.event_log.plugins.module_utils._offsets import Entry

#: Connect itself answers a request within 90 s; validation asks the database and may need them.
VALIDATE_SECONDS = 90.0


class Clock:
    """Time, so that tests can bring their own."""

    def now(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


class Deadline:
    """The end of the whole call; pauses never go beyond it."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self._end = clock.now() + seconds

    @property
    def remaining(self) -> float:
        return max(0.0, self._end - self.clock.now())

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def pauses(self, first: float = 0.25, longest: float = 1.0) -> Callable[[], None]:
        """Return what waits before the next look: a little longer each time, never beyond the end."""
        lengths = (min(first * 1.5**step, longest) for step in itertools.count())
        return lambda: self.clock.pause(min(next(lengths), self.remaining))


@dataclass(frozen=True)
class Registered:
    """Answer to GET /connectors/{name}."""

    config: Dict[str, Any]
    type: Optional[str]


@dataclass(frozen=True)
class Listed:
    """One of all connectors, with its configuration and run state."""

    registered: Registered
    status: Status


@dataclass(frozen=True)
class Validation:
    """Answer to a validation: findings, and values as the worker resolved them (secrets too)."""

    findings: Tuple[Finding, ...]
    values: Dict[str, str]


class ConnectApi:
    """One worker, or any worker of a group. Not ``patient``: it does not wait for a worker that is not there."""

    def __init__(self, transport: Transport, deadline: Deadline, patient: bool = True) -> None:
        self._transport = transport
        self.deadline = deadline
        self._patient = patient

    def until(self, deadline: Deadline) -> ConnectApi:
        """Return the same worker with another end of the call."""
        return ConnectApi(self._transport, deadline, self._patient)

    # reads

    def connector(self, name: str) -> Optional[Registered]:
        """Return what is registered under a name, or None."""
        try:
            answer = self._object("GET", _connector(name))
        except NotFoundError:
            return None
        config = answer.get("config")
        if not isinstance(config, dict):
            raise self._strange("GET", _connector(name), "an object with config", answer)
        return Registered(config, answer.get("type"))

    def status(self, name: str) -> Status:
        """Return the run state; a connector without one yet is UNASSIGNED."""
        path = _connector(name, "/status")
        try:
            answer = self._object("GET", path)
        except NotFoundError:
            return NOT_YET
        try:
            return parse_status(answer)
        except (KeyError, TypeError, ValueError) as exc:
            raise self._strange("GET", path, "connector and tasks with their states", answer) from exc

    def names(self) -> List[str]:
        """Return the names of all connectors."""
        answer = self._json("GET", "/connectors")
        if not isinstance(answer, list):
            raise self._strange("GET", "/connectors", "a list of names", answer)
        return sorted(str(name) for name in answer)

    def connectors(self) -> Dict[str, Listed]:
        """Return all connectors at once. The worker leaves out what has no run state yet."""
        path = "/connectors?expand=info&expand=status"
        listed: Dict[str, Listed] = {}
        for name, item in self._object("GET", path).items():
            try:
                info = item["info"]
                listed[name] = Listed(Registered(dict(info["config"]), info.get("type")), parse_status(item["status"]))
            except (KeyError, TypeError, ValueError, AttributeError) as exc:
                raise self._strange("GET", path, f"info and status of {name}", item) from exc
        return listed

    def offsets(self, name: str) -> List[Entry]:
        """Return the partitions of a connector with their offsets (Connect 3.5 and later)."""
        path = _connector(name, "/offsets")
        answer = self._object("GET", path)
        try:
            return [Entry(item["partition"], item["offset"]) for item in answer["offsets"]]
        except (KeyError, TypeError) as exc:
            raise self._strange("GET", path, "a list of offsets", answer) from exc

    def topics(self, name: str) -> List[str]:
        """Return the topics that a connector has used since it was created or they were forgotten."""
        path = _connector(name, "/topics")
        answer = self._object("GET", path)
        try:
            return sorted(str(topic) for topic in answer[name]["topics"])
        except (KeyError, TypeError) as exc:
            raise self._strange("GET", path, "a list of topics", answer) from exc

    def plugins(self) -> List[Dict[str, Any]]:
        """Return what is installed; workers older than Connect 3.2 tell of connectors only."""
        path = "/connector-plugins?connectorsOnly=false"
        answer = self._json("GET", path)
        if not isinstance(answer, list) or not all(isinstance(item, dict) and item.get("class") for item in answer):
            raise self._strange("GET", path, "a list of plugins", answer)
        return answer

    def worker(self) -> Dict[str, Any]:
        """Return version, commit and cluster id of the worker."""
        answer = self._object("GET", "/")
        if not answer.get("version"):
            raise self._strange("GET", "/", "the worker's version", answer)
        return answer

    def password_keys(self, plugin: str, version: Optional[str] = None) -> Optional[FrozenSet[str]]:
        """Return the properties that a plugin declares as PASSWORD, or None where the worker cannot tell."""
        path = "/connector-plugins/{}/config".format(quote(plugin, safe=""))
        if version:
            path += "?version={}".format(quote(version, safe=""))
        try:
            answer = self._json("GET", path)
        except ApiError as exc:
            if exc.status in (401, 403) or exc.transient:
                raise
            return None  # older than Connect 3.2, or an unknown class: validation says so in better words
        if not isinstance(answer, list):
            raise self._strange("GET", path, "a list of properties", answer)
        return frozenset(
            str(item.get("name")) for item in answer if isinstance(item, dict) and item.get("type") == "PASSWORD"
        )

    def validate(self, name: str, config: Mapping[str, str]) -> Validation:
        """Let the plugin judge a configuration; it may ask the database, so it has more time than others."""
        path = "/connector-plugins/{}/config/validate".format(quote(config["connector.class"], safe=""))
        seconds = max(VALIDATE_SECONDS, self._transport.connection.timeout)
        answer = self._object("PUT", path, {**config, "name": name}, seconds=seconds)
        findings: List[Finding] = []
        values: Dict[str, str] = {}
        try:
            for item in answer["configs"]:
                value = item["value"]
                if value.get("value") is not None:
                    values[value["name"]] = str(value["value"])
                if value.get("errors"):
                    findings.append(Finding(value["name"], tuple(str(error) for error in value["errors"])))
        except (KeyError, TypeError, AttributeError) as exc:
            raise self._strange("PUT", path, "a list of configs", answer) from exc
        return Validation(tuple(findings), values)

    # writes

    def create(self, name: str, config: Mapping[str, str], initial_state: Optional[str]) -> None:
        """Register; the run state comes with it, so that nothing starts that shall not (Connect 3.7 and later)."""
        body: Dict[str, Any] = {"name": name, "config": dict(config)}
        if initial_state is not None:
            body["initial_state"] = initial_state
        self._object("POST", "/connectors", body, write=True)

    def update(self, name: str, config: Mapping[str, str]) -> None:
        self._object("PUT", _connector(name, "/config"), dict(config), write=True)

    def delete(self, name: str) -> None:
        self._json("DELETE", _connector(name), write=True)

    def pause(self, name: str) -> None:
        self._json("PUT", _connector(name, "/pause"))

    def resume(self, name: str) -> None:
        self._json("PUT", _connector(name, "/resume"))

    def stop(self, name: str) -> None:
        self._json("PUT", _connector(name, "/stop"))

    def restart(self, name: str, only_failed: bool) -> None:
        query = "?includeTasks=true&onlyFailed=%s" % ("true" if only_failed else "false")
        self._json("POST", _connector(name, "/restart") + query)

    def alter_offsets(self, name: str, changes: Sequence[Entry]) -> str:
        """Write the offsets of some partitions (Connect 3.6 and later). Return what the worker says about it."""
        body = {"offsets": [entry.shown() for entry in changes]}
        return str(self._object("PATCH", _connector(name, "/offsets"), body, write=True).get("message", ""))

    def reset_offsets(self, name: str) -> str:
        """Remove all offsets (Connect 3.6 and later). Return what the worker says about it."""
        return str(self._object("DELETE", _connector(name, "/offsets"), write=True).get("message", ""))

    # one request

    def _object(
        self, method: str, path: str, body: Any = None, write: bool = False, seconds: Optional[float] = None
    ) -> Dict[str, Any]:
        answer = self._json(method, path, body, write, seconds)
        if not isinstance(answer, dict):
            raise self._strange(method, path, "an object", answer)
        return answer

    def _json(
        self, method: str, path: str, body: Any = None, write: bool = False, seconds: Optional[float] = None
    ) -> Any:
        """Send until there is an answer that counts. ``write``: an unclear outcome is the caller's to look into."""
        data = None if body is None else json.dumps(body).encode()
        started, attempts, pause = self.deadline.clock.now(), 0, self.deadline.pauses(longest=2.0)
        while True:
            attempts += 1
            limit = seconds or min(self._transport.connection.timeout, max(self.deadline.remaining, 1.0))
            try:
                return content_of(
                    method, self._transport.address(path), self._transport.send(method, path, data, limit)
                )
            except RequestError as exc:
                impatient = not self._patient and isinstance(exc, (UnreachableError, InterruptedRequestError))
                if not exc.transient or impatient or (write and exc.unclear):
                    raise
                if self.deadline.passed:
                    spent = self.deadline.clock.now() - started
                    exc.message += f" (tried {attempts} times in {round(spent)} s)"
                    raise
            pause()

    def _strange(self, method: str, path: str, expected: str, answer: Any) -> BadAnswerError:
        url = self._transport.address(path)
        text = f"{method} {url}: expected {expected} in the answer"
        # Values are not shown: configurations may be in it, and nobody knows yet what is secret there.
        kind = "an object" if isinstance(answer, dict) else "a list" if isinstance(answer, list) else "a single value"
        return BadAnswerError(f"{text}, but it is {kind}", method, url, 200)


def _connector(name: str, rest: str = "") -> str:
    return "/connectors/{}{}".format(quote(name, safe=""), rest)
