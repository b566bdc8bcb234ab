# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to ask many sites how they are, beside asking them one after the other.

python -m bench.fleet_status --sites 40

The sites are made up and answer on this machine, each with a past of 400 days; every ninth is away. Measured by turns:
the playbook ``status`` with its page, and the answer of one site after the other, by a program that writes no page.
Exit code 1: the target was missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Sequence

from bench.results import Measured, described, machine, table, write
from tests.helpers import made_fleet

MOST_SECONDS = 20.0  # for 40 sites on 2 cores
MOST_BYTES = 500_000


def playbook(hosts: Path) -> float:
    begun = time.monotonic()
    done = made_fleet.ask(hosts)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - begun


def by_hand(folder: Path) -> float:
    begun = time.monotonic()
    for command in sorted(folder.glob("clinic-??")):
        subprocess.run([str(command)], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args(words)
    here = machine()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        hosts = made_fleet.inventory(folder, wanted.sites)
        rounds = [(playbook(hosts), by_hand(folder)) for _ in range(wanted.rounds)]
        size = (folder / "page/index.html").stat().st_size
    rows = [
        Measured.of(f"playbook status, {wanted.sites} sites, with the page", [one for one, _ in rounds]),
        Measured.of("one after the other, no page", [one for _, one in rounds]),
    ]
    met = rows[0].median < MOST_SECONDS and size < MOST_BYTES
    text = f"{described(here)}\n\n{table(rows)}\nThe page has {size} bytes. Targets {'met' if met else 'MISSED'}."
    facts = {"machine": here, "sites": wanted.sites, "page_bytes": size, "met": met}
    print(text, write("fleet_status", rows, facts, text), sep="\n\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
