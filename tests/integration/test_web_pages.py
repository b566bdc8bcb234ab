# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web pages on a real server: stand-ins for all that is around them, the real programs where they can be had."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers import web_pages
from tests.helpers.playbooks import Outcome, play, site_variables
from tests.helpers.server import Server, eventually

KAFDROP, KOWL = "event-log-kafdrop", "event-log-kowl"
CORE = ("event-log-broker", "event-log-connect")
BOTH = ["kafdrop", "kowl"]
UP = "openmrs.event_log.event_stack : Bring the web pages up"
GONE = "openmrs.event_log.event_stack : Remove web pages that are not wanted any more"


@dataclass(frozen=True)
class Site:
    """A server whose event log runs, and runs of the stack's playbook on it."""

    server: Server
    directory: Path

    def run(self, kafdrop: str, kowl: str, *words: str, **more: Any) -> Outcome:
        image = containers_image(self.server)
        pages = {"event_stack_kafdrop_image": kafdrop, "event_stack_kowl_image": kowl}
        variables = {**site_variables(), "event_log_image": image, "event_stack_uis": BOTH, **pages, **more}
        return play(self.directory, self.server, variables, *words, playbook="openmrs.event_log.stack")

    def core(self) -> dict[str, str]:
        """What must stay as it is whatever becomes of a page."""
        found = web_pages.containers(self.server, *CORE)
        return {name: f"{entry['Id']} {entry['State']['StartedAt']}" for name, entry in found.items()}

    def status(self) -> Any:
        return json.loads(self.server.exec("event-log", "status", "--json"))


def containers_image(server: Server) -> str:
    return str(web_pages.containers(server, CORE[0])[CORE[0]]["Config"]["Image"])


def tasks(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome.output[-4000:]
    return [task for _host, task in outcome.changed]


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    web_pages.make(server)
    found = Site(server, tmp_path_factory.mktemp("web_pages"))
    yield found
    # Also of the accounts that wanted pages have at the broker, image or not.
    found.run(web_pages.IMAGE, web_pages.IMAGE, event_stack_uis=[])
    server.sh(f"docker image rm {web_pages.IMAGE} {web_pages.ILL}")


def test_they_come_up_beside_the_event_log_as_check_mode_foretold(site: Site) -> None:
    core = site.core()
    foretold = site.run(web_pages.IMAGE, web_pages.IMAGE, "--check")
    done = site.run(web_pages.IMAGE, web_pages.IMAGE)
    assert tasks(done) == tasks(foretold)
    assert UP in tasks(done)
    assert site.core() == core, "broker and worker are left alone"
    found = web_pages.containers(site.server, KAFDROP, KOWL)
    assert {name: entry["State"]["Health"]["Status"] for name, entry in found.items()} == {
        KAFDROP: "healthy",
        KOWL: "healthy",
    }
    for entry in found.values():
        host = entry["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["NetworkMode"]) == (True, ["ALL"], "host")
        assert entry["Config"]["User"] == "1001:1001"
        assert host["Memory"] > 0
    assert site.status()["findings"] == []


def test_they_listen_on_loopback_only(site: Site) -> None:
    for port in (9191, 8282):
        assert web_pages.listening(site.server, port) == {f"127.0.0.1:{port}"}


def test_kowl_is_let_in_at_the_broker_and_its_login_is_nowhere_else(site: Site) -> None:
    status, _headers, body = web_pages.ask(site.server, "http://127.0.0.1:8282/admin/health")
    assert (status, json.loads(body)) == (200, {"account": "event-log-kowl"})
    password = site.server.sh("cat /opt/event-log/secrets/broker_passwords/event-log-kowl").strip()
    for place in ("docker inspect event-log-kowl event-log-kafdrop", "cat /opt/event-log/compose.yaml"):
        assert password not in site.server.sh(place)
    own = site.server.sh("cat /opt/event-log/secrets/kowl/kowl-*")
    assert password in own
    assert site.server.login.partition("=")[2] not in own, "it cannot reach the worker"
    holders = site.server.sh("find /opt/event-log/secrets/kowl -type f -name 'kowl-*' -printf '%m %u:%g\\n'")
    assert holders == "400 kafka:kafka\n"
    assert site.server.sh("stat -c '%a %U' /opt/event-log/secrets/kowl").strip() == "500 kafka"


@pytest.mark.full
def test_a_second_run_has_nothing_to_do(site: Site) -> None:
    assert tasks(site.run(web_pages.IMAGE, web_pages.IMAGE)) == []


@pytest.mark.full
def test_one_that_is_ill_fails_no_run_and_takes_nothing_back(site: Site) -> None:
    core = site.core()
    done = site.run(web_pages.ILL, web_pages.IMAGE, event_stack_uis_timeout=3)
    assert UP in tasks(done)
    assert "Kafdrop is not healthy" in done.output
    assert "docker logs --tail 50 event-log-kafdrop" in done.output
    assert site.core() == core
    site.server.sh(f"docker stop --time 1 {KAFDROP}")
    status = site.status()
    assert (status["verdict"], [one["id"] for one in status["findings"]]) == ("ok", ["ui_exited"])
    assert "Kafdrop has stopped" in status["findings"][0]["what"]


@pytest.mark.full
def test_without_their_images_the_event_log_goes_on_and_they_are_removed(site: Site) -> None:
    core = site.core()
    foretold = site.run("nowhere/kafdrop:0", "nowhere/kowl:0", "--check")
    done = site.run("nowhere/kafdrop:0", "nowhere/kowl:0")
    assert tasks(done) == tasks(foretold)
    assert GONE in tasks(done)
    assert "its image nowhere/kafdrop:0 is not on this host" in " ".join(done.output.split())
    assert web_pages.containers(site.server, KAFDROP, KOWL) == {}
    assert site.core() == core


def real(server: Server, name: str) -> str:
    """The real image, put onto the server; skips where it is neither here nor can be pulled."""
    image = web_pages.REAL[name]
    for command in (["image", "inspect"], ["pull", "--quiet"]):
        got = subprocess.run(["docker", *command, image], capture_output=True, text=True, timeout=600, check=False)
        if got.returncode == 0:
            break
    else:
        pytest.skip(f"image not available: {image} is not on this machine and cannot be pulled: {got.stderr.strip()}")
    save, load = f"docker save {image}", f"docker exec -i {server.name} docker load --quiet"
    subprocess.run(["sh", "-c", f"{save} | {load}"], check=True, timeout=600)
    return image


def healthy(site: Site, name: str) -> None:
    def look() -> bool:
        return bool(web_pages.containers(site.server, name)[name]["State"]["Health"]["Status"] == "healthy")

    eventually(look, 180, f"{name} is healthy")


def test_the_real_kafdrop(site: Site) -> None:
    image = real(site.server, "kafdrop")
    assert UP in tasks(site.run(image, "nowhere/kowl:0"))
    healthy(site, KAFDROP)
    assert web_pages.listening(site.server, 9191) == {"127.0.0.1:9191"}
    page = "http://127.0.0.1:9191"
    status, headers, body = web_pages.ask(site.server, f"{page}/")
    assert (status, "openmrs.openmrs.person" in body) == (200, True)
    assert "Access-Control-Allow-Origin" not in headers
    assert web_pages.ask(site.server, f"{page}/actuator/env")[0] == 404
    before = site.server.topics()
    web_pages.ask(site.server, f"{page}/topic?name=made-by-kafdrop&partitionsNumber=1&replicationFactor=1", "POST")
    web_pages.ask(site.server, f"{page}/topic/openmrs.openmrs.person/delete", "POST")
    assert site.server.topics() == before


def test_the_real_kowl(site: Site) -> None:
    image = real(site.server, "kowl")
    assert UP in tasks(site.run("nowhere/kafdrop:0", image))
    healthy(site, KOWL)
    assert web_pages.listening(site.server, 8282) == {"127.0.0.1:8282"}
    _status, _headers, body = web_pages.ask(site.server, "http://127.0.0.1:8282/api/topics")
    assert "openmrs.openmrs.person" in body
    eventually(
        lambda: '"successful_clusters":1' in site.server.sh(f"docker logs {KOWL} 2>&1"), 60, "the worker lets Kowl in"
    )
