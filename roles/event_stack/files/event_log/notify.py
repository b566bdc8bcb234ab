# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd the status line of a unit (sd_notify(3)).

A message belongs to the unit in whose control group its sender is. The stack's unit has no process of its own once it
has started, so the sender joins the group for a moment (AttachProcessesToUnit, which needs ``Delegate=yes`` and is
root's), and stays until systemd has taken the message (BARRIER). A reload would do the same with three lines of the
journal a minute and a moment in which the unit is not "active". Tried with systemd 252 and 257.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import Optional

from . import stack

_SOCKET = "/run/systemd/notify"
_SECONDS = 5.0
_MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")


def join(unit: str = stack.UNIT) -> bool:
    """Put this process into the group of a unit that is active; False when it cannot be."""
    done = stack.run(["busctl", "call", *_MANAGER, "AttachProcessesToUnit", "ssau", unit, "", "1", str(os.getpid())])
    return done.returncode == 0


def tell(sentence: str, path: Optional[str] = None) -> bool:
    """Set the status line of the unit that this process is in; True when systemd has taken it."""
    where = path or os.environ.get("NOTIFY_SOCKET") or _SOCKET
    address = "\0" + where[1:] if where.startswith("@") else where
    line = " ".join(sentence.split())
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
        sender.settimeout(_SECONDS)
        try:
            sender.connect(address)
            sender.send(f"STATUS={line}".encode())
            return _taken(sender)
        except OSError:
            return False


def _taken(sender: socket.socket) -> bool:
    """Hand systemd one end of a pipe; it closes that once everything before has been read."""
    reading, writing = os.pipe()
    try:
        try:
            socket.send_fds(sender, [b"BARRIER=1"], [writing])
        finally:
            os.close(writing)
        return bool(select.select([reading], [], [], _SECONDS)[0])
    finally:
        os.close(reading)
