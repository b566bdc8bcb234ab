# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that hold secrets say so, and options whose names only sound like it say that they do not."""

from __future__ import annotations

import re
from typing import Any, Dict, Tuple

import pytest

from tests.unit.test_module_documentation import MODULES, real_spec

SOUNDS_SECRET = re.compile(r"pass(?!ive)|secret|token|(^|_)keys?($|_)|credential", re.IGNORECASE)
HOLDS_SECRET = re.compile(r"(^|_)(password|passphrase|secret|token)$", re.IGNORECASE)


def undecided(spec: Dict[str, Any], path: str = "") -> Tuple[str, ...]:
    """Return options that sound like a secret without a word on no_log, or hold one and are logged."""
    found: Tuple[str, ...] = ()
    for name, option in spec.items():
        plain = option.get("type", "str") in ("bool", "int", "float", "path") or "choices" in option
        if SOUNDS_SECRET.search(name) and not plain and "no_log" not in option:
            found += (f"{path}{name}: no word on no_log",)
        if HOLDS_SECRET.search(name) and not plain and option.get("no_log") is False:
            found += (f"{path}{name}: logged",)
        found += undecided(option.get("options") or {}, f"{path}{name}.")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_no_option_with_a_secret_is_logged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert undecided(real_spec(name, monkeypatch)["argument_spec"]) == ()


def test_an_undecided_option_would_be_seen() -> None:
    assert undecided({"a": {"type": "dict", "options": {"db_password": {"type": "str"}}}}) == (
        "a.db_password: no word on no_log",
    )
    assert undecided({"token": {"no_log": False}}) == ("token: logged",)
