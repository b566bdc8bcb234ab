# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that anybody would try: short ones, well-known ones, rows of keys, the account's own name.

Nothing here shows a password: a finding names the variable that holds it, and what is wrong with it.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, List, Mapping, Sequence

SHORTEST = 12
FEWEST_DIFFERENT = 6
#: A name of fewer letters is in many a good password by chance.
_SHORTEST_NAME = 4
_SHORTEST_RUN = 4

#: What installers, manuals and demonstrations of OpenMRS, databases and Kafka come with, and what people type first.
#: A password made of nothing but these, with digits and punctuation around them, is as well known as they are.
_KNOWN = (
    "access", "account", "admin", "administrator", "apache", "broker", "capture", "changeit", "changeme",
    "clinic", "confluent", "connect", "connector", "consumer", "database", "dba", "dbz", "debezium", "default", "demo",
    "docker", "eventlog", "example", "guest", "hello", "hospital", "iloveyou", "kafdrop", "kafka", "kowl", "letmein",
    "login", "manager", "mariadb", "master", "monkey", "mysql", "mysqluser", "mysqlpw", "omrs", "openmrs", "oracle",
    "pass", "passw", "password", "passwort", "postgres", "producer", "qwerty", "qwertyuiop", "replicator", "root",
    "schema", "secret", "server", "sql", "super", "system", "temp", "test", "testing", "user", "username", "welcome",
    "zookeeper",
)  # fmt: skip
_FILLERS = ("the", "my", "your", "our", "is", "for", "to", "this", "not", "me", "it", "now", "please", "new", "a")
_WORDS = frozenset({*_KNOWN, *_FILLERS})
_LONGEST_WORD = max(map(len, _WORDS))
_LOOKALIKES = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_LONGEST_ROW = max(map(len, _ROWS))

REMEDY = (
    "Take one of 20 letters and digits that is used nowhere else: `openssl rand -hex 16` makes one, and it goes into "
    "a vaulted file (docs/first-site.md, step 4). An account that is there already must get it too."
)


def problems(given: Mapping[str, Mapping[str, Any]]) -> List[str]:
    """Return a sentence for each variable whose password is weak; one that is empty is not given."""
    found = []
    for variable, entry in given.items():
        value = entry.get("value")
        if value is None or value == "":
            continue
        reasons = weaknesses(str(value), _names(entry.get("also")))
        if reasons:
            size = f"{len(str(value))} character{'s' * (len(str(value)) != 1)}"
            what = "(not shown here) that is easily guessed"
            found.append(f"{variable} is a password of {size} {what}: {'; '.join(reasons)}. {REMEDY}")
    return found


def weaknesses(password: str, names: Sequence[str] = ()) -> List[str]:
    """Return all that is wrong with a password; ``names`` are those of its account, its site and the like."""
    found = []
    if len(password) < SHORTEST:
        found.append(f"it needs at least {SHORTEST} characters")
    if len(set(password)) < FEWEST_DIFFERENT:
        found.append(f"it needs at least {FEWEST_DIFFERENT} different characters")
    if password.isdigit():
        found.append("it has digits only")
    if _is_known(password):
        found.append("it is one of the first that anybody tries")
    if _is_row(password):
        found.append("it is a row of neighbours on the keyboard or in the alphabet")
    if _is_repeated(password):
        found.append("it is the same few characters again and again")
    bare = _letters_and_digits(password)
    in_it = [name for name in names if len(_letters_and_digits(name)) >= _SHORTEST_NAME]
    found += [f"the name {name} is in it" for name in in_it if _letters_and_digits(name) in bare]
    return found


def _is_known(password: str) -> bool:
    """Whether nothing is left without well-known words, digits and punctuation; also with look-alikes for letters."""
    lowered = password.lower()
    stripped = re.sub(r"^[^a-z@$]+|[^a-z]+$", "", lowered)
    forms = (lowered, lowered.translate(_LOOKALIKES), stripped.translate(_LOOKALIKES))
    return any(_only_known(re.sub(r"[^a-z]", "", form)) for form in forms)


def _only_known(letters: str) -> bool:
    """Whether the letters can be cut into well-known words; by hand, for an expression may take for ever."""
    ends = {0}
    for end in range(1, len(letters) + 1):
        if any(end - size in ends and letters[end - size : end] in _WORDS for size in range(1, _LONGEST_WORD + 1)):
            ends.add(end)
    return bool(letters) and len(letters) in ends


def _is_row(password: str) -> bool:
    """Whether less than half of what is asked for is left, once every row of neighbours counts as one character."""
    left, rest = 0, password.lower()
    while rest:
        rest = rest[max(1, _row_at_start(rest)) :]
        left += 1
    return left < SHORTEST // 2


def _row_at_start(text: str) -> int:
    """The length of the longest row of neighbours that the text begins with; 0 for none that counts."""
    for size in range(min(len(text), _LONGEST_ROW), _SHORTEST_RUN - 1, -1):
        if any(text[:size] in way for row in _ROWS for way in (row, row[::-1])):
            return size
    return 0


def _is_repeated(password: str) -> bool:
    """Whether it is one block over and over, where the block alone would be too short."""
    size = (password * 2).find(password, 1) if password else 0
    return 0 < size < min(len(password), SHORTEST)


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _names(also: Any) -> Sequence[str]:
    """The names of an entry: one, several, or none."""
    if also is None or also == "":
        return ()
    listed: Iterable[Any] = [also] if isinstance(also, str) else also
    return [str(name) for name in listed]
