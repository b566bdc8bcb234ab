# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that a person can act on. Nothing but cli.main() turns them into an exit code."""

from __future__ import annotations


class EventLogError(Exception):
    """Something failed; the message says what, and what to do."""

    exit_code = 1


class UsageError(EventLogError):
    """The question itself cannot be answered: no such topic, or several."""

    exit_code = 2
