# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules for backups share."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the event log of a host is, and what stops and starts it."""

    DOCUMENTATION = r"""
options:
  home:
    description: Directory of the Compose project.
    type: path
    required: true
  data_dir:
    description: Root of the data.
    type: path
    required: true
  secrets_dir:
    description: Directory of the secrets. By default C(secrets) in O(home).
    type: path
  project:
    description: Name of the Compose project.
    type: str
    required: true
  command:
    description: The host command. It stops and starts the containers where systemd does not.
    type: path
    default: /usr/local/bin/event-log
"""
