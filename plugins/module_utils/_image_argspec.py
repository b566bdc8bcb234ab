# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share on Ansible's side that make something in a base image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from ansible_collections.openmrs.event_log.plugins.module_utils._command import runner
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import Workshop


def workshop_options() -> Dict[str, Any]:
    """Return the options of the workshop; documented in the fragment openmrs.event_log.workshop."""
    return {
        "install_debootstrap": {"type": "bool", "default": False},
        "cache_dir": {"type": "path"},
        "log_path": {"type": "path"},
    }


def workshop_of(module: Any, log: str) -> Workshop:
    """Return the workshop that the options describe. A log that nobody named is gone with the module."""
    params = module.params
    cache = Path(params["cache_dir"]) if params["cache_dir"] else None
    path = Path(params["log_path"] or Path(module.tmpdir) / log)
    return Workshop(runner(module), path, cache, params["install_debootstrap"])
