"""The health checks of the image, run against real sockets."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Iterator

import pytest

from tests.unit.role_files import ROOT

SCRIPTS = ROOT / "images/event-log/rootfs/usr/local/bin"
ZOOKEEPER = "../../../../zookeeper/rootfs/usr/local/bin/health-zookeeper"
LOGIN = "event-log:pass=wor\\d"


class Worker(BaseHTTPRequestHandler):
    """Answers as Connect does: 401 without the right login, else the status that the test wants."""

    status = 200

    def do_GET(self) -> None:  # the name that http.server calls
        wanted = f"Basic {base64.b64encode(LOGIN.encode()).decode()}"
        allowed = self.path == "/health" and self.headers.get("Authorization") == wanted
        self.send_response(type(self).status if allowed else 401)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        return


@contextlib.contextmanager
def worker(status: int) -> Iterator[int]:
    handler = type("Handler", (Worker,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def silent() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def closed_port() -> int:
    with silent() as listener:
        return int(listener.getsockname()[1])


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPTS / script)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.fixture
def login(tmp_path: Path) -> Path:
    path = tmp_path / "login.properties"
    path.write_text("event-log=pass\\=wor\\\\d\n")  # as a properties file escapes it
    return path


def test_a_worker_that_says_200_is_healthy(login: Path) -> None:
    with worker(200) as port:
        done = run("health-connect", REST_PORT=str(port), REST_LOGIN_FILE=str(login))
    assert (done.returncode, done.stdout) == (0, "HTTP/1.0 200 OK\n")


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_worker_that_says_anything_else_is_not(login: Path, status: int) -> None:
    with worker(status) as port:
        done = run("health-connect", REST_PORT=str(port), REST_LOGIN_FILE=str(login))
    assert done.returncode != 0
    assert str(status) in done.stdout


def test_a_wrong_login_is_unhealthy_and_not_shown(login: Path) -> None:
    login.write_text("event-log=wrong-secret")
    with worker(200) as port:
        done = run("health-connect", REST_PORT=str(port), REST_LOGIN_FILE=str(login))
    assert done.returncode != 0
    assert "401" in done.stdout
    assert "wrong-secret" not in done.stdout + done.stderr


def test_a_missing_login_file_is_unhealthy() -> None:
    with worker(200) as port:
        assert run("health-connect", REST_PORT=str(port), REST_LOGIN_FILE="/nonexistent").returncode != 0


def test_a_worker_that_never_answers_is_unhealthy_in_time() -> None:
    with silent() as listener:
        done = run("health-connect", REST_PORT=str(listener.getsockname()[1]), HEALTH_TIMEOUT="1")
    assert done.returncode == 124


@pytest.mark.parametrize(("script", "variable"), [("health-connect", "REST_PORT"), ("health-broker", "KAFKA_PORT")])
def test_a_closed_port_is_unhealthy(script: str, variable: str) -> None:
    assert run(script, **{variable: str(closed_port())}).returncode != 0


def test_a_broker_that_accepts_is_healthy() -> None:
    with silent() as listener:
        assert run("health-broker", KAFKA_PORT=str(listener.getsockname()[1])).returncode == 0


@contextlib.contextmanager
def keeper(*lines: str) -> Iterator[int]:
    """Answers `srvr` as ZooKeeper does, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4) == b"srvr"
                connection.sendall("".join(f"{line}\n" for line in lines).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(5)


@pytest.mark.parametrize(
    ("lines", "healthy"),
    [
        (("Zookeeper version: 3.8.4", "Mode: standalone", "Node count: 5"), True),
        (("This ZooKeeper instance is not currently serving requests",), False),
        (("Zookeeper version: 3.8.4", "Mode: follower"), False),
        ((), False),
    ],
    ids=["serves", "does not serve", "is one of several", "says nothing"],
)
def test_a_zookeeper_is_healthy_when_it_serves(lines: tuple[str, ...], healthy: bool) -> None:
    with keeper(*lines) as port:
        done = run(ZOOKEEPER, ZOOKEEPER_PORT=str(port))
    assert (done.returncode == 0) == healthy


def test_a_zookeeper_that_never_answers_is_unhealthy_in_time() -> None:
    with silent() as listener:
        done = run(ZOOKEEPER, ZOOKEEPER_PORT=str(listener.getsockname()[1]), HEALTH_TIMEOUT="1")
    assert done.returncode == 124
    assert run(ZOOKEEPER, ZOOKEEPER_PORT=str(closed_port())).returncode != 0


def test_a_main_class_runs_with_its_options(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\nprintf \'%s\\n\' "$@"; echo "$CLASSPATH"\n')
    java.chmod(0o755)
    done = run_class(tmp_path, KAFKA_HEAP_OPTS="-Xms1m -Xmx2m", KAFKA_OPTS="-Da=* -Db", KAFKA_LOG4J_OPTS="-Dl=x")
    mapped = ["-XX:SharedArchiveFile=/opt/kafka/classes.jsa", "-Xlog:cds=off"]
    expected = [*mapped, "-Xms1m", "-Xmx2m", "-Dl=x", "-Da=*", "-Db", "kafka.Kafka", "a b", "/opt/kafka/libs/*.jar"]
    assert done.stdout.splitlines() == expected
    tool = run_class(tmp_path).stdout.splitlines()
    assert tool[2] == "-Xmx128m"
    assert "-Dlog4j2.configurationFile=/opt/kafka/config/log4j2-tools.properties" in tool


def run_class(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPTS / "kafka-class"), "kafka.Kafka", "a b"],
        env={"PATH": f"{directory}:{os.environ['PATH']}", **environment},
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
