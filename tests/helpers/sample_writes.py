# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who goes on writing into a server's sample database; as a command, until it is told to stop."""

from __future__ import annotations

import shlex
import sys

from tests.helpers.server import Server
from tests.helpers.writes import UNIT, Source, Writes

FIRST = 1_777_700_000  # rows of the one that the scenario `secure` begins


def sample(server: Server, pause: float = 0.2) -> Source:
    """The sample database of a server."""
    client = shlex.join((*server.CLIENT, "--column-names"))
    return Source(server, client, "creator, uuid, ", "1, UUID(), ", pause=pause)


def writes(server: Server, first: int = FIRST) -> Writes:
    return Writes(sample(server), first)


def going(server: Server) -> Writes:
    """The one that writes already, or a new one that begins now."""
    if server.sh(f"systemctl is-active {UNIT} || true").strip() == "active":
        return writes(server)
    return Writes(sample(server)).__enter__()


if __name__ == "__main__":
    writes(Server(sys.argv[1])).__enter__()
