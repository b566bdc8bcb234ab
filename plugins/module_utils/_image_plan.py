# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an image gets onto a host, decided from what is there and what the store has: nothing here touches either."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration
from ansible_collections.openmrs.event_log.plugins.module_utils._image_archive import Described, repository_of, stem_of

MB = 1000 * 1000
# Speeds that an unknown line is explained at, in kilobits per second.
SPEEDS = (512, 2048, 10240)
# A packed archive that says nothing of its contents' size: what they take at most. An image of Java takes 4.9.
UNPACKED = 6
# rsync describes each block of the file that the host has: 22 bytes for about 16 kB, and the paper of the protocol.
OVERHEAD = 0.002
SPARE = 64 * MB


@dataclass(frozen=True)
class Space:
    """Room on the file system of a path."""

    path: str
    device: int
    free: int


@dataclass(frozen=True)
class Present:
    """An image that the host's engine has."""

    reference: str
    layers: Tuple[str, ...] = ()
    size: int = 0
    tagged: str = ""
    in_use: bool = False


def rank(image: Present) -> Tuple[bool, str, str]:
    """What runs comes before what came later: it is what a site goes back to."""
    return image.in_use, image.tagged, image.reference


@dataclass(frozen=True)
class Lying:
    """An archive that lies on the host already."""

    path: str
    size: int
    described: Optional[Described] = None
    problem: str = ""
    plain: int = 0  # bytes when unpacked, if the archive itself says it


@dataclass(frozen=True)
class Host:
    name: str
    architecture: str
    incoming: Space
    engine: Space
    present: Tuple[Present, ...] = ()
    lying: Mapping[str, Lying] = field(default_factory=dict)
    arrived: Mapping[str, int] = field(default_factory=dict)
    rsync: str = ""  # its version; empty where there is none
    # Images that were asked for at a registry in vain, and what was said.
    unreached: Mapping[str, str] = field(default_factory=dict)

    def has(self, reference: str) -> bool:
        return any(image.reference == reference for image in self.present)

    def former(self, reference: str) -> Optional[Present]:
        """The image of the same name that runs, else the one that came last: the next has most in common with it."""
        same = [image for image in self.present if repository_of(image.reference) == repository_of(reference)]
        others = [image for image in same if image.reference != reference]
        return max(others, key=rank) if others else None


@dataclass(frozen=True)
class Wish:
    image: str
    source: str  # build, archive or registry
    stored: Optional[Described] = None
    store: str = ""
    places: Tuple[str, ...] = ()
    problem: str = ""  # what is wrong with the store's archive, where the image may be missing


@dataclass(frozen=True)
class Step:
    """What is done for one image. `moves` is the most that goes over the line."""

    image: str
    way: str  # nothing, build, load, whole, delta, pull
    moves: int = 0
    here: int = 0
    plain: int = 0
    basis: str = ""
    basis_size: int = 0
    path: str = ""

    @property
    def changes(self) -> bool:
        return self.way != "nothing"

    @property
    def ships(self) -> bool:
        return self.way in ("whole", "delta")

    @property
    def file(self) -> str:
        """Name of a copy on the host."""
        return f"{stem_of(self.image)}.tar" if self.way == "delta" else self.path


@dataclass(frozen=True)
class Plan:
    steps: Tuple[Step, ...]
    removals: Tuple[str, ...]
    problems: Tuple[str, ...]
    # Images that may be missing and are, with the reason. Those that are not are among the steps, after the others.
    absent: Tuple[Tuple[str, str], ...] = ()

    @property
    def moves(self) -> int:
        return sum(step.moves for step in self.steps)


def missing_from(described: Described, former: Present) -> int:
    """Bytes of the layers that the former image does not have, packed: rsync finds the rest on the host."""
    return sum(layer.packed_size for layer in described.layers if layer.diff_id not in former.layers)


def step_for(wish: Wish, host: Host, may_delta: bool = True) -> Step:
    elsewhere = {"build": "build", "registry": "pull"}
    if host.has(wish.image) or wish.source in elsewhere:
        return Step(wish.image, "nothing" if host.has(wish.image) else elsewhere[wish.source])
    lying = host.lying.get(wish.image)
    if lying is not None:
        return Step(wish.image, "load", plain=_plain(lying), path=lying.path)
    stored = wish.stored
    if stored is None:
        return Step(wish.image, "missing")
    former = host.former(wish.image)
    if former is None or not may_delta or stored.archive_size == 0:
        here = min(host.arrived.get(stored.archive, 0), stored.archive_size)
        return Step(wish.image, "whole", stored.archive_size - here, here, stored.plain_size, path=stored.archive)
    moves = min(missing_from(stored, former), stored.archive_size) + round(stored.plain_size * OVERHEAD)
    return Step(
        wish.image,
        "delta",
        moves,
        min(host.arrived.get(f"{stem_of(wish.image)}.tar", 0), stored.plain_size),
        plain=stored.plain_size,
        basis=former.reference,
        basis_size=former.size,
        path=stored.archive,
    )


def optional_step(wish: Wish, host: Host, may_delta: bool = True) -> Step:
    """What brings an image that may be missing: an archive wherever there is one, else its registry."""
    step = step_for(replace(wish, source="archive"), host, may_delta)
    if step.way == "missing" and wish.source != "archive" and wish.image not in host.unreached:
        return Step(wish.image, "pull")
    return step


def _plain(lying: Lying) -> int:
    if lying.described is not None:
        return lying.described.plain_size
    return max(lying.plain, lying.size) if lying.plain else lying.size * (UNPACKED if _is_packed(lying) else 1)


def _is_packed(lying: Lying) -> bool:
    return lying.path.endswith(".zst")


def removals(host: Host, own: str, wanted: Sequence[str], keep: int) -> Tuple[str, ...]:
    """Former images of that name of ours, but what runs and the latest: the way back, and the next basis."""
    if keep < 0:
        return ()
    mine = [x for x in host.present if repository_of(x.reference) == own and x.reference not in wanted]
    latest = sorted(mine, key=rank, reverse=True)
    return tuple(sorted(image.reference for image in latest[keep:] if not image.in_use))


def plan(wishes: Sequence[Wish], host: Host, own: Sequence[str] = (), keep: int = 1, may_delta: bool = True) -> Plan:
    steps = tuple(step_for(wish, host, may_delta) for wish in wishes)
    problems: List[str] = []
    for wish, step in zip(wishes, steps):
        problems += _problems(wish, step, host)
    if not problems:
        problems = _disk(steps, host)
    # Only when one of that name comes, for which the former ones make room. What ran until then cannot go with them;
    # a run in which nothing comes would find that, and report a change. What is built may be meant for other hosts.
    coming = {repository_of(step.image) for step in steps if step.way not in ("nothing", "build")}
    wanted = [wish.image for wish in wishes]
    gone = [removals(host, name, wanted, keep) for name in own if name in coming and not problems]
    return Plan(steps, tuple(image for images in gone for image in images), tuple(problems))


def with_optional(plan: Plan, wishes: Sequence[Wish], host: Host, may_delta: bool = True) -> Plan:
    """The same plan with images that may be missing: what keeps one away is said, and keeps nothing else away."""
    steps, absent = list(plan.steps), []
    for wish in wishes:
        step = optional_step(wish, host, may_delta)
        why = [wish.problem] if wish.problem else _problems(wish, step, host) or _disk([*steps, step], host)
        if why and step.way != "nothing":
            absent.append((wish.image, " ".join(why)))
        else:
            steps.append(step)
    return replace(plan, steps=tuple(steps), absent=tuple(absent))


def _problems(wish: Wish, step: Step, host: Host) -> List[str]:
    if step.way == "missing":
        here = f"{host.name} has none in {', '.join(wish.places)}, and " if wish.places else ""
        asked = host.unreached.get(wish.image, "")
        pulled = f"It cannot be pulled: {asked}. " if asked else ""
        return [
            f"{pulled}There is no archive of {wish.image}: {here}the control node has none in event_log_images_dir "
            f"({wish.store or 'not set'}). Write one there with the playbook images.yml, on a machine with internet "
            f"and Docker, or carry one to {host.name} and name its place (event_images_archive)."
        ]
    lying = host.lying.get(wish.image)
    if step.way == "load" and lying is not None and lying.problem:
        return [lying.problem]
    described = lying.described if step.way == "load" and lying is not None else wish.stored if step.ships else None
    if described is not None and host.architecture and described.architecture != host.architecture:
        return [
            f"The archive of {wish.image} is for {described.architecture}, and {host.name} is {host.architecture}. "
            f"Build the image on a machine like {host.name} (playbook images.yml)."
        ]
    return []


def _disk(steps: Sequence[Step], host: Host) -> List[str]:
    """Room for the copies and for the engine, which unpacks an archive before it keeps the layers."""
    plains = [step.plain for step in steps if step.changes and step.plain]
    if not plains:
        return []
    engine = sum(plains) + max(plains) + SPARE
    copies = [_incoming(step) for step in steps if step.ships]
    incoming = max(copies) if copies else 0
    needs: List[Tuple[Space, int, str]] = [(host.engine, engine, "the engine")]
    if incoming and host.incoming.device == host.engine.device:
        needs = [(host.engine, engine + incoming, "the engine and the arriving copy")]
    elif incoming:
        needs.append((host.incoming, incoming + SPARE, "the arriving copy"))
    return [
        f"{host.name} has {megabytes(space.free)} free at {space.path}, and {megabytes(need)} are needed there for "
        f"{what}: "
        f"{', '.join(step.image for step in steps if step.plain)}. Free {megabytes(need - space.free)} there "
        f"(docker system df shows what Docker holds), or give it a larger disk. Nothing was copied."
        for space, need, what in needs
        if space.free < need
    ]


def _incoming(step: Step) -> int:
    """A difference needs its basis, what a cut copy brought, and the new file beside it."""
    return step.moves if step.way == "whole" else step.basis_size + 2 * step.plain - step.here


def megabytes(count: int) -> str:
    return f"{count / MB:.0f} MB" if count >= 10 * MB else f"{max(count / MB, 0.1):.1f} MB"


def takes(count: int, bandwidth_kbit: int) -> str:
    """How long a line needs for so many bytes; what common lines need where the site did not say what it has."""
    if bandwidth_kbit > 0:
        return f"{duration(max(1, count * 8 / (bandwidth_kbit * 1000)))} at {bandwidth_kbit} kbit/s"
    said = [f"{duration(max(1, count * 8 / (speed * 1000)))} at {speed} kbit/s" for speed in SPEEDS]
    return ", ".join(said) + " (event_log_bandwidth_kbit says which this site has)"


def forecast(steps: Sequence[Step], bandwidth_kbit: int) -> List[str]:
    """What will move and how long that takes, before it does."""
    said: Dict[str, str] = {
        "load": "{image}: nothing moves, the archive lies on the host ({path}).",
        "pull": "{image}: the host pulls it from its registry.",
        "build": "{image}: is built.",
    }
    lines = []
    for step in steps:
        if step.way == "whole":
            rest = f"; the other {megabytes(step.here)} of it are there" if step.here else ""
            lines.append(f"{step.image}: {megabytes(step.moves)} to copy, {takes(step.moves, bandwidth_kbit)}{rest}.")
        elif step.way == "delta":
            lines.append(
                f"{step.image}: at most {megabytes(step.moves)} to copy, what differs from {step.basis}, "
                f"{takes(step.moves, bandwidth_kbit)}."
            )
        elif step.way in said:
            lines.append(said[step.way].format(image=step.image, path=step.path))
    return lines
