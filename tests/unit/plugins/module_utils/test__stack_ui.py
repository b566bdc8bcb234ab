# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of Kafdrop and Kowl, option by option, and what is said about them."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from typing import Any, Iterator

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_ui as subject
from hypothesis import given
from hypothesis import strategies as st

HERE = subject.Addresses(19092, 18083, "hilltop")


@pytest.mark.parametrize(
    ("asked", "names"),
    [([], []), (["kowl"], ["kowl"]), (["kowl", "kafdrop"], ["kafdrop", "kowl"]), (("kowl", "kowl"), ["kowl"])],
)
def test_what_is_wanted_has_one_order(asked: object, names: list[str]) -> None:
    assert subject.wanted(asked) == names


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["kafdrop", "akhq"], "event_stack_uis holds 'akhq', which is none of kafdrop, kowl: correct or remove it."),
        ("kafdrop", "event_stack_uis is 'kafdrop': give a list of kafdrop, kowl, or [] for none."),
        (None, "event_stack_uis is None: give a list of kafdrop, kowl, or [] for none."),
        ({"kowl": True}, "event_stack_uis is {'kowl': True}: give a list"),
    ],
)
def test_anything_else_is_refused_by_variable_value_and_remedy(asked: object, told: str) -> None:
    with pytest.raises(subject.UiError) as refused:
        subject.wanted(asked)
    assert str(refused.value).startswith(told)


def test_kafdrops_environment() -> None:
    assert subject.kafdrop_environment(HERE, 9191, 64, "/etc/event-log/kafka.properties") == {
        "KAFKA_BROKERCONNECT": "127.0.0.1:19092",
        "KAFKA_PROPERTIES_FILE": "/etc/event-log/kafka.properties",
        "SERVER_ADDRESS": "127.0.0.1",
        "SERVER_PORT": "9191",
        "MANAGEMENT_SERVER_PORT": "9191",
        "MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE": "health",
        "CORS_ENABLED": "false",
        "TOPIC_CREATEENABLED": "false",
        "TOPIC_DELETEENABLED": "false",
        "CMD_ARGS": "--topic.createEnabled=false --topic.deleteEnabled=false",
        "JVM_OPTS": "-Xms32m -Xmx64m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError",
    }


def test_a_heap_is_never_smaller_than_its_beginning() -> None:
    options = subject.kafdrop_environment(HERE, 1, 16, "")["JVM_OPTS"]
    assert options.startswith("-Xms16m -Xmx16m ")


def test_the_management_port_has_no_address_of_its_own() -> None:
    """Spring Boot ends at once if it has one and is not on another port than the pages."""
    environment = subject.kafdrop_environment(HERE, 9191, 64, "")
    assert "MANAGEMENT_SERVER_ADDRESS" not in environment
    assert environment["MANAGEMENT_SERVER_PORT"] == environment["SERVER_PORT"]


def test_kafdrops_producer_can_send_nothing() -> None:
    assert subject.kafdrop_properties({"sasl.mechanism": "x"}) == {"max.request.size": 1, "sasl.mechanism": "x"}


def test_kowls_configuration_without_logins_at_the_broker() -> None:
    login = {"user": "me", "rest_password": "secret"}
    assert subject.kowl_config(HERE, 8282, login) == {
        "kafka": {"brokers": ["127.0.0.1:19092"]},
        "connect": {
            "enabled": True,
            "clusters": [{"name": "hilltop", "url": "http://127.0.0.1:18083", "username": "me", "password": "secret"}],
        },
        "server": {"listenAddress": "127.0.0.1", "listenPort": 8282, "gracefulShutdownTimeout": "5s"},
    }


def test_kowl_with_an_account_at_the_broker_knows_no_worker() -> None:
    found = subject.kowl_config(HERE, 8282, {"account": "event-log-kowl", "password": "word"})
    sasl = {"enabled": True, "mechanism": "PLAIN", "username": "event-log-kowl", "password": "word"}
    assert found["kafka"] == {"brokers": ["127.0.0.1:19092"], "sasl": sasl}
    assert found["connect"] == {"enabled": False}


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_password_stays_text_when_yaml_reads_it(password: str) -> None:
    written = json.dumps(subject.kowl_config(HERE, 8282, {"user": "me", "rest_password": password}))
    assert yaml.safe_load(written)["connect"]["clusters"][0]["password"] == password


@pytest.fixture
def web() -> Iterator[Any]:
    """A page whose health is good or bad."""

    class Answer(http.server.BaseHTTPRequestHandler):
        code = 200
        paths: list[str] = []

        def do_GET(self) -> None:
            self.paths.append(self.path)
            self.protocol_version = "HTTP/1.1"
            self.send_response(self.code)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Answer.port = server.server_address[1]  # type: ignore[attr-defined]
    Answer.paths = []
    yield Answer
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("check", "path"), [(subject.kafdrop_health, "/actuator/health"), (subject.kowl_health, "/admin/health")]
)
@pytest.mark.parametrize(("code", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_health_checks_tell_good_from_bad(web: Any, check: Any, path: str, code: int, healthy: bool) -> None:
    words = check(web.port)
    assert words[0] == "CMD"
    if shutil.which(words[1]) is None:
        pytest.skip(f"there is no {words[1]} on this machine")
    web.code = code
    done = subprocess.run(words[1:], capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0, web.paths) == (healthy, [path]), done.stderr
    assert "$" not in " ".join(words), "Compose would put something else there"


@pytest.mark.parametrize("check", [subject.kafdrop_health, subject.kowl_health])
def test_a_page_that_does_not_listen_is_not_healthy(check: Any) -> None:
    words = check(1)
    if shutil.which(words[1]) is None:
        pytest.skip(f"there is no {words[1]} on this machine")
    assert subprocess.run(words[1:], capture_output=True, timeout=30, check=False).returncode != 0


def test_a_page_that_is_left_out_is_named_with_image_and_remedy() -> None:
    (told,) = subject.left_out(["kowl"], {"kowl": "reg/kowl:1"})
    assert [word for word in ("Kowl", "reg/kowl:1", "docs/uis.md", "event_stack_uis") if word not in told] == []
    assert subject.left_out([], {}) == []


@pytest.mark.parametrize(
    ("names", "profile", "warned"),
    [
        (["kafdrop"], "clinic", True),
        (["kafdrop"], "district", False),
        (["kowl"], "clinic", False),
        ([], "clinic", False),
    ],
)
def test_kafdrop_is_much_for_a_clinic(names: list[str], profile: str, warned: bool) -> None:
    told = subject.memory_notes(names, profile)
    assert bool(told) is warned
    assert not warned or "240 MB" in told[0]
