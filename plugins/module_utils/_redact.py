# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a connector's configuration: which they are, and how nothing shows them. Pure: nothing of Ansible.

Kafka Connect declares the type of every property of a plugin (``GET /connector-plugins/{class}/config``, Connect
3.2 and later); what is PASSWORD there is a secret. Properties of converters, transforms and clients, and older
workers, are judged by name. A reference ``${provider:path:key}`` (KIP-297) is no secret: the worker resolves it.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Pattern, Tuple
from urllib.parse import quote, unquote

from ansible_collections.openmrs.event_log.plugins.module_utils import _scrub
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

REDACTED = "<redacted>"
CHANGED = "<redacted, changed>"
SHORTEST = 6  # a shorter value would blank out unrelated words of Ansible's output

_USUAL = re.compile(
    r"passw|passphrase|secret|credential|jaas|(^|[._-])(token|pwd)$|user[._-]?info$"
    r"|(private|api|access|keystore)[._-]?key",
    re.IGNORECASE,
)
# Names that speak about a secret without holding it.
_ABOUT = re.compile(
    r"[._-](enabled?|required|ms|seconds|ur[il]|path|file|location|class|type|provider|algorithm|version)$"
    r"|key[._-]?id$",  # and no other id: secret.id of a vault is a secret
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{[^${}:]+:[^${}]*\}")
# Logins inside addresses: user:word@host, and parameters; what is secret in them is the first group.
_LOGINS = (
    re.compile(r"://[^/\s:@]*:([^@]+)@"),
    re.compile(r"[?&;,(][\w.-]{0,60}(?:password|passwd|pwd|token|secret)=([^&;,)]+)", re.IGNORECASE),
)
_MASK = re.compile(r"\*{3,}|\[hidden\]", re.IGNORECASE)
_SALT = re.compile(r"(column\.mask\.hash(?:\.v2)?\.[^.]+\.with\.salt\.)(.+)", re.IGNORECASE | re.DOTALL)
_INVALID = re.compile(r"Invalid value (.{0,1000}?) for configuration ([^\s:]+)", re.DOTALL)
_ASSIGNED = re.compile(
    r"((?:password|passwd|pwd|secret)"
    r"(?:\s{0,9}=\s{0,9}(?:\\{0,3}[\"'])?|\\{0,3}[\"']\s{0,9}:\s{0,9}\\{0,3}[\"']))([^\s&\"',;<]+)",
    re.IGNORECASE,
)


def is_reference(value: str) -> bool:
    """Return whether the value is nothing but references that the worker resolves."""
    return bool(re.fullmatch(rf"(?:{_REFERENCE.pattern})+", value))


def is_mask(value: str) -> bool:
    """Return whether a server shows this in place of a value."""
    return bool(_MASK.fullmatch(value))


def compile_patterns(patterns: Iterable[str]) -> Tuple[Pattern[str], ...]:
    """Compile the user's expressions; a broken one is refused by name."""
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern, re.IGNORECASE))
        except re.error as exc:
            raise InputError(f"sensitive_keys: {pattern!r} is not a regular expression: {exc}") from exc
    return tuple(compiled)


@dataclass(frozen=True)
class Secrets:
    """What is secret in one call: which keys, and the values seen so far, to be scrubbed from any text.

    ``show_traces``: what the worker says may hold data, and is told in full all the same.
    """

    declared: FrozenSet[str] = frozenset()
    patterns: Tuple[Pattern[str], ...] = ()
    values: FrozenSet[str] = frozenset()
    show_traces: bool = False

    def key_is_secret(self, key: str) -> bool:
        """Return whether values of this key are never shown."""
        if key in self.declared or any(pattern.search(key) for pattern in self.patterns):
            return True
        return bool(_USUAL.search(key)) and not _ABOUT.search(key)

    def holds_secret(self, key: str, value: str) -> bool:
        """Return whether this pair holds a secret: pure references, masks and empty values do not."""
        if not value or is_reference(value) or is_mask(value):
            return False
        if self.key_is_secret(key):
            sure = key in self.declared or any(pattern.search(key) for pattern in self.patterns)
            return sure or value not in ("true", "false")
        return bool(_logins_in(value))

    def found_in(self, config: Mapping[str, str]) -> FrozenSet[str]:
        """Return every secret value of a configuration, salts in property names included."""
        found = {value for key, value in config.items() if self.holds_secret(key, value)}
        for value in config.values():  # a trace may have the word without the address around it
            found.update(word for word in _logins_in(value) if len(word) >= SHORTEST)
        found.update(match.group(2) for match in map(_SALT.fullmatch, config) if match)
        return frozenset(found)

    def knowing(self, *values: str) -> Secrets:
        """Return the same, with more values to scrub."""
        return replace(self, values=self.values.union(value for value in values if value))

    def scrub(self, text: str) -> str:
        """Return a text of a server's without secrets, in whichever way it quotes them, and not too long to read."""
        for value in sorted(self.values, key=len, reverse=True):
            if len(value) >= 4:
                for form in sorted(_written(value), key=len, reverse=True):
                    text = text.replace(form, REDACTED)
        text = _INVALID.sub(self._hide_invalid, text)
        return shorten(_ASSIGNED.sub(lambda match: match.group(1) + REDACTED, text))

    def said(self, text: str) -> str:
        """Return what the worker said, without secrets and what may be data."""
        plain = self.scrub(text)
        return plain if self.show_traces else _scrub.scrub(plain)

    def trace_shown(self, trace: str) -> str:
        """Return a trace without secrets: all of it, or its exceptions with the first lines of what they say."""
        plain = self.scrub(trace)
        return plain if self.show_traces else _scrub.cut(plain)

    def _hide_invalid(self, match: re.Match[str]) -> str:
        value = REDACTED if self.key_is_secret(match.group(2)) else match.group(1)
        return f"Invalid value {value} for configuration {match.group(2)}"

    def key_shown(self, key: str, known: Optional[Mapping[str, str]] = None) -> str:
        """Return a property name as it may be shown; ``known`` is the configuration before the change."""
        match = _SALT.fullmatch(key)
        if match:
            return match.group(1) + (REDACTED if known is None or key in known else CHANGED)
        return self._plain(key)

    def value_shown(self, key: str, value: str, before: Optional[str] = None) -> str:
        """Return a value as it may be shown; ``before`` is what it was, if it was there."""
        if is_mask(value) or self.holds_secret(key, value):
            differs = before is not None and before != value and not is_mask(before)
            return CHANGED if differs else REDACTED
        if is_reference(value):
            return value
        return self._plain(value)

    def _plain(self, text: str) -> str:
        for value in sorted(self.values, key=len, reverse=True):
            if len(value) >= 4:
                text = text.replace(value, REDACTED)
        return text

    def config_shown(self, config: Mapping[str, str], before: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
        """Return a configuration as it may be shown, beside what it was before."""
        shown: Dict[str, str] = {}
        for key in sorted(config):
            name = unique = self.key_shown(key, before)
            number = 1
            while unique in shown:
                number += 1
                unique = f"{name} #{number}"
            shown[unique] = self.value_shown(key, config[key], (before or {}).get(key))
        return shown

    def too_short(self, config: Mapping[str, str]) -> List[str]:
        """Return one complaint per secret that is too short to be kept out of the output."""
        complaints = []
        fewer = f"of fewer than {SHORTEST} characters cannot be kept out of the output"
        for key, value in sorted(config.items()):
            if self.holds_secret(key, value) and len(value) < SHORTEST:
                advice = "give a reference such as ${file:/path/to/file:key}"
                complaints.append(f"{self.key_shown(key)}: a secret {fewer}; {advice}")
            match = _SALT.fullmatch(key)
            if match and len(match.group(2)) < SHORTEST:
                complaints.append(f"{self.key_shown(key)}: a salt {fewer}; take a longer one")
        return complaints


def _logins_in(value: str) -> FrozenSet[str]:
    """Return the passwords that stand in an address, also as they are when read; references are none."""
    plain = _REFERENCE.sub("", value)
    words = [match.group(1) for login in _LOGINS for match in login.finditer(plain)]
    return frozenset(words).union(map(unquote, words))


def _written(value: str) -> FrozenSet[str]:
    """Return the ways in which a server may write a value: plain, in JSON, in HTML, in a URL."""
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms.update((html.escape(value), quote(value, safe="")))
    return frozenset(forms)


def shorten(text: str, head: int = 6000, tail: int = 2000) -> str:
    """Keep the beginning and the end of a long text: a trace's own words and its last cause."""
    if len(text) <= head + tail + 100:
        return text
    return f"{text[:head]}\n[... {len(text) - head - tail} characters left out ...]\n{text[-tail:]}"


def hidden(config: Any) -> Any:
    """Return a configuration with every name and value hidden, for as long as nobody knows what is secret in it."""
    return {f"{len(config)} properties": REDACTED} if isinstance(config, Mapping) else config
