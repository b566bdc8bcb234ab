# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose network leads nowhere gets engine and packages from a set, and what stands in the way is said."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from tests.helpers.fixtures import started
from tests.helpers.playbooks import Outcome, play, play_all, site_variables
from tests.helpers.server import Server, ServerError

# Minutes: the part `hospital` sets servers up from a package set in every run.
pytestmark = pytest.mark.full

NAME = "eventlog-test-packages"
SETS = Path(__file__).resolve().parents[2] / ".cache/test/packages"
ENGINE, PREFLIGHT = "openmrs.event_log.engine", "openmrs.event_log.preflight"
CACHE = "/var/cache/event-log/packages"
RELEASES = {"debian-13": "eventlog-test-server:local", "debian-12": "eventlog-test-server:bookworm"}
PROJECT = (
    "services: {squatter: {image: 'probe:tests', network_mode: host, command: [python3, -m, http.server, '9092']}}"
)
#: A program that says a false time, or that a disk is small, in the place of the real one.
FALSE_CLOCK = "import time\n_real = time.time\ntime.time = lambda: _real() - 9 * 365 * 86400\n"
SMALL_DISK = "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\necho 'x 9 9 99000 1% /'\n"
CONFLICT = """
set -e
mkdir -p /root/conflict/DEBIAN
printf '%s\\n' 'Package: site-engine' 'Version: 1' 'Architecture: all' 'Maintainer: x' 'Description: x' \
  'Conflicts: docker.io' \
  >/root/conflict/DEBIAN/control
dpkg-deb --build /root/conflict /root/conflict.deb >/dev/null
dpkg -i /root/conflict.deb >/dev/null
"""


@pytest.fixture(scope="module", params=["debian-13", pytest.param("debian-12", marks=pytest.mark.full)], ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server as it was handed over, on a network of its own that leads nowhere."""
    made = started(NAME, "-e", f"server_image={RELEASES[request.param]}", "-e", f"server_network={NAME}")
    subprocess.run(["docker", "network", "create", "--internal", NAME], capture_output=True, check=False)
    try:
        yield next(made)
    finally:
        next(made, None)
        subprocess.run(["docker", "network", "rm", NAME], capture_output=True, check=False)


def variables(**more: Any) -> dict[str, Any]:
    return {**site_variables(), "event_log_packages_dir": str(SETS), **more}


def release(server: Server) -> str:
    return server.sh('. /etc/os-release && echo "$ID-$VERSION_ID"').strip()


def packages(server: Server) -> dict[str, str]:
    lines = server.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'").splitlines()
    return {name: version for name, version, status in map(str.split, lines) if status == "ii"}


def index(server: Server) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SETS / release(server) / "set.json").read_text(encoding="utf-8"))
    return loaded


def changed_set(server: Server, folder: Path, change: Callable[[Path], None]) -> str:
    """The sets with something wrong in them; the packages are the same files."""
    target = folder / release(server)
    target.mkdir(parents=True)
    for path in (SETS / release(server)).iterdir():
        if path.suffix == ".deb":
            os.link(path, target / path.name)
        else:
            shutil.copy(path, target / path.name)
    change(target)
    return str(folder)


def rewrite(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def failure(outcome: Outcome, host: str) -> str:
    assert outcome.code != 0, outcome.output[-3000:]
    messages = [event.message for event in outcome.run.failures if event.host == host]
    assert messages, f"it failed outside of a task:\n{outcome.output[-3000:]}"
    return messages[-1]  # one before it was taken care of


def test_the_network_leads_nowhere(server: Server) -> None:
    listed = server.sh("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null", check=False)
    (mirror, *_more) = re.findall(r"https?://([^/\s:]+)", listed)
    address = socket.gethostbyname(mirror)
    with socket.create_connection((address, 80), timeout=10):
        pass  # there is one, and the machine that runs the tests reaches it
    probe = f"import socket; socket.create_connection(('{address}', 80), timeout=3)"
    with pytest.raises(ServerError, match=r"timed out|unreachable|refused"):
        server.python(probe)


def test_what_stands_in_the_way_is_said_before_anything_is_copied(server: Server, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    arm = changed_set(server, tmp_path / "arm", lambda path: rewrite(path / "set.json", architecture="arm64"))
    other = changed_set(server, tmp_path / "other", lambda path: rewrite(path / "set.json", release="debian-11"))
    told = {
        "nothing": ({"event_log_packages_dir": str(empty)}, ("no set of packages for", release(server), "packages")),
        "arm": ({"event_log_packages_dir": arm}, ("the set is for arm64", "this server is amd64")),
        "other": ({"event_log_packages_dir": other}, ("the set is for debian-11", release(server))),
        "stick": (
            {"offline_packages_host_dir": "/media/stick"},
            ("offline_packages_host_dir is /media/stick", "stick"),
        ),
    }
    before = packages(server)
    hosts = {name: variables(ansible_host=server.name, **wrong) for name, (wrong, _words) in told.items()}
    outcome = play_all(tmp_path / "run", hosts, playbook=ENGINE)
    for name, (_wrong, words) in told.items():
        said = failure(outcome, name)
        assert [word for word in (*words, "docker", "Nothing was changed") if word.lower() not in said.lower()] == [], (
            said
        )
    assert outcome.changed == []
    assert (packages(server), server.sh(f"ls {CACHE} 2>&1 || true")) == (
        before,
        f"ls: cannot access '{CACHE}': No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (CONFLICT, "dpkg --purge site-engine", ("cannot be installed from the set", "site-engine")),
        (
            f"cat >/usr/local/sbin/df <<'END'\n{SMALL_DISK}END\nchmod +x /usr/local/sbin/df",
            "rm /usr/local/sbin/df",
            ("MB on the disks of /usr and /var, and 97 MB are free", "Make room"),
        ),
    ],
    ids=["a package of the site is in the way", "the disk is too small"],
)
def test_what_the_server_itself_has_against_it(
    server: Server, tmp_path: Path, before: str, after: str, words: tuple[str, ...]
) -> None:
    server.sh(before)
    had = packages(server)
    try:
        outcome = play(tmp_path, server, variables(), playbook=ENGINE)
        said = failure(outcome, server.name)
        assert [word for word in words if word not in said] == [], said
        assert outcome.changed == []
        assert packages(server) == had
    finally:
        server.sh(after)


def test_a_clock_that_is_off_by_years(server: Server, tmp_path: Path) -> None:
    place = server.python("import sysconfig; print(sysconfig.get_path('stdlib'))").strip()
    server.sh(f"mv {place}/sitecustomize.py /root/ 2>/dev/null; cat >{place}/sitecustomize.py", stdin=FALSE_CLOCK)
    try:
        said = failure(play(tmp_path, server, variables(), playbook=PREFLIGHT), server.name)
    finally:
        server.sh(f"rm {place}/sitecustomize.py; mv /root/sitecustomize.py {place}/ 2>/dev/null || true")
    assert "which is 9 years slow" in said
    assert "timedatectl set-time" in said


def test_from_nothing_to_an_engine(server: Server, tmp_path: Path) -> None:
    """Check mode foretells it, a copy that was cut goes on, nothing is upgraded, a second run has nothing to do."""
    before, lists = packages(server), server.sh("ls /var/lib/apt/lists")
    files = index(server)["files"]
    whole = (SETS / release(server) / files["docker.io"]).read_bytes()
    server.sh(f"mkdir -p {CACHE}/{release(server)}")
    subprocess.run(
        ["docker", "exec", "-i", server.name, "sh", "-c", f"cat >{CACHE}/{release(server)}/{files['docker.io']}"],
        input=whole[: len(whole) // 2], check=True,
    )  # fmt: skip
    cut = server.listing(["/var/cache/event-log"])
    foretold = play(tmp_path / "check", server, variables(), "--check", "--diff", playbook=ENGINE)
    assert foretold.code == 0, foretold.output[-3000:]
    assert (packages(server), server.listing(["/var/cache/event-log"])) == (before, cut)
    run = play(tmp_path / "run", server, variables(), playbook=ENGINE)
    assert run.code == 0, run.output[-3000:]
    assert run.changed == foretold.changed
    assert run.changed, "nothing was installed"
    after = packages(server)
    assert {name: after.get(name) for name in before} == before
    versions = index(server)["versions"]
    fresh = sorted(set(after) - set(before))
    assert {name: after[name] for name in fresh} == {name: versions[name] for name in fresh}
    assert {"docker.io", "docker-compose", "rsync", "zstd", "age", "python3-pymysql"} <= set(fresh)
    assert server.sh(f"ls -A {CACHE}") == "", "the files are of no use any more"
    assert server.sh("ls /var/lib/apt/lists") == lists
    assert server.sh("docker version -f '{{.Server.Version}}' && docker compose version --short").count("\n") == 2
    again = play(tmp_path / "again", server, variables(), playbook=ENGINE)
    assert (again.code, again.changed) == (0, []), again.output[-3000:]


def test_from_a_stick_that_is_damaged_and_then_mended(server: Server, tmp_path: Path) -> None:
    server.sh("dpkg --purge python3-pymysql && mkdir -p '/media/my stick'")
    target = f"{server.name}:/media/my stick/{release(server)}"
    subprocess.run(["docker", "cp", str(SETS / release(server)), target], check=True, capture_output=True)
    file = f"'/media/my stick/{release(server)}/{index(server)['files']['python3-pymysql']}'"
    server.sh(f"cp {file} /root/kept && truncate -s -1 {file} && printf x >>{file}")
    given = variables(event_log_packages_dir="", offline_packages_host_dir="/media/my stick")
    said = failure(play(tmp_path / "damaged", server, given, playbook=ENGINE), server.name)
    assert "damaged or incomplete; nothing was installed" in said
    assert "Nothing was changed" in said
    assert "python3-pymysql" in said
    assert "python3-pymysql" not in packages(server)
    server.sh(f"cp /root/kept {file}")
    mended = play(tmp_path / "mended", server, given, playbook=ENGINE)
    assert [task.rpartition(" : ")[2] for _host, task in mended.changed] == ["Install the packages of the set"]
    assert "python3-pymysql" in packages(server)
    server.sh("rm -r '/media/my stick'")
    assert play(tmp_path / "pulled", server, given, playbook=ENGINE).changed == [], (
        "a stick may be pulled out afterwards"
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            'mkdir -p /etc/docker && echo \'{"storage-driver": "btrfs"}\' >/etc/docker/daemon.json',
            "rm /etc/docker/daemon.json",
            ("graphdriver", "Its storage driver cannot use the data directory", "do not empty the directory"),
        ),
        pytest.param(
            "systemctl mask docker.service",
            "systemctl unmask docker.service",
            ("is masked", "systemctl unmask"),
            marks=pytest.mark.full,
        ),
    ],
    ids=["storage driver", "masked"],
)
def test_an_engine_that_does_not_start_says_why(
    server: Server, tmp_path: Path, before: str, after: str, words: tuple[str, ...]
) -> None:
    server.sh(f"systemctl stop docker.socket docker.service && {before}")
    data = server.sh("find /var/lib/docker -type f -printf '%p %s\\n' | sort")
    try:
        said = failure(play(tmp_path, server, variables(), playbook=ENGINE), server.name)
        assert [word for word in words if word not in said] == [], said
        assert server.sh("find /var/lib/docker -type f -printf '%p %s\\n' | sort") == data
    finally:
        server.sh(f"{after}; systemctl reset-failed docker.service; systemctl start docker.service")


def test_another_compose_project_on_the_same_port_is_named(server: Server, tmp_path: Path) -> None:
    server.sh("tar -C / -c bin lib lib64 usr/bin usr/lib usr/lib64 | docker import - probe:tests && mkdir -p /srv/old")
    server.sh("cat >/srv/old/compose.yaml && docker compose --project-directory /srv/old up -d", stdin=PROJECT)
    try:
        server.sh("timeout 20 sh -c 'until ss -Hltn | grep -q :9092; do :; done'")
        said = failure(play(tmp_path, server, variables(), playbook=PREFLIGHT), server.name)
    finally:
        server.sh("docker compose --project-directory /srv/old down -t 0; docker rmi probe:tests; rm -r /srv/old")
    assert "that port is in use by the Compose project old: the container old-squatter-1, python3" in said
    assert "docker compose --project-name old stop" in said
