# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says of a trace is what the host command says of it, word for word."""

from __future__ import annotations

import inspect

from ansible_collections.openmrs.event_log.plugins.module_utils import _trace
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import trace, worker


def test_the_host_command_has_the_same_words() -> None:
    assert inspect.getsource(_trace.safe_words) == inspect.getsource(worker.safe_words)
    for name in ("_KIND", "_CAUSES", "_CLASSES"):
        assert getattr(_trace, name) == getattr(trace, name), name


def test_a_cause_is_told_and_no_message() -> None:
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: Mary Smith\n\tat x.Y.z(Y.java)\n"
        "Caused by: java.sql.SQLException: Access denied for user 'event_log'@'host' (using password: YES)\nMary\n"
    )
    assert _trace.safe_words(trace) == "the database refuses the login (ConnectException <- SQLException)"
