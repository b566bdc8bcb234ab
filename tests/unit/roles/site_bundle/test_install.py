# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh on made-up servers: what it refuses and how it says so, what it passes on, and that it leaves nothing.

The real Ansible runs in the scenario "hospital".
"""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import List

import pytest

from tests.unit.roles.site_bundle.stick import COLLECTION, FILES, PASSWORD, Server, called


def with_password(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    return server.install("--vault-password-file", str(server.root / "password"), *words)


def test_it_runs_the_site_on_this_server_and_leaves_nothing(server: Server) -> None:
    before = list(Path("/run").glob("event-log-install.*"))
    result = with_password(server, "--check", "--diff", "-e", "a=b c")
    assert result.returncode == 0, result
    call = called(result.stdout)
    assert call["args"][-4:] == ["--check", "--diff", "-e", "a=b c"]
    assert call["args"][-5].endswith(f"{COLLECTION}/playbooks/site.yml")
    assert call["args"][2:4] == ["-c", "local"]
    assert call["password"].strip() == PASSWORD
    assert (call["password_mode"], call["inventory_mode"]) == ("0o600", "0o600")
    assert call["variables"] == {
        "ansible_become": False,
        "event_images_source": "archive",
        "event_images_archive": f"{server.stick}/images",
        "event_images_store": "",
        "event_log_images_dir": "",
        "openmrs_sample_archive": f"{server.stick}/images",
        "event_log_packages_dir": "",
        "offline_packages_dir": "",
        "openmrs_sample_store": "",
        "offline_packages_host_dir": f"{server.stick}/packages",
    }
    assert all(str(server.work) in call["environment"][f"ANSIBLE_{name}"] for name in ("CONFIG", "HOME", "REMOTE_TMP"))
    assert list(server.work.iterdir()) == []
    assert not set(Path("/run").glob("event-log-install.*")) - set(before)


def test_a_stick_that_can_only_be_read_is_enough(server: Server) -> None:
    listed = sorted(path.relative_to(server.stick) for path in server.stick.rglob("*"))
    assert with_password(server).returncode == 0
    assert sorted(path.relative_to(server.stick) for path in server.stick.rglob("*")) == listed


def test_what_an_older_bundle_left_on_the_stick_is_not_used(server: Server) -> None:
    server.put("wheels/ansible_core-0-py3-none-any.whl", b"no wheel at all")
    server.put("inventory/group_vars/all/older.yml", b"x: 1\n")
    result = with_password(server)
    assert result.returncode == 0, result


def test_the_end_of_the_run_is_the_end_of_the_command(server: Server) -> None:
    result = with_password(server, "--fail")
    assert result.returncode == 4
    assert "can be repeated" in result.stderr
    assert list(server.work.iterdir()) == []


def test_another_playbook_can_be_asked_for(server: Server) -> None:
    assert called(with_password(server, "--playbook", "status").stdout)["args"][-1].endswith("/status.yml")
    assert "no playbook nonsense" in server.refused(
        "--playbook=nonsense", f"--vault-password-file={server.root}/password"
    )
    assert "no name" in server.refused("--playbook", "../../x")


@pytest.mark.parametrize(
    ("command", "answer", "words"),
    [("id", "echo 1000", ["sudo sh '", "/my stick/install.sh'"]),
     ("dpkg", "echo arm64", ["amd64", "arm64"]),
     ("df", "printf 'x\\nx 9 9 5 x x\\n'", ["no room", "MB free", "--work"])],
)  # fmt: skip
def test_a_server_that_does_not_fit_is_refused(server: Server, command: str, answer: str, words: List[str]) -> None:
    server.answers[command] = answer
    message = server.refused("--vault-password-file", str(server.root / "password"))
    assert [word for word in words if word not in message] == []


def test_another_release_is_refused_by_name(server: Server) -> None:
    (server.root / "os-release").write_text("ID=debian\nVERSION_ID=12\n")
    message = server.refused()
    assert "debian-13" in message
    assert "site_bundle_release=debian-12" in message


def test_another_python_is_refused(server: Server) -> None:
    conf = (server.stick / "bundle.conf").read_text()
    server.put(
        "bundle.conf", "".join("python=9.9\n" if "python" in x else f"{x}\n" for x in conf.splitlines()).encode()
    )
    server.seal()
    assert "needs Python 9.9" in server.refused("--vault-password-file", str(server.root / "password"))


@pytest.mark.parametrize("name", ["images/i.tar.zst", "inventory/hosts.yml", "start.py"])
def test_a_damaged_file_is_named_and_so_is_a_missing_one(server: Server, name: str) -> None:
    path = server.stick / name
    path.write_bytes(path.read_bytes()[:-1] + b"~")
    assert name in server.refused()
    path.unlink()
    message = server.refused()
    assert name in message
    assert "bundle.conf" not in message


def test_a_list_of_checksums_that_is_no_list_is_refused(server: Server) -> None:
    server.put("SHA256SUMS", b"nonsense\n")
    assert "SHA256SUMS itself" in server.refused()
    (server.stick / "SHA256SUMS").unlink()
    assert "not complete" in server.refused()


def test_a_wrong_password_is_refused_before_anything_is_done(server: Server) -> None:
    (server.root / "password").write_text("wrong\n")
    assert "not the one of this bundle" in server.refused("--vault-password-file", str(server.root / "password"))
    assert "cannot be read" in server.refused("--vault-password-file", "/nowhere/password")
    assert "--vault-password-file" in server.refused(), "nobody is there to be asked"


def test_a_value_that_is_missing_is_told(server: Server) -> None:
    assert "needs a value" in server.refused("--vault-password-file")


def test_a_bundle_without_secrets_asks_for_nothing(server: Server) -> None:
    (server.stick / "inventory/group_vars/all/vault.yml").unlink()
    server.seal()
    result = server.install()
    assert result.returncode == 0, result
    assert "--vault-password-file" not in called(result.stdout)["args"]


def test_a_place_where_no_program_may_run_is_passed_over(server: Server) -> None:
    server.answers["chmod"] = f'case "$2" in {server.work}/*/probe) exit 0 ;; esac; exec /bin/chmod "$@"'
    result = with_password(server)
    assert result.returncode == 0, result
    assert str(server.work) not in called(result.stdout)["cwd"]


def on_a_terminal(server: Server, typed: str) -> str:
    """What a person sees who types this."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        server.command(), env=server.environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        seen, answers = b"", typed.splitlines()
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            seen += piece
            if seen.count(b"(it is not shown)") > len(typed.splitlines()) - len(answers) and answers:
                os.write(master, f"{answers.pop(0)}\n".encode())
        process.wait(timeout=60)
    os.close(master)
    return seen.decode()


def test_a_person_is_asked_again_and_what_is_typed_is_not_shown(server: Server) -> None:
    seen = on_a_terminal(server, f"wrong one\n{PASSWORD}\n")
    assert called(seen.replace("\r", ""))["password"].strip() == PASSWORD
    assert seen.count("Password of the bundle") == 2
    assert "wrong one" not in seen


def test_three_wrong_answers_end_it(server: Server) -> None:
    seen = on_a_terminal(server, "a\nb\nc\n")
    assert "three times" in seen
    assert "CALLED" not in seen
    assert list(server.work.iterdir()) == []


def test_help_needs_no_rights(server: Server) -> None:
    server.answers["id"] = "echo 1000"
    assert "sudo sh install.sh" in server.install("--help").stdout


def test_it_is_plain_sh() -> None:
    subprocess.run(["shellcheck", "--shell=sh", str(FILES / "install.sh")], check=True)
