"""Removes an empty network bridge, for machines without the command `ip`: remove_bridge.py NAME."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

SIOCSIFFLAGS = 0x8914
SIOCBRDELBR = 0x89A1


def main(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), 0))  # down
        fcntl.ioctl(control, SIOCBRDELBR, struct.pack("16s", name.encode()))


if __name__ == "__main__":
    main(sys.argv[1])
