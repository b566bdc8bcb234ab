# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes by the size of the server: the one table, and which line of it a server gets; pure.

How the numbers were chosen:

- A clinic's server has 4 GB, of which OpenMRS takes 2 GB and its database 1 GB: both containers may use 1.3 GB.
- A limit is the heap and at least 300 MB: the JVM's own memory, thread stacks and network buffers.
- ZooKeeper knows a few dozen topics and one broker: some MB of data, whatever the size of the hospital.
- The queue of the connector and the producer's buffer (32 MB) lie in the worker's heap, beside some 100 MB of its own.
  What waits in the queue is copied by every garbage collection: a short one costs less, and is full all the same where
  Kafka is what takes the time (docs/performance.md).
- Retention is a fixed number of bytes for each topic, so that it is the same in every run, whatever the disk holds. A
  million changes of ``obs`` took 43 MB (zstd): a clinic's 1 GiB keeps some 20 million changes of each table.
- Of the web pages, Kafdrop takes some 180 MB beside its heap (240 MB were measured with a heap of 64 MB) and Kowl 30 MB
  in all. They are extra, and not in ``host_mb``.
- ``host_mb`` is what a server must have, and from where ``auto`` gives it that profile. A server reports less memory
  than was sold, by what its kernel and firmware keep (2 to 4 %), and some MB more or less after an update of the
  kernel. The limits lie between the sizes that are sold: 8 and 12 GB, 16 and 24 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

AUTO = "auto"
MIB, GIB = 1024**2, 1024**3


@dataclass(frozen=True)
class Profile:
    """One size of server. Memory is in MiB."""

    name: str
    host_mb: int
    broker_heap_mb: int
    broker_limit_mb: int
    connect_heap_mb: int
    connect_limit_mb: int
    #: Only where there is one.
    zookeeper_heap_mb: int
    zookeeper_limit_mb: int
    #: Bytes that each table's topic keeps; beyond them its oldest events go.
    retention_bytes: int
    #: What may wait between the reader of the binlog and Kafka, in bytes and in events.
    queue_bytes: int
    queue_size: int
    #: Events that are handed on in one go.
    batch_size: int
    #: The web pages, where a site has them.
    kafdrop_heap_mb: int
    kafdrop_limit_mb: int
    kowl_limit_mb: int

    @property
    def memory(self) -> Dict[str, int]:
        """The part that the containers are made with."""
        names = ("host_mb", "broker_heap_mb", "broker_limit_mb", "connect_heap_mb", "connect_limit_mb")
        return {name: getattr(self, name) for name in names}

    @property
    def ui_memory(self) -> Dict[str, int]:
        """The same for the web pages."""
        names = ("kafdrop_heap_mb", "kafdrop_limit_mb", "kowl_limit_mb")
        return {name: getattr(self, name) for name in names}

    @property
    def zookeeper(self) -> Dict[str, int]:
        """The same for ZooKeeper."""
        return {"heap_mb": self.zookeeper_heap_mb, "limit_mb": self.zookeeper_limit_mb}


#: From the smallest to the largest.
PROFILES: Tuple[Profile, ...] = (
    Profile("clinic", 3500, 256, 640, 320, 704, 64, 192, 1 * GIB, 32 * MIB, 2048, 512, 64, 384, 128),
    Profile("district", 10500, 512, 1024, 768, 1280, 96, 224, 4 * GIB, 64 * MIB, 4096, 1024, 96, 448, 192),
    Profile("referral", 21500, 1024, 2048, 1536, 2304, 128, 256, 16 * GIB, 128 * MIB, 8192, 2048, 128, 512, 256),
)
NAMES = tuple(profile.name for profile in PROFILES)


class ProfileError(ValueError):
    """No profile can be told; the message says what to set."""


@dataclass(frozen=True)
class Choice:
    """A profile, and in words why it is that one."""

    profile: Profile
    reason: str


def by_memory(memory_mb: int) -> Profile:
    """Return the largest profile that a server is large enough for, the smallest where none is."""
    fitting = [profile for profile in PROFILES if memory_mb >= profile.host_mb]
    return fitting[-1] if fitting else PROFILES[0]


def choose(wanted: str, memory_mb: int) -> Choice:
    """Return the named profile, or for ``auto`` that of the memory; 0 is a memory that nobody has looked up."""
    if wanted == AUTO:
        if memory_mb <= 0:
            raise ProfileError(
                "event_log_profile is 'auto', and the memory of this host is not known: gather facts "
                f"(memtotal_mb), or set event_log_profile to one of {', '.join(NAMES)}."
            )
        profile = by_memory(memory_mb)
        return Choice(profile, f"{profile.name}, by {memory_mb} MB of memory")
    named = [profile for profile in PROFILES if profile.name == wanted]
    if not named:
        raise ProfileError(f"event_log_profile is {wanted!r}: set it to one of {', '.join((AUTO, *NAMES))}.")
    return Choice(named[0], f"{wanted}, as the inventory says")
