# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How code that knows nothing of Ansible starts a program through a module."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence, Tuple

#: Takes a command, gives its exit code, output and error output.
Run = Callable[[Sequence[str]], Tuple[int, str, str]]


def runner(module: Any) -> Callable[..., Tuple[int, str, str]]:
    """The module's own way to start programs; an environment that is given comes on top of the module's."""

    def run(command: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> Tuple[int, str, str]:
        code, out, err = module.run_command(list(command), environ_update=dict(environment or {}))
        return int(code), str(out), str(err)

    return run
