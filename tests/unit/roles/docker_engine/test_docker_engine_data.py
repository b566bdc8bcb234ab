# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role would install on each system that it knows, also on those that the tests cannot have.

The role itself runs, in check mode, with the facts of another system and with a docker, an apt-get and nothing else in
its path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.unit.roles.role_runs import Outcome, check

SYSTEMS = {
    "bookworm": ("Debian", "12.9", "12", "bookworm"),
    "trixie": ("Debian", "13.1", "13", "trixie"),
    "jammy": ("Ubuntu", "22.04", "22", "jammy"),
    "noble": ("Ubuntu", "24.04", "24", "noble"),
    "focal": ("Ubuntu", "20.04", "20", "focal"),
    "mantic": ("Ubuntu", "22.10", "22", "mantic"),
    "forty": ("Fedora", "40", "40", ""),
}
# What stands in the path: a dockerd, whether `docker version` finds it, what `docker compose version --short` says.
STATES: Dict[str, Dict[str, str]] = {
    "bare": {},
    "engine": {"dockerd": "exit 0", "docker": '[ "$1" = version ] || exit 1'},
    "stopped": {"dockerd": "exit 0", "docker": '[ "$1" = version ] && exit 1; echo 2.26.1-4'},
    "old_compose": {"dockerd": "exit 0", "docker": '[ "$1" = version ] || echo 1.29.2'},
    "complete": {"dockerd": "exit 0", "docker": '[ "$1" = version ] || echo v2.5.0'},
    "packaged_compose": {
        "dockerd": "exit 0",
        "docker": '[ "$1" = version ]',
        "dpkg-query": "echo 'package docker-compose 1.29.2-3'",
    },
    "newest": {"docker": '[ "$1" = version ] || echo 5.0.1'},
}
SYSTEMCTL = '[ "$1" = show ] || exit 1; printf "%s\\n" LoadState=loaded ActiveState=inactive SubState=dead'
APT_GET = (
    'echo "bookworm-updates http://mirror.test/updates"; echo "bookworm http://mirror.test/debian"; '
    'echo "bookworm http://second.test/debian"'
)
CASES = [
    *(f"{system}-bare" for system in SYSTEMS),
    "bookworm-engine", "bookworm-complete", "trixie-old_compose", "trixie-stopped", "jammy-engine", "noble-complete",
    "focal-complete", "focal-stopped", "forty-newest", "trixie-stopped-init", "trixie-bare-init",
    "bookworm-packaged_compose", "bookworm-packaged_compose-agreed",
]  # fmt: skip
ENGINE = ["docker.io", "iptables"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("docker_engine")
    facts = ("distribution", "distribution_version", "distribution_major_version", "distribution_release")
    hosts: Dict[str, Dict[str, Any]] = {}
    for case in CASES:
        system, state, *init = case.split("-")
        path = folder / state
        write_commands(path, {**STATES[state], "apt-get": APT_GET, "systemctl": SYSTEMCTL, "timeout": 'shift; "$@"'})
        hosts[case] = {"path": str(path), "service": "sysvinit" if init == ["init"] else "systemd"}
        hosts[case]["docker_engine_replace_compose"] = init == ["agreed"]
        hosts[case].update({f"of_{fact}": value for fact, value in zip(facts, SYSTEMS[system])})
    # This machine's own may have the files already, when the tests have installed its engine.
    apt = folder / "apt"
    for place in ("sources.list.d", "preferences.d"):
        (apt / place).mkdir(parents=True)
    known = {fact: f"{{{{ of_{fact} }}}}" for fact in facts}
    tasks: List[Dict[str, Any]] = [
        {"ansible.builtin.set_fact": {**known, "service_mgr": "{{ service }}", "cacheable": True}},
        {
            "ansible.builtin.include_role": {"name": "openmrs.event_log.docker_engine"},
            "vars": {"__docker_engine_apt_dir": str(apt)},
        },
    ]
    return check(folder, tasks, hosts)


def write_commands(folder: Path, commands: Dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


def packages(outcome: Outcome) -> List[str]:
    if "Install the packages" not in outcome.changed:
        return []
    (named,) = re.findall(r"^Would install (.+)\.$", outcome.result("Install the packages")["msg"])
    return str(named).split(", ")


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("bookworm-bare", [*ENGINE, "docker-compose", "docker-buildx"]),
        ("trixie-bare", ["docker.io", "docker-cli", "iptables", "docker-compose", "docker-buildx"]),
        ("jammy-bare", [*ENGINE, "docker-compose-v2", "docker-buildx"]),
        ("noble-bare", [*ENGINE, "docker-compose-v2", "docker-buildx"]),
        ("trixie-bare-init", ["docker.io", "docker-cli", "iptables", "docker-compose", "docker-buildx"]),
        ("bookworm-engine", ["docker-compose", "docker-buildx"]),
        ("jammy-engine", ["docker-compose-v2", "docker-buildx"]),
        ("trixie-old_compose", ["docker-compose", "docker-buildx"]),
        ("trixie-stopped", []),
        ("trixie-stopped-init", []),
    ],
)
def test_what_is_missing_is_installed_and_nothing_else(runs: Dict[str, Outcome], case: str, wanted: List[str]) -> None:
    assert runs[case].failure == ""
    assert packages(runs[case]) == wanted


@pytest.mark.parametrize("case", ["bookworm-complete", "noble-complete", "focal-complete", "forty-newest"])
def test_a_working_engine_is_left_alone_whatever_the_system(runs: Dict[str, Outcome], case: str) -> None:
    assert (runs[case].failure, runs[case].changed, runs[case].files()) == ("", [], {})


@pytest.mark.parametrize(
    ("case", "system"),
    [("focal-bare", "Ubuntu 20.04"), ("mantic-bare", "Ubuntu 22.10"), ("forty-bare", "Fedora 40")],
)
def test_an_unknown_system_without_an_engine_is_refused_before_any_change(
    runs: Dict[str, Outcome], case: str, system: str
) -> None:
    outcome = runs[case]
    assert f"its system {system} is none of those" in outcome.failure
    assert "Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04" in outcome.failure
    assert "Install Docker with Compose v2 by hand" in outcome.failure
    assert outcome.changed == []


def test_compose_v1_of_the_site_is_replaced_only_where_it_says_so(runs: Dict[str, Outcome]) -> None:
    refused, agreed = runs["bookworm-packaged_compose"], runs["bookworm-packaged_compose-agreed"]
    assert "docker-compose 1.29.2-3, which is Compose v1" in refused.failure
    assert "set event_log_replace_compose: true" in refused.failure
    assert (refused.changed, refused.files()) == ([], {})
    assert (agreed.failure, packages(agreed)) == ("", ["docker-compose", "docker-buildx"])


def test_an_unknown_system_with_all_installed_is_only_started(runs: Dict[str, Outcome]) -> None:
    for case in ("focal-stopped", "trixie-stopped"):
        assert (runs[case].failure, runs[case].changed) == ("", ["Start the Docker service"])


@pytest.mark.parametrize("case", ["bookworm-bare", "bookworm-engine"])
def test_debian_12_borrows_compose_from_its_own_mirror_and_nothing_else(runs: Dict[str, Outcome], case: str) -> None:
    files = {Path(path).name: text for path, text in runs[case].files().items()}
    assert set(files) == {"compose.sources.j2", "compose.pref.j2"}
    sources, pref = stanzas(files["compose.sources.j2"]), stanzas(files["compose.pref.j2"])
    assert sources == [
        {
            "Types": "deb",
            "URIs": "http://mirror.test/debian",
            "Suites": "trixie",
            "Components": "main",
            "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg",
        }
    ]
    assert pref == [
        {"Package": "docker-compose docker-buildx", "Pin": "release n=trixie", "Pin-Priority": "990"},
        {"Package": "*", "Pin": "release n=trixie", "Pin-Priority": "-10"},
    ]


def stanzas(text: str) -> List[Dict[str, str]]:
    """The paragraphs of a file in Debian's control format, without comments."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    paragraphs = [part for part in "\n".join(lines).strip().split("\n\n") if part.strip()]
    return [dict(line.split(": ", 1) for line in part.splitlines() if line) for part in paragraphs]


@pytest.mark.parametrize("case", ["trixie-bare", "jammy-bare", "noble-bare", "trixie-old_compose", "jammy-engine"])
def test_no_other_system_gets_a_source_of_packages(runs: Dict[str, Outcome], case: str) -> None:
    assert runs[case].files() == {}
    assert "Find the mirror that this host already uses" not in [name for name, _ in runs[case].results]


def test_the_engine_is_started_without_a_service_manager(runs: Dict[str, Outcome]) -> None:
    for case in ("trixie-bare-init", "trixie-stopped-init"):
        assert runs[case].changed[-1] == "Start the engine without a service manager"
    assert "Start the engine without a service manager" not in runs["trixie-bare"].changed
