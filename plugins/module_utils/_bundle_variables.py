# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables of an inventory a site takes along in its bundle, and which of them only encrypted.

What the collection reads goes along, with what its templates refer to, and nothing else. A variable that is a secret,
or is made of one, goes into the site's vault with its value; the variables that it was made of, which hold the other
sites' secrets too, stay at home. Runs on the control node only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, Mapping, Set, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets
from jinja2 import Environment, TemplateSyntaxError, nodes

#: Ansible makes these anew on the server. How a server is reached is no question on the server itself.
NOT_TAKEN = re.compile(
    r"ansible_(facts|local|version|config_file|inventory_sources|playbook_python|run_tags|skip_tags|search_path|limit"
    r"|check_mode|diff_mode|forks|verbosity|play_.*|role_.*|parent_role_.*|collection_name|dependent_role_names"
    r"|connection|become|become_method|become_user|become_exe|become_flags|python_interpreter|port|user|ssh_.*)"
    r"|inventory_hostname|inventory_hostname_short|inventory_dir|inventory_file|groups|group_names|hostvars|omit"
    r"|play_hosts|playbook_dir|role_name|role_names|role_path|environment|vars|ansible_environment"
)
#: Read files, environments or other hosts of the control node: what they give is known here only, and may be a secret.
READS_ELSEWHERE = frozenset({"lookup", "query", "q", "hostvars", "vars"})
SOUNDS_SECRET = re.compile(r"(password|passwd|passphrase|secret|token|credential|private_key|salt)s?$", re.IGNORECASE)
SAYS_WHERE = re.compile(r"(^|[._-])(dir|directory)$", re.IGNORECASE)
#: What never is shown of a connector's configuration never lies on a stick in the clear either.
SECRETS = Secrets()

_MARKS = ("{{", "{%", "{#")
_ENVIRONMENT = Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])


@dataclass(frozen=True)
class Reading:
    """How values are read: the types that Ansible gives them are known to its own plugins only."""

    is_template: Callable[[str], bool]
    is_encrypted: Callable[[Any], bool]


@dataclass(frozen=True)
class Taken:
    """Names to write as they are, and names to write encrypted, each with why it is a secret."""

    clear: FrozenSet[str]
    secret: Mapping[str, str] = field(default_factory=dict)


def leaves(value: Any) -> Iterator[Any]:
    """Every scalar of a structure, keys of mappings too."""
    if isinstance(value, Mapping):
        for key, content in value.items():
            yield key
            yield from leaves(content)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def pairs(value: Any) -> Iterator[Tuple[str, Any]]:
    """The entries of all mappings in a structure."""
    if isinstance(value, Mapping):
        for key, content in value.items():
            yield str(key), content
            yield from pairs(content)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from pairs(item)


def names_secret(name: str) -> bool:
    """Whether what has this name is a secret. A name may also hold one: the salt of a mask."""
    if SAYS_WHERE.search(name):
        return False
    return bool(SOUNDS_SECRET.search(name)) or SECRETS.key_is_secret(name) or SECRETS.key_shown(name) != name


def holds_secret(text: str) -> bool:
    """Whether a text has a login in it, in an address or as an assignment."""
    return SECRETS.holds_secret("", text) or SECRETS.scrub(text) != text


def names_in(text: str) -> Set[str]:
    """The variables that a template may read; more than it does read, never fewer."""
    if not any(mark in text for mark in _MARKS):
        return set()
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        raise InputError(f"the template {text.strip()!r} cannot be read: {error.message}") from error
    return {node.name for node in tree.find_all(nodes.Name)}


def references(value: Any, reading: Reading) -> Set[str]:
    found: Set[str] = set()
    for leaf in leaves(value):
        if not reading.is_encrypted(leaf) and isinstance(leaf, str) and reading.is_template(leaf):
            found |= names_in(leaf)
    return found


class Inventory:
    """The variables of one host as its inventory has them, templates not resolved."""

    def __init__(self, variables: Mapping[str, Any], vaulted: Iterable[str], declared: Iterable[str], reading: Reading):
        self.variables = {name: value for name, value in variables.items() if not NOT_TAKEN.fullmatch(name)}
        self.vaulted = frozenset(vaulted)
        self.declared = frozenset(declared)
        self.reading = reading
        self._reasons: Dict[str, str] = {}

    def take(self, prefixes: Iterable[str]) -> Taken:
        """Decide over everything that begins with one of the prefixes, and over what that refers to."""
        waiting = sorted(name for name in self.variables if name.startswith(tuple(prefixes)))
        clear: Set[str] = set()
        secret: Dict[str, str] = {}
        while waiting:
            name = waiting.pop()
            if name in clear or name in secret:
                continue
            reason = self.reason(name)
            if reason:
                secret[name] = reason
                continue
            clear.add(name)
            waiting += sorted(references(self.variables[name], self.reading) & set(self.variables))
        return Taken(frozenset(clear), secret)

    def reason(self, name: str, above: Tuple[str, ...] = ()) -> str:
        """Why the variable is a secret, or nothing."""
        if name not in self._reasons:
            if name in above:
                return ""
            found = self._own_reason(name) or self._inherited_reason(name, (*above, name))
            if above and not found:
                return ""  # a circle may have hidden something: only the answer from the outside is kept
            self._reasons[name] = found
        return self._reasons[name]

    def _own_reason(self, name: str) -> str:
        value = self.variables[name]
        if name in self.vaulted:
            return "comes from an encrypted file"
        if any(self.reading.is_encrypted(leaf) for leaf in leaves(value)):
            return "is encrypted"
        if name in self.declared or (names_secret(name) and not isinstance(value, bool)):
            return "is a secret by its name"
        for key, content in pairs(value):
            if names_secret(key) and not isinstance(content, bool):
                return f"has a secret in {SECRETS.key_shown(key)}"
        # A long text is looked at in lines: of what is too long to show nothing is said.
        texts = (line for leaf in leaves(value) if isinstance(leaf, str) for line in leaf.splitlines())
        return "has a login in its text" if any(map(holds_secret, texts)) else ""

    def _inherited_reason(self, name: str, above: Tuple[str, ...]) -> str:
        mentioned = references(self.variables[name], self.reading)
        elsewhere = sorted(mentioned & READS_ELSEWHERE)
        if elsewhere:
            return f"reads what only the control node has ({elsewhere[0]})"
        for other in sorted(mentioned & set(self.variables)):
            if self.reason(other, above):
                return f"is made of {other}"
        return ""


def secret_options(specification: Mapping[str, Any]) -> Set[str]:
    """The options that a role's argument_specs keep out of logs."""
    found: Set[str] = set()
    for entry in specification.get("argument_specs", {}).values():
        found |= {name for name, option in (entry.get("options") or {}).items() if option.get("no_log")}
    return found
