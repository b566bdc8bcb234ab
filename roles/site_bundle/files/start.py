# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts Ansible from where install.sh has unpacked it. install.sh is the command; this is not called by hand."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Dict, List, Tuple

COLLECTION = "ansible_collections/openmrs/event_log"
VAULT = "inventory/group_vars/all/vault.yml"


def environment(work: Path) -> Dict[str, str]:
    """Everything that Ansible reads and writes lies in the working directory."""
    return {
        "ANSIBLE_CONFIG": str(work / "collections" / COLLECTION / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(work / "collections"),
        "ANSIBLE_HOME": str(work / "home"),
        "ANSIBLE_LOCAL_TEMP": str(work / "home/tmp"),
        "ANSIBLE_REMOTE_TMP": str(work / "home/remote"),
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    }


def variables(bundle: Path) -> Dict[str, object]:
    """What only the server knows: where the bundle lies. What lay where on the control node is forgotten."""
    known: Dict[str, object] = {
        "ansible_become": False,
        "event_images_source": "archive",
        "event_images_archive": str(bundle / "images"),
        "event_images_store": "",
        "event_log_images_dir": "",
        "openmrs_sample_archive": str(bundle / "images"),
        "event_log_packages_dir": "",
        "offline_packages_dir": "",
        "openmrs_sample_store": "",
    }
    if (bundle / "packages").is_dir():
        known["offline_packages_host_dir"] = str(bundle / "packages")
    return known


def command(work: Path, bundle: Path, playbook: str, password: Path, options: List[str]) -> List[str]:
    words = ["ansible-playbook", "-i", str(work / "inventory/hosts.yml"), "-c", "local"]
    if password.is_file():
        words += ["--vault-password-file", str(password)]
    given = work / "variables.json"
    given.write_text(json.dumps(variables(bundle)), encoding="utf-8")
    path = work / "collections" / COLLECTION / "playbooks" / f"{playbook}.yml"
    return [*words, "-e", f"@{given}", str(path), *options]


def password_fits(vault: Path, password: Path) -> bool:
    from ansible.errors import AnsibleError  # noqa: PLC0415  # on the path only now
    from ansible.parsing.vault import VaultLib, VaultSecret  # noqa: PLC0415

    secret = password.read_bytes().strip()
    if not secret:
        return False
    try:
        VaultLib([("default", VaultSecret(secret))]).decrypt(vault.read_bytes())
    except AnsibleError:
        return False
    return True


def arguments(words: List[str]) -> Tuple[str, Path, Path, str, Path, List[str]]:
    task, work, bundle, playbook, password, *rest = words
    return task, Path(work), Path(bundle), playbook, Path(password), rest


def main() -> None:
    task, work, bundle, playbook, password, rest = arguments(sys.argv[1:])
    sys.path.insert(0, str(work / "lib"))
    os.environ.update(environment(work))
    if task == "check-password":
        sys.exit(0 if password_fits(work / VAULT, password) else 1)
    from ansible.cli.playbook import main as ansible_playbook  # noqa: PLC0415

    ansible_playbook(command(work, bundle, playbook, password, rest))


if __name__ == "__main__":
    main()
