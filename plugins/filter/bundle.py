# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for bundles; each is documented in the file of its own name beside this one."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from ansible.errors import AnsibleFilterError


def collection_path(name: str) -> str:
    """Where a collection lies that this Ansible has."""
    try:
        package = importlib.import_module(f"ansible_collections.{name}")
    except ImportError as error:
        raise AnsibleFilterError(
            f"the collection {name} is not installed on this machine: ansible-galaxy collection install {name}"
        ) from error
    return str(next(iter(package.__path__)))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"collection_path": collection_path}
