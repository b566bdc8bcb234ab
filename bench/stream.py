# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast and how large the stream is, beside the first version's settings in the same run.

python -m bench.stream [PART...] [--obs 1000000] [--rounds 3]         (Docker, root, the images; an idle machine)

Parts: snapshot, latency, catch_up, trickle, memory, durability. In each round every way is measured once, by turns; the
table shows medians. Each measurement is printed as a line of JSON when it is done, and kept in .cache/bench.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from bench import stream_parts as parts
from bench.results import described, machine, write
from bench.stream_rig import FIRST, OBS_OF_A_PATIENT, OURS, SAMPLE, UNSAFE, Filled, by_size, filled, variants
from tests.faults import disk
from tests.faults.power import slow_library

PREFIX = "eventlog-bench-"
SLOW_MS = 5.0
RATES = (50, 200, 500)
#: A form of OpenMRS: rows of obs that are saved together, and so long after the one before that they meet nowhere.
ROWS_OF_A_SAVE, PAUSE = 15, 0.7  # seconds: longer than the first version keeps changes together
#: Name of a part, what is told by the way it was measured, and the measurement.
Measurement = tuple[str, str, Callable[[], dict[str, Any]]]


def _snapshot(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    obs, sample = variants(("obs",)), variants(SAMPLE)
    del wanted, pool
    for way in (FIRST, OURS):
        yield "snapshot of obs", way, partial(parts.snapshot, base, obs[way])
    yield "snapshot of obs", "the database's own client", partial(parts.floor, base, obs[OURS])
    for way in (FIRST, OURS):
        yield "snapshot of the sample", way, partial(parts.snapshot, base, sample[way])


def _latency(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    del pool
    for way in (FIRST, OURS):
        variant = variants(("obs",))[way]
        yield "latency", way, partial(parts.latency, base, variant, wanted.rates, wanted.seconds, wanted.idle)


def _catch_up(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    del pool
    for way in (FIRST, OURS):
        yield "catch-up", way, partial(parts.catch_up, base, variants(("obs",))[way], wanted.changes)


def _trickle(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    del pool
    for way in (FIRST, OURS):
        measure = partial(parts.trickle, base, variants(("obs",))[way], wanted.saves, ROWS_OF_A_SAVE, PAUSE)
        yield "trickle", way, measure


def _memory(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    del pool
    for variant in (variants(("obs",))[FIRST], *by_size(("obs",))):
        yield "memory", variant.name, partial(parts.memory, base, variant, wanted.day)


def _durability(wanted: argparse.Namespace, base: Filled, pool: Path) -> Iterator[Measurement]:
    obs, slow = variants(("obs",)), slow_library(pool, SLOW_MS)
    del wanted
    for way in (UNSAFE, OURS):
        yield "durability", way, partial(parts.snapshot, base, obs[way])
    for way in (FIRST, UNSAFE, OURS):
        yield "durability, each sync 5 ms slower", way, partial(parts.snapshot, base, obs[way], slow)


PARTS: Mapping[str, Callable[[argparse.Namespace, Filled, Path], Iterator[Measurement]]] = {
    "snapshot": _snapshot,
    "latency": _latency,
    "catch_up": _catch_up,
    "trickle": _trickle,
    "memory": _memory,
    "durability": _durability,
}


def flat(figures: dict[str, Any], before: str = "") -> dict[str, float]:
    """Figures within figures, by one name."""
    found: dict[str, float] = {}
    for key, value in figures.items():
        found.update(flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": float(value)})
    return found


def medians(taken: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each figure of each way of each part, in the order of the measurements."""
    series: dict[tuple[str, str, str], list[float]] = {}
    for one in taken:
        for key, value in flat(one["figures"]).items():
            series.setdefault((one["part"], one["way"], key), []).append(value)
    return [
        {
            "part": part, "way": way, "figure": key, "n": len(values), "median": statistics.median(values),
            "least": min(values), "most": max(values),
        }
        for (part, way, key), values in series.items()
    ]  # fmt: skip


def table(lines: Sequence[dict[str, Any]]) -> str:
    """For each part a table: a line for each figure, a column for each way, and the ratio of ours to the first."""
    text = ""
    for part in dict.fromkeys(line["part"] for line in lines):
        mine = [line for line in lines if line["part"] == part]
        ways = list(dict.fromkeys(line["way"] for line in mine))
        by = {(line["figure"], line["way"]): line for line in mine}
        compared = FIRST in ways and OURS in ways
        head = ["figure", *ways, *(["ours : first"] if compared else [])]
        text += f"\n### {part}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
        for figure in dict.fromkeys(line["figure"] for line in mine):
            cells = [shown(by.get((figure, way))) for way in ways]
            if compared:
                cells.append(ratio(by.get((figure, OURS)), by.get((figure, FIRST))))
            text += f"| {figure} | {' | '.join(cells)} |\n"
    return text


def shown(line: dict[str, Any] | None) -> str:
    """The median, and where there is more than one its spread."""
    if line is None:
        return ""
    spread = "" if line["n"] == 1 else f" ({number(line['least'])} to {number(line['most'])})"
    return f"{number(line['median'])}{spread}"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def ratio(ours: dict[str, Any] | None, first: dict[str, Any] | None) -> str:
    return f"{ours['median'] / first['median']:.2f}" if ours and first and first["median"] else ""


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--obs", type=int, default=1_000_000, help="rows of obs, about (default: 1000000)")
    parser.add_argument("--way", action="append", help=f"only this way, such as {OURS}; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="commits a second")
    parser.add_argument("--seconds", type=float, default=30, help="how long at each rate")
    parser.add_argument("--idle", type=float, default=60, help="seconds in which nothing happens")
    parser.add_argument("--changes", type=int, default=500_000, help="of the backlog")
    parser.add_argument("--saves", type=int, default=100, help="of the trickle")
    parser.add_argument("--day", type=int, default=10_000, help="changes of a day")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(words)
    if unknown := set(wanted.part) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    facts, taken = machine(), []
    with contextlib.ExitStack() as held:
        pool = held.enter_context(disk.pool(Path(held.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))))
        base = held.enter_context(filled(pool, max(1, wanted.obs // OBS_OF_A_PATIENT), wanted.seed))
        facts["rows of obs"] = base.obs
        for turn in range(wanted.rounds):
            for name in wanted.part or PARTS:
                for part, way, measure in PARTS[name](wanted, base, pool):
                    if wanted.way and way not in wanted.way:
                        continue
                    taken.append({"part": part, "way": way, "round": turn, "figures": measure()})
                    print(json.dumps(taken[-1]), flush=True)
    lines = medians(taken)
    text = f"{described(facts)}\n{table(lines)}"
    kept = write("stream", [], {"machine": facts, "taken": taken, "medians": lines}, text)
    print(f"{text}\nkept in {kept} and beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
