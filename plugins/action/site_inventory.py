# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of site_inventory that works: on the control node, where the inventory and the vault's secrets are."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.inventory.manager import InventoryManager
from ansible.parsing.vault import AnsibleVaultError, EncryptedString, VaultLib, get_file_vault_secret, is_encrypted
from ansible.plugins.action import ActionBase
from ansible.template import Templar, is_trusted_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.openmrs.event_log.plugins.module_utils import _bundle_inventory, _bundle_variables
from ansible_collections.openmrs.event_log.plugins.module_utils._bundle import write_on_any_disk
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError
from ansible_collections.openmrs.event_log.plugins.modules.site_inventory import argument_spec

#: The role that makes bundles is of no use on the server.
AT_HOME = "site_bundle"
CLEAR, VAULT = "group_vars/all/vars.yml", "group_vars/all/vault.yml"
Secrets = List[Tuple[str, Any]]


def role_facts(roles: Path) -> Tuple[Set[str], Set[str]]:
    """The prefixes of the variables that the collection reads, and the options that are secrets by declaration."""
    prefixes, secret = {"event_log_"}, set()
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        if path.parent.parent.name == AT_HOME:
            continue
        prefixes.add(f"{path.parent.parent.name}_")
        secret |= _bundle_variables.secret_options(yaml.safe_load(path.read_text(encoding="utf-8")))
    return prefixes, secret


def files_of(root: Path, kind: str, names: Iterable[str]) -> Iterable[Path]:
    """What Ansible reads for a host or a group: a file of its name with any ending, or all of a directory."""
    wanted = set(names)
    for path in (root / kind).rglob("*"):
        first = path.relative_to(root / kind).parts[0]
        if path.is_file() and wanted & {first, Path(first).stem}:
            yield path


def encrypted_of(paths: Iterable[Path]) -> Iterable[Path]:
    for path in sorted(set(paths)):
        with path.open("rb") as stream:
            if is_encrypted(stream.read(64)):
                yield path


def names_in_vaults(loader: Any, paths: Iterable[Path]) -> Set[str]:
    """The variables that encrypted files of this host define. Those of others may have another password."""
    found: Set[str] = set()
    for path in encrypted_of(paths):
        content = loader.load_from_file(str(path))
        found |= {str(name) for name in content} if isinstance(content, Mapping) else set()
    return found


def source_files(place: Path) -> Iterable[Path]:
    """The files of a source of the inventory; those of group_vars and host_vars are none."""
    if place.is_file():
        yield place
    for path in place.rglob("*") if place.is_dir() else ():
        if path.is_file() and not {"group_vars", "host_vars"} & set(path.relative_to(place).parts):
            yield path


def names_in_sources(loader: Any, places: Iterable[Path]) -> Set[str]:
    """The variables that encrypted sources of the inventory define, in whatever format, for whichever host."""
    found: Set[str] = set()
    for path in encrypted_of(file for place in places for file in source_files(place)):
        alone = InventoryManager(loader=loader, sources=[str(path)])
        for member in (*alone.groups.values(), *alone.hosts.values()):
            found |= {str(name) for name in member.vars}
        with contextlib.suppress(AnsibleError):  # not YAML; in YAML a plugin's options may name variables too
            content = loader.load_from_file(str(path))
            found |= {name for name, _ in _bundle_variables.pairs(content)}
    return found


class Home:
    """One host of the inventory of this run."""

    def __init__(self, loader: Any, sources: Iterable[str], host: str, playbook_dir: str) -> None:
        self.loader = loader
        self.inventory = InventoryManager(loader=loader, sources=list(sources))
        self.manager = VariableManager(loader=loader, inventory=self.inventory)
        self.host = self.inventory.get_host(host)
        if self.host is None:
            raise InputError(f"{host} is in no inventory: name one with -i.")
        self.places = [Path(source) for source in sources if "," not in source]
        roots = [place if place.is_dir() else place.parent for place in self.places] + [Path(playbook_dir)]
        groups = [group.name for group in self.host.get_groups()]
        self.files = [
            path
            for root in roots
            for path in (*files_of(root, "group_vars", groups), *files_of(root, "host_vars", [host]))
        ]
        self.manager._extra_vars = {}  # what was said with -e is for this run, not for the server
        HostVars(self.inventory, self.manager, loader)  # known to the manager from here on
        self.everything = self.manager.get_vars(host=self.host)

    def taken(self, roles: Path) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """What goes along in the clear, and what goes along encrypted."""
        prefixes, declared = role_facts(roles)
        reading = _bundle_variables.Reading(is_trusted_as_template, lambda value: isinstance(value, EncryptedString))
        vaulted = names_in_vaults(self.loader, self.files) | names_in_sources(self.loader, self.places)
        found = _bundle_variables.Inventory(self.everything, vaulted, declared, reading)
        taken = found.take(prefixes)
        clear = {}
        for name in sorted(taken.clear):
            value = found.variables[name]
            clear[name] = _bundle_inventory.plain(value, literal=not self._has_templates(value))
        return clear, {name: self._resolved(name, why) for name, why in sorted(taken.secret.items())}

    def _has_templates(self, value: Any) -> bool:
        return any(isinstance(leaf, str) and is_trusted_as_template(leaf) for leaf in _bundle_variables.leaves(value))

    def _resolved(self, name: str, why: str) -> Any:
        try:
            value = Templar(loader=self.loader, variables=self.everything).template(self.everything[name])
            return _bundle_inventory.plain(value, literal=True)
        except AnsibleError as error:
            # Only these may be told: other errors quote the value.
            told = isinstance(error, (AnsibleUndefinedVariable, AnsibleVaultError))
            reason = str(error) if told else "its template cannot be resolved"
            raise InputError(
                f"{name} {why}, so that the bundle must hold its value, encrypted; but the value cannot be known here: "
                f"{reason.rstrip('.')}. Give {name} a value that depends on nothing but the inventory."
            ) from None


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        result: Dict[str, Any] = super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=argument_spec())
        given = task_vars or {}
        try:
            result.update(self._write(args, given))
        except (EventLogError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _write(self, args: Mapping[str, Any], given: Mapping[str, Any]) -> Dict[str, Any]:
        host = str(given["inventory_hostname"])
        home = Home(self._loader, given["ansible_inventory_sources"], host, str(given["playbook_dir"]))
        clear, secret = home.taken(Path(args["roles"]))
        groups = [group.name for group in home.host.get_groups()]
        place = Path(args["path"])
        texts = {
            "hosts.yml": _bundle_inventory.hosts_file(host, groups, args["settings"]),
            CLEAR: _bundle_inventory.to_yaml("What this server needs of its inventory.", clear),
        }
        diffs = [self._put(place / name, text) for name, text in texts.items()]
        hidden = _bundle_inventory.to_yaml("The secrets of this server only.", secret)
        diffs.append(self._put_vault(place / VAULT, hidden if secret else "", args["vault_password_file"]))
        made = [diff for diff in diffs if diff]
        names = {"variables": sorted(clear), "secret_variables": sorted(secret)}
        return {"changed": bool(made), "diff": made, "changed_paths": [diff["header"] for diff in made], **names}

    def _put(self, path: Path, text: str) -> Optional[Dict[str, str]]:
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == text:
            return None
        if not self._task.check_mode:
            write_on_any_disk(path, text.encode())
        return {"header": str(path), "before": before, "after": text}

    def _put_vault(self, path: Path, text: str, password_file: Optional[str]) -> Optional[Dict[str, str]]:
        """Encrypt anew only what differs: every encryption of the same text looks different."""
        if not text:
            if not path.is_file():
                return None
            if not self._task.check_mode:
                path.unlink()
            return {"header": str(path), "before": "<encrypted>\n", "after": ""}
        secrets = self._secrets(password_file)
        before = path.read_bytes() if path.is_file() else b""
        try:
            if before and VaultLib(secrets).decrypt(before) == text.encode():
                return None
        except AnsibleError:
            pass  # another password, or damaged: written anew
        if not self._task.check_mode:
            write_on_any_disk(path, VaultLib(secrets).encrypt(text, secret=secrets[0][1]))
        return {"header": str(path), "before": "<encrypted>\n" if before else "", "after": "<encrypted, changed>\n"}

    def _secrets(self, password_file: Optional[str]) -> Secrets:
        if password_file:
            secret = get_file_vault_secret(filename=password_file, loader=self._loader)
            secret.load()
            return [("default", secret)]
        known: Secrets = list(self._loader._vault.secrets or [])
        if not known:
            raise InputError(
                "The inventory holds secrets, and a bundle holds them encrypted only: give the vault's password "
                "(--ask-vault-pass or --vault-password-file), or one for this bundle in a file (vault_password_file)."
            )
        return known[:1]
