"""A test server (images/test-server) seen from the machine that runs the tests."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Iterable

from tests.helpers import kafka_tools

REQUEST = """
import json, sys, urllib.error, urllib.request
method, url, login, body = sys.argv[1:]
headers = {"Content-Type": "application/json"}
if login:
    headers["Authorization"] = "Basic " + login
request = urllib.request.Request(url, method=method, headers=headers, data=body.encode() or None)
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
"""

# Without the broker's own options: its port for metrics is taken, its heap is large, its log goes to stdout.
OWN_OPTIONS = ("-e", "KAFKA_OPTS=", "-e", "KAFKA_HEAP_OPTS=", "-e", "KAFKA_LOG4J_OPTS=")
IN_BROKER = ("docker", "exec", "-i", *OWN_OPTIONS, "event-log-broker")


class ServerError(AssertionError):
    """A command on the server failed; the message holds what it said."""


def eventually(check: Callable[[], Any], seconds: float, what: str, pause: float = 1.0) -> Any:
    """Ask until the answer is true; the failure says what was last seen."""
    deadline = time.monotonic() + seconds
    seen: Any = None
    while True:
        try:
            seen = check()
            if seen:
                return seen
        except ServerError as error:
            seen = error
        if time.monotonic() >= deadline:
            raise ServerError(f"not within {seconds:g} s: {what}; last seen: {seen!r}")
        time.sleep(pause)


@dataclass(frozen=True)
class Server:
    name: str

    #: What reads SQL as the database's root, and where its files are; those of the sample database.
    CLIENT: ClassVar[tuple[str, ...]] = ("docker", "exec", "-i", "openmrs-sample-db", "sample-sql")
    DATA: ClassVar[str] = "/var/lib/openmrs-sample/mysql"

    def exec(self, *words: str, stdin: str | None = None, timeout: float = 180, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", "exec", "-i", self.name, *words],
            input=stdin, capture_output=True, text=True, errors="surrogateescape", timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise ServerError(f"{shlex.join(words)} on {self.name}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def sh(self, script: str, **more: Any) -> str:
        return self.exec("sh", "-c", script, **more)

    def python(self, source: str, *words: str) -> str:
        return self.exec("python3", "-", *words, stdin=source)

    @property
    def exists(self) -> bool:
        found = subprocess.run(["docker", "inspect", self.name], capture_output=True, check=False)
        return found.returncode == 0

    # The event log on the server

    @property
    def login(self) -> str:
        """Connect's login as it lies on the host: user=password."""
        health = self.exec("docker", "inspect", "-f", "{{json .Config.Env}}", "event-log-connect")
        inside = next(v.split("=", 1)[1] for v in json.loads(health) if v.startswith("REST_LOGIN_FILE="))
        lines = self.exec("docker", "exec", "event-log-connect", "cat", inside).splitlines()
        return next(line.strip() for line in lines if "=" in line and not line.startswith("#"))

    def request(self, method: str, path: str, body: Any = None, login: str | None = None) -> tuple[int, Any]:
        """Ask the worker. `login` is user=password; empty for none at all."""
        given = self.login if login is None else login
        encoded = base64.b64encode(given.replace("=", ":", 1).encode()).decode() if given else ""
        sent = "" if body is None else json.dumps(body)
        answer = self.python(REQUEST, method, f"http://127.0.0.1:8083{path}", encoded, sent)
        status, text = json.loads(answer)
        return status, json.loads(text) if text.startswith(("{", "[")) else text

    @property
    def settings(self) -> dict[str, Any]:
        """What the host command knows of the stack."""
        loaded: dict[str, Any] = json.loads(self.exec("cat", kafka_tools.SETTINGS))
        return loaded

    @property
    def logins(self) -> bool:
        """Whether the broker lets in only who logs in."""
        return bool(self.settings.get("logins"))

    def tool(self, main: str, *words: str, heap: str = "256m") -> tuple[str, ...]:
        """The words that run one of Kafka's own tools there, as an account that may do everything."""
        settings = self.settings
        return kafka_tools.command(settings, kafka_tools.account(settings), main, *words, heap=heap)

    def kafka(self, main: str, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 180) -> str:
        """What one of Kafka's own tools says."""
        return self.exec(*self.tool(main, *words), stdin=stdin, check=check, timeout=timeout)

    def topics(self) -> set[str]:
        return set(self.kafka("org.apache.kafka.tools.TopicCommand", "--list").split())

    def read(self, topic: str, seconds: float = 8, most: int | None = None) -> str:
        """All keys and values of a topic as text, in order. One that somebody writes to never ends without `most`."""
        limit = () if most is None else ("--max-messages", str(most))
        return self.kafka(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--topic", topic, "--from-beginning", "--timeout-ms", str(int(seconds * 1000)), *limit,
            "--formatter-property", "print.key=true", "--formatter-property", "key.separator=\t",
            check=False,
        )  # fmt: skip

    def consume(self, topic: str, seconds: float = 8) -> list[tuple[Any, Any]]:
        """All keys and values of a topic with one event a line; a tombstone's value is None."""
        parts = [line.partition("\t") for line in self.read(topic, seconds).splitlines()]
        return [(parsed(key), parsed(value)) for key, found, value in parts if found]

    def sql(self, statement: str) -> str:
        """Run SQL in the sample database, as its root."""
        return self.exec(*self.CLIENT, stdin=statement)

    def stop_database(self, *, kill: bool = False) -> None:
        self.sh(f"docker {'kill' if kill else 'stop'} openmrs-sample-db")

    def start_database(self) -> None:
        self.sh("docker start openmrs-sample-db")

    def listing(self, roots: Iterable[str], leave_out: Iterable[str] = ()) -> dict[str, str]:
        """Every path below the roots with kind, mode, owner and, for files, a checksum."""
        unwanted = " ".join(f"-path {shlex.quote(pattern)} -prune -o" for pattern in leave_out)
        script = (
            f"find {' '.join(roots)} {unwanted} -printf '%p\\t%y %m %U:%G %l\\n' 2>/dev/null; "
            f"find {' '.join(roots)} {unwanted} -type f -exec sha256sum {{}} + 2>/dev/null"
        )
        found: dict[str, str] = {}
        for line in self.sh(script, check=False).splitlines():
            path, tab, what = line.partition("\t")
            if tab:
                found[path] = what
            else:
                checksum, _, path = line.partition("  ")
                found[path] = f"{found.get(path, '')} {checksum}"
        return found


def parsed(text: str) -> Any:
    if text == "null":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
