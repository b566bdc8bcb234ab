# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of one server, taken out of that of three sites with Ansible itself: whole, without others' secrets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.openmrs.event_log.plugins.action.site_inventory import ActionModule

from tests.unit.role_files import ROOT

PASSWORD = b"fleet-password"
SECRETS = {"hilltop": "hilltop-9XyZ", "lakeside": "lakeside-8XyZ", "northgate": "north-{{7XyZ"}
SECRET = VaultSecret(PASSWORD)

HOSTS = """
all:
  children:
    clinics: {hosts: {hilltop: {ansible_host: h.example}, lakeside: {}, somewhere: {}}}
    referral: {hosts: {northgate: {}}}
"""
MAIN = """
ansible_user: provisioning
ansible_password: "{{ vault_ssh }}"
ntp_server: clock.example
event_log_capture_password: "{{ vault_capture_passwords[inventory_hostname] }}"
event_stack_start_timeout: "{{ slow_disk | ternary(400, 300) }}"
slow_disk: true
event_log_data_dir: "/srv/{{ ansible_facts['hostname'] }}"
event_log_tables: [person, obs]
"""


#: Encrypted with a password that this run has not.
OTHER_SECRET = VaultSecret(b"somebody else's")
OTHER = VaultLib([("other", OTHER_SECRET)]).encrypt("event_log_x_password: y\n", secret=OTHER_SECRET).decode()


def vault(**passwords: str) -> str:
    lines = "".join(f'  {site}: !unsafe "{password}"\n' for site, password in passwords.items())
    return f"vault_capture_passwords:\n{lines}vault_ssh: sshX\n"


def encrypted(text: str, indent: str = "") -> str:
    lines = VaultLib([("default", SECRET)]).encrypt(text, secret=SECRET).decode()
    return "".join(f"{indent}{line}\n" for line in lines.splitlines())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext([("default", SECRET)]))
    inventory = tmp_path / "sites"
    files = {
        "hosts.yml": HOSTS,
        "group_vars/all/main.yml": MAIN,
        "group_vars/all/vault.yml": encrypted(vault(**SECRETS)),
        "host_vars/hilltop.yml": "event_log_site: hilltop\n",
        "host_vars/somewhere/vault.yml": OTHER,
        "host_vars/lakeside.yml": "event_log_site: lakeside\nevent_log_connect_password: !vault |\n"
        + encrypted("lake-rest-6XyZ", "  "),
        "host_vars/northgate/main.yml": "event_log_site: northgate\nevent_log_connect_password: in-the-clear-5XyZ\n",
    }
    for name, text in files.items():
        path = inventory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return inventory


def write(
    home: Path, host: str, check_mode: bool = False, secrets: bool = True, source: str = "", **more: Any
) -> Dict[str, Any]:
    loader = DataLoader()
    loader.set_vault_secrets([("default", SECRET)] if secrets or host else [])
    path = home.parent / "out" / host
    settings = {"ansible_connection": "local"}
    args = {"path": str(path), "roles": str(ROOT / "roles"), "settings": settings, **more}
    task = SimpleNamespace(args=args, async_val=0, check_mode=check_mode, action="site_inventory", delegate_to=None)
    shell = SimpleNamespace(tmpdir=None)
    connection = SimpleNamespace(_shell=shell)
    action = ActionModule(task, connection, SimpleNamespace(check_mode=check_mode), loader, None, None)
    if not secrets:
        loader._vault.secrets = []
    given = {
        "inventory_hostname": host,
        "ansible_inventory_sources": [source or str(home)],
        "playbook_dir": str(home.parent),
    }
    return action.run(task_vars=given)


def hidden(path: Path, password: bytes = PASSWORD) -> Dict[str, Any]:
    text = VaultLib([("default", VaultSecret(password))]).decrypt((path / "group_vars/all/vault.yml").read_bytes())

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda _loader, node: ("unsafe", node.value))
    loaded: Dict[str, Any] = yaml.load(text, Loader=Loader)  # noqa: S506
    return loaded


def everything(path: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(path.rglob("*")) if file.is_file())


def test_what_the_server_needs_goes_along_and_templates_stay_templates(home: Path) -> None:
    write(home, "hilltop")
    path = home.parent / "out/hilltop"
    clear = yaml.safe_load((path / "group_vars/all/vars.yml").read_text())
    assert clear == {
        "event_log_site": "hilltop",
        "event_log_tables": ["person", "obs"],
        "event_log_data_dir": "/srv/{{ ansible_facts['hostname'] }}",
        "event_stack_start_timeout": "{{ slow_disk | ternary(400, 300) }}",
        "slow_disk": True,
    }
    assert yaml.safe_load((path / "hosts.yml").read_text()) == {
        "all": {
            "hosts": {"hilltop": {"ansible_connection": "local"}},
            "children": {"clinics": {"hosts": {"hilltop": None}}},
        }
    }


@pytest.mark.parametrize("host", sorted(SECRETS))
def test_no_secret_is_in_the_clear_and_none_of_another_site_at_all(home: Path, host: str) -> None:
    write(home, host)
    path = home.parent / "out" / host
    text = everything(path)
    values = [*SECRETS.values(), "sshX", "lake-rest-6XyZ", "in-the-clear-5XyZ", PASSWORD.decode()]
    assert [value for value in values if value in text] == []
    opened = str(hidden(path))
    assert SECRETS[host] in opened
    assert [other for other in SECRETS if other != host and SECRETS[other] in opened] == []
    assert "sshX" not in opened


@pytest.mark.parametrize("directory", [False, True])
@pytest.mark.parametrize("ini", [False, True])
def test_an_inventory_that_is_encrypted_as_a_whole_stays_so(home: Path, ini: bool, directory: bool) -> None:
    place = home if directory else home / "hosts.yml"
    (home / "host_vars/hilltop.yml").write_text("event_log_tables: [obs]\n")
    text = "[clinics]\nhilltop event_log_remark=remark-2XyZ\n[clinics:vars]\nevent_log_note=note-2XyZ\n"
    if not ini:
        host = "{hilltop: {event_log_remark: remark-2XyZ}}"
        text = f"all: {{children: {{clinics: {{hosts: {host}, vars: {{event_log_note: note-2XyZ}}}}}}}}\n"
    (home / "hosts.yml").write_text(encrypted(text))
    if ini:
        (home / "hosts.yml").rename(home / "hosts.ini" if directory else home / "hosts.yml")
    write(home, "hilltop", source=str(place))
    path = home.parent / "out/hilltop"
    assert "2XyZ" not in everything(path)
    opened = hidden(path)
    assert (opened["event_log_remark"], opened["event_log_note"]) == ("remark-2XyZ", "note-2XyZ")
    assert "event_log_tables: \n- obs" in (path / "group_vars/all/vars.yml").read_text().replace(":\n", ": \n")


def test_each_kind_of_secret_arrives_with_its_value(home: Path) -> None:
    write(home, "lakeside")
    write(home, "northgate")
    assert hidden(home.parent / "out/lakeside")["event_log_connect_password"] == "lake-rest-6XyZ"
    opened = hidden(home.parent / "out/northgate")
    assert opened["event_log_connect_password"] == "in-the-clear-5XyZ"
    assert opened["event_log_capture_password"] == ("unsafe", SECRETS["northgate"])


def test_ansible_reads_on_the_server_what_it_read_at_home(home: Path) -> None:
    write(home, "northgate")
    (home.parent / "password").write_bytes(PASSWORD)
    command = [
        "ansible",
        "northgate",
        "-i",
        "out/northgate/hosts.yml",
        "--vault-password-file",
        "password",
        "-m",
        "debug",
    ]
    told = subprocess.run(
        [*command, "-a", "msg={{ event_log_capture_password }}/{{ event_stack_start_timeout }}/{{ group_names[0] }}"],
        cwd=home.parent, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert f"{SECRETS['northgate']}/400/referral" in told


def test_a_second_run_changes_nothing_and_another_secret_does(home: Path) -> None:
    assert write(home, "lakeside")["changed"]
    first = (home.parent / "out/lakeside/group_vars/all/vault.yml").read_bytes()
    assert write(home, "lakeside")["changed"] is False
    assert (home.parent / "out/lakeside/group_vars/all/vault.yml").read_bytes() == first
    (home / "group_vars/all/vault.yml").write_text(encrypted(vault(**{**SECRETS, "lakeside": "rotated"})))
    assert write(home, "lakeside")["changed_paths"] == [str(home.parent / "out/lakeside/group_vars/all/vault.yml")]
    assert write(home, "hilltop")["changed"], "its first time"
    (home / "group_vars/all/vault.yml").write_text(encrypted(vault(**{**SECRETS, "lakeside": "again"})))
    assert write(home, "hilltop")["changed"] is False, "another site's password is nothing to this one"


def test_check_mode_foretells_and_writes_nothing_and_the_diff_shows_no_secret(home: Path) -> None:
    foretold = write(home, "northgate", check_mode=True)
    assert foretold["changed"]
    assert not (home.parent / "out").exists()
    assert "XyZ" not in str(foretold)
    assert write(home, "northgate")["changed_paths"] == foretold["changed_paths"]


def test_a_bundle_may_have_a_password_of_its_own(home: Path) -> None:
    own = home.parent / "own"
    own.write_text("only-this-bundle\n")
    write(home, "hilltop", vault_password_file=str(own))
    opened = hidden(home.parent / "out/hilltop", b"only-this-bundle")
    assert opened == {"event_log_capture_password": SECRETS["hilltop"]}
    assert write(home, "hilltop", vault_password_file=str(own))["changed"] is False
    assert write(home, "hilltop")["changed"], "back to the password of all"


def fails(home: Path, host: str, **more: Any) -> str:
    with pytest.raises(AnsibleActionFail) as caught:
        write(home, host, **more)
    return str(caught.value)


def test_a_secret_that_needs_the_server_is_refused_by_name(home: Path) -> None:
    text = "event_log_connect_password: \"{{ vault_ssh ~ ansible_facts['hostname'] }}\"\n"
    (home / "host_vars/hilltop.yml").write_text(text)
    message = fails(home, "hilltop")
    assert "event_log_connect_password" in message
    assert "cannot be known here" in message
    assert "sshX" not in message


def test_without_a_password_nothing_is_written_in_the_clear(home: Path) -> None:
    for path in home.rglob("vault.yml"):
        path.unlink()
    (home / "group_vars/all/main.yml").write_text("event_log_capture_password: clear-4XyZ\n")
    assert "password" in fails(home, "hilltop", secrets=False)
    written: List[str] = [path.read_text() for path in home.parent.joinpath("out").rglob("*") if path.is_file()]
    assert "clear-4XyZ" not in "".join(written)


def test_a_host_that_is_nowhere_is_told(home: Path) -> None:
    assert "no inventory" in fails(home, "elsewhere")
