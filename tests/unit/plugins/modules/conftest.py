# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests of this folder run a module's main(), as Ansible does."""

from __future__ import annotations

import json
import os
from types import ModuleType
from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible.module_utils.testing import patch_module_args

Call = Callable[..., Dict[str, Any]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the main() of a module with these options, and return what it prints."""

    def run(module: ModuleType, check: bool = False, **options: Any) -> Dict[str, Any]:
        with patch_module_args({**options, "_ansible_check_mode": check}), pytest.raises(SystemExit) as ended:
            module.main()
        result: Dict[str, Any] = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        assert bool(result.get("failed")) == bool(ended.value.code)
        assert not result.get("warnings"), result
        return result

    return run


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> List[Tuple[int, int]]:
    """The owners that were given, in order. Who is not root only writes them down."""
    given: List[Tuple[int, int]] = []
    for name in ("chown", "fchown"):
        real = getattr(os, name)

        def give(target: Any, uid: int, gid: int, real: Callable[..., None] = real) -> None:
            given.append((uid, gid))
            if os.getuid() == 0:
                real(target, uid, gid)

        monkeypatch.setattr(os, name, give)
    return given
