# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules share that make something in a base image."""

from __future__ import annotations


class ModuleDocFragment:
    """What making a base image may use, and where output goes."""

    DOCUMENTATION = r"""
options:
  install_debootstrap:
    description: Install the package C(debootstrap) with C(apt-get) where it is missing and a base image has to be made.
    type: bool
    default: false
  cache_dir:
    description: Directory for what is downloaded for a base image, and for temporary files, which need 500 MB.
    type: path
  log_path:
    description: File that output is appended to while it comes. By default only its end is kept, in the message of a
      failure.
    type: path
"""
