# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a connector failed, in words that hold nothing of a patient. Pure: nothing of Ansible, nothing of the collection.

The host command has this file as its ``trace.py``, by a link, for it stands alone on the server.
"""

from __future__ import annotations

import re
from typing import Tuple

_CLASSES = 4
# A line of a trace that begins with an exception, by Java's way to name things; of a message's own lines none passes.
_KIND = re.compile(
    r"(?m)^\s*(?:Caused by: )?((?:[a-z]\w*\.)+(?:[A-Z][\w$]*)?(?:Exception|Error|Failure|Throwable))(?=:|\s*$)"
)
LOGIN_REFUSED = "the database refuses the login"
SAME_ID = "another reader uses the same server id"
# What is said of a trace in which one of the phrases stands, in lower case. The first that fits is the most telling.
# Its key names the same in the host's catalogue of words.
_CAUSES: Tuple[Tuple[str, str, Tuple[str, ...]], ...] = (
    ("cause.disk_full", "the disk is full", ("no space left on device",)),
    ("cause.memory", "out of memory", ("outofmemoryerror",)),
    ("cause.login", LOGIN_REFUSED, ("access denied for user", "error code: 1045")),
    ("cause.right", "the capture account lacks a right", ("access denied; you need", "error code: 1227")),
    # Before what else error 1236 means: the server has one number for all that keeps it from sending its log.
    ("cause.same_id", SAME_ID, ("with the same server_uuid/server_id", "with the same server_id")),
    (
        "cause.binlog_gone",
        "the database no longer has the binary log from which it must go on",
        (
            "no longer available on the server",
            "could not find first log file name",
            "purged required binary logs",
            "purged binary logs containing gtids",
            "position > file size",
            "error code: 1236",
        ),
    ),
    ("cause.history", "the schema history is missing", ("history topic is missing",)),
    (
        "cause.structure",
        "a table's structure is not in the schema history",
        ("whose schema isn't known to this connector",),
    ),
    ("cause.row", "the binary log does not hold whole rows", ("row binlog_format", "binlog_row_image")),
    ("cause.database", "the database is not known there", ("unknown database",)),
    (
        "cause.certificate",
        "the certificate of the other side is not trusted",
        ("pkix path", "unable to find valid certification path"),
    ),
    ("cause.name", "the database's name is not found", ("unknownhostexception",)),
    (
        "cause.unreachable",
        "the database cannot be reached",
        ("communications link failure", "connection refused", "connect timed out"),
    ),
    ("cause.too_large", "an event is too large for Kafka", ("recordtoolargeexception",)),
)


def known_cause(trace: str) -> str:
    """Return what is known of such a failure; empty where nothing is."""
    lower = trace.lower()
    return next((cause for _, cause, phrases in _CAUSES if any(phrase in lower for phrase in phrases)), "")


def cause_of(words: str) -> Tuple[str, str]:
    """The known cause that ``safe_words`` begins with: its key, and its words. Two empty texts for none."""
    return next(((key, cause) for key, cause, _ in _CAUSES if words.startswith(cause)), ("", ""))


def safe_words(trace: str) -> str:
    """Why something failed, in words that hold nothing of a patient: known causes and the exceptions' classes.

    Nothing of a message is passed on: converters and databases put values there, quoted or not. What a message says is
    only looked for among the causes above.
    """
    cause = known_cause(trace)
    kinds = list(dict.fromkeys(kind.rpartition(".")[2] for kind in _KIND.findall(trace)))
    chain = " <- ".join(kinds if len(kinds) <= _CLASSES else [kinds[0], *kinds[1 - _CLASSES :]])
    return f"{cause} ({chain})" if cause and chain else cause or chain
