# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard remembers. The repair playbooks write it too, so the file itself belongs to both."""

from __future__ import annotations

from .shared.memory import DIRECTORY, GAPS, HOLD, NAME, WAITING, Memory, write_whole

__all__ = ["DIRECTORY", "GAPS", "HOLD", "NAME", "WAITING", "Memory", "write_whole"]
