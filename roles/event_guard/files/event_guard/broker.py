# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Kafka answers. The kernel accepts connections for a process that hangs: that it does, shows nothing."""

from __future__ import annotations

import socket
import struct

_SECONDS = 4.0
# ApiVersions, version 0, without a client's name: answered before any login (KIP-35, KIP-43), and kept by KIP-896.
_QUESTION = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def silent(bootstrap: str) -> bool:
    """Whether something listens there and says nothing. What refuses or closes a connection is not silent."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS) as link:
            link.sendall(_QUESTION)
            link.recv(1)
    except socket.timeout:
        return True
    except (OSError, ValueError):
        return False
    return False
