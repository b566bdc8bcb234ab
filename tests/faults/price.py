# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What durability costs, in rows of a first snapshot a second: python -m tests.faults.price --rows 200000"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Sequence

from tests.faults import disk
from tests.faults.cuts import say
from tests.faults.load import BURSTS, DATABASE, TEXT, Load
from tests.faults.power import slow_library
from tests.faults.stack import WORKER, Stack, end_of, wait_for
from tests.faults.variants import VARIANTS

ONCE = 100_000


def rows_a_second(name: str, rows: int, slow_ms: float) -> float:
    with tempfile.TemporaryDirectory(prefix="eventlog-faults-") as root, disk.pool(Path(root)) as pool:
        made = disk.new_disk(pool / "disk", pool / "disk.at")
        with made.mounted() as at:
            stack = Stack(at, pool / "etc", VARIANTS[name], slow_library(pool, slow_ms))
            with stack.up_from_nothing():
                stack.sql(*Load(1).schema(), "SET SESSION cte_max_recursion_depth = 1000000")
                for first in range(0, rows, ONCE):
                    stack.sql(
                        "SET SESSION cte_max_recursion_depth = 1000000",
                        f"INSERT INTO {DATABASE}.{BURSTS[0]} (id, rev, text) WITH RECURSIVE n (i) AS (SELECT {first}"  # noqa: S608
                        f" UNION ALL SELECT i + 1 FROM n WHERE i < {min(first + ONCE, rows) - 1})"
                        f" SELECT i, 0, LEFT(CONCAT(SHA2(i, 256), SHA2(i + 1, 256)), {TEXT}) FROM n",
                    )
                stack.await_worker()
                stack.register()
                worker = stack.running[WORKER]
                wait_for("the first row", lambda: end_of(BURSTS[0]), 120, worker)
                begun, first = time.monotonic(), end_of(BURSTS[0])
                wait_for("the last row", lambda: end_of(BURSTS[0]) >= rows, 400, worker)
                return (rows - first) / (time.monotonic() - begun)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--slow-ms", type=float, default=0)
    parser.add_argument("--variant", action="append", choices=list(VARIANTS))
    parser.add_argument("--times", type=int, default=1)
    wanted = parser.parse_args(words)
    for _ in range(wanted.times):
        for name in wanted.variant or ("first", "small", "ours"):
            speed = rows_a_second(name, wanted.rows, wanted.slow_ms)
            say(f"{name}: {speed:.0f} rows/s")
            print(json.dumps({"variant": name, "slow_ms": wanted.slow_ms, "rows": wanted.rows, "rows_s": round(speed)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
