# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts the power of a running event log, again and again: python -m tests.faults.power --cuts 300 --seed 1

Each round writes a load, copies the disk at random moments and compares in every copy the stored offset with the
events; of some copies the whole stack is started. One line of JSON per round; the closing line sums all of them up.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Sequence

from tests.faults import cuts, disk
from tests.faults.compare import Ordered
from tests.faults.load import Load
from tests.faults.recovery import recover
from tests.faults.variants import VARIANTS, retaining

SLOW_SOURCE = Path(__file__).parent / "slow_sync.c"
ROUND = 1000  # copies of one round


def slow_library(directory: Path, milliseconds: float) -> str:
    """Build what makes every sync of a process take so much longer; nothing where it shall not."""
    if not milliseconds:
        return ""
    built = directory / "slow_sync.so"
    delay = f"-DDELAY_NS={int(milliseconds * 1_000_000)}L"
    subprocess.run(["cc", "-shared", "-fPIC", delay, "-o", str(built), str(SLOW_SOURCE), "-ldl"], check=True)
    return str(built)


def one_round(wanted: argparse.Namespace, name: str, seed: int, root: Path) -> dict[str, Any]:
    load = Load(seed, wanted.ddl_every, wanted.large)
    variant = replace(VARIANTS[name], tables=load.tables)
    if wanted.retention:
        variant = retaining(variant)
    with disk.pool(root) as pool, cuts.writeback(wanted.dirty_expire, wanted.dirty_writeback):
        slow = slow_library(pool, wanted.slow_ms)
        count = min(wanted.cuts, ROUND)
        run = cuts.stream(pool, variant, load, count, wanted.seconds, slow=slow)
        seen = cuts.look(run, pool / "look.at")
        chance = random.Random(seed + 1)  # noqa: S311
        fitting = [number for number in range(count) if fits(wanted, seen[number])]
        chance.shuffle(fitting)
        if wanted.worst:
            fitting.sort(key=lambda number: (seen[number].ahead, seen[number].history_ahead), reverse=True)
        chosen = fitting[: wanted.recoveries]
        back = []
        for number in chosen:
            again = chance.uniform(8, 25) if wanted.twice else 0
            back += recover(pool, run, run.copies[number], again)
        span = sorted(one.again_ms for one in seen if one.offset)
        return {
            "variant": name,
            "seed": seed,
            "slow_ms": wanted.slow_ms,
            "dirty_expire": wanted.dirty_expire,
            "ddl_every": wanted.ddl_every,
            "large": wanted.large,
            "kept_from": run.kept_from if wanted.retention else None,
            "deleting": sum(one.deleting > 0 for one in seen),
            "transactions": run.transactions,
            "copies": len(seen),
            "ahead": sum(one.ahead > 0 for one in seen),
            "worst_ahead": max((one.ahead for one in seen), default=0),
            "history_ahead": sum(one.history_ahead > 0 for one in seen),
            "no_registration": sum(not one.registered for one in seen),
            "no_offset": sum(one.offset is None for one in seen),
            "again_ms": [span[len(span) // 2], span[-1]] if span else [],
            "again_most": max((one.again for one in seen), default=0),
            "recoveries": [
                {
                    "good": one.good,
                    "snapshot_again": one.snapshot_again,
                    "said": one.said,
                    "seconds": round(one.seconds, 1),
                    "changes": one.outcome.changes,
                    "missing": len(one.outcome.missing),
                    "untold": len(one.outcome.untold),
                    "ghosts": one.outcome.ghosts,
                    "wrong": len(one.outcome.wrong),
                    "duplicates": one.outcome.duplicates,
                    "examples": [asdict(change) for change in one.outcome.missing[:2]] + one.outcome.wrong[:2],
                }
                for one in back
            ],
        }


def fits(wanted: argparse.Namespace, one: Ordered) -> bool:
    """Whether a copy is one of those that shall be started."""
    if wanted.in_snapshot or wanted.large:
        return one.offset is None
    return one.offset is not None and (one.deleting > 0 or not wanted.retention)


def summary(rounds: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each variant."""
    lines = []
    for name in dict.fromkeys(one["variant"] for one in rounds):
        own = [one for one in rounds if one["variant"] == name]
        total = Counter[str]()
        for one in own:
            total.update(
                {key: one[key] for key in ("copies", "ahead", "history_ahead", "no_registration", "no_offset")}
            )
        back = [recovery for one in own for recovery in one["recoveries"]]
        lines.append(
            f"{name}: {total['copies']} copies, offset ahead of events in {total['ahead']}, of the schema history in "
            f"{total['history_ahead']}, no registration in {total['no_registration']}, no offset in "
            f"{total['no_offset']}; {sum(one['good'] for one in back)} of {len(back)} recoveries good, "
            f"{sum(one['missing'] for one in back)} of {sum(one['changes'] for one in back)} changes lost, "
            f"{sum(one['untold'] for one in back)} from before a snapshot that began anew without an event, "
            f"at most {max((one['duplicates'] for one in back), default=0)} duplicates"
        )
    return lines


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=ROUND, help="copies for each variant")
    parser.add_argument("--recoveries", type=int, default=1, help="copies of each round that are started")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="how long a round writes")
    parser.add_argument("--variant", action="append", choices=list(VARIANTS), help="default: all")
    parser.add_argument("--slow-ms", type=float, default=0, help="how much longer each sync of the disk takes")
    parser.add_argument("--dirty-expire", type=int, default=0, help="vm.dirty_expire_centisecs for this run")
    parser.add_argument("--dirty-writeback", type=int, default=0, help="vm.dirty_writeback_centisecs for this run")
    parser.add_argument("--ddl-every", type=int, default=400, help="a table is altered after so many transactions")
    parser.add_argument("--retention", action="store_true", help="with retention and compaction at work all the time")
    parser.add_argument(
        "--large", type=int, default=0, metavar="ROWS", help="cut in the snapshot of a table of so many rows"
    )
    parser.add_argument("--twice", action="store_true", help="cut the power once more while it comes back")
    parser.add_argument("--in-snapshot", action="store_true", help="start copies that have no stored position yet")
    parser.add_argument("--worst", action="store_true", help="start the copies whose offset is furthest ahead")
    parser.add_argument("--results", type=Path, help="a file to which each round's line is added")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    wanted = parse(words)
    missing = disk.missing_tools()
    if missing:
        print(f"not here: {', '.join(missing)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was mounted and started goes then, too
    rounds = []
    for name in wanted.variant or list(VARIANTS):
        for number in range(-(-wanted.cuts // ROUND)):
            with tempfile.TemporaryDirectory(prefix="eventlog-faults-") as root:
                rounds.append(one_round(wanted, name, wanted.seed + number, Path(root)))
            line = json.dumps(rounds[-1])
            print(line, flush=True)
            if wanted.results:
                with wanted.results.open("a", encoding="utf-8") as results:
                    results.write(line + "\n")
    print("\n".join(summary(rounds)))
    ours = [one for one in rounds if one["variant"] == "ours"]
    bad = any(one["ahead"] or one["history_ahead"] or one["no_registration"] for one in ours)
    return int(bad or any(not recovery["good"] for one in ours for recovery in one["recoveries"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
