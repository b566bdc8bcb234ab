# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service: look, decide, act, remember, and again, for as long as the host is up."""

from __future__ import annotations

from event_log.settings import Settings


def run(settings: Settings) -> int:
    """Watch until the service is told to stop; the exit code."""
    raise NotImplementedError
