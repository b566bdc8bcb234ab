# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to bring the event log to servers without internet, over SSH, beside doing it by hand.

python -m bench.deploy [--rounds 3] [--light 10]        (Docker, root; a quarter of an hour on an idle machine)

Measured on the same servers in the same run, by turns: playbooks/site.yml of this collection, and what somebody types
(bench/deploy_hand.py). Bytes are those of the servers' network interfaces. Nothing has a target.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Sequence

from bench.results import ROOT, Measured, machine, write
from bench.results import described as in_one_line

sys.path.insert(0, str(ROOT / ".cache"))  # as pytest has it: the helpers import the collection by its name

from bench.deploy_hand import Hand, log_in, look_at_engines, nothing_to_do
from bench.deploy_servers import (
    CONTEXT,
    FORMER_DEBEZIUM,
    FULL_IMAGE,
    LIGHT_IMAGE,
    STORE,
    Taken,
    fill,
    power_off,
    power_on,
    prepare_control_node,
    row_arrives,
    run,
    servers,
    settle,
    taking,
)
from tests.helpers.calls import call
from tests.helpers.hospital import CARRIED, Site
from tests.helpers.playbooks import Outcome

PLAYBOOK, HAND = "playbook", "by hand"
# A build without any care for size, as domain knowledge has it: an unslimmed base and Debian's whole runtime.
NAIVE_ARCHIVE, NAIVE_IMAGE = 313, 673  # MB
SLICE = ("--tags", "engine")  # preflight.yml, which always runs, and engine.yml


def images() -> dict[str, Any]:
    """What is carried."""
    image = call("image_build", check=True, context=str(CONTEXT), name="openmrs-event-log")["image"]
    (description,) = STORE.glob(f"{image.replace(':', '-')}*.json")
    described = json.loads(description.read_text(encoding="utf-8"))
    asked = ["docker", "image", "inspect", "-f", "{{.Size}}", described["image"]]
    unpacked = int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    packages = (CARRIED / "packages" / "debian-12").rglob("*.deb")
    return {
        "image": described["image"],
        "archive_mb": round(described["archive_size"] / 1e6, 1),
        "unpacked_mb": round(unpacked / 1e6, 1),
        "packages_mb": round(sum(path.stat().st_size for path in packages) / 1e6, 1),
    }


class Benchmark:
    """The steps, in an order in which each finds what it needs."""

    def __init__(self, directory: Path, rounds: int) -> None:
        self.directory, self.rounds = directory, rounds
        self.log: list[Taken] = []
        self.profile: dict[str, list[tuple[str, str, float]]] = {}

    def play(self, step: str, sites: Sequence[Site], *words: str, former: bool = False, recorded: bool = True) -> None:
        with taking(self.log, step, PLAYBOOK, sites):
            outcome = run(self.directory, sites, *words, former=former, recorded=recorded)
        self.remember(step, sites, outcome)

    def remember(self, step: str, sites: Sequence[Site], outcome: Outcome) -> None:
        """Each task on the first server, where the run was recorded: that takes a second of thirty."""
        executed = [event for event in outcome.run.executed if event.host == sites[0].name]
        if executed:
            self.profile.setdefault(step, [(event.task, event.action, event.seconds) for event in executed])

    @property
    def tasks(self) -> dict[str, int]:
        """How many were executed on the first server."""
        return {step: len(tasks) for step, tasks in self.profile.items()}

    def install(self, sites: list[Site]) -> None:
        for site in sites:
            fill(site)
        self.play("first install", sites[:1], former=True)
        if sites[1:]:
            run(self.directory, sites[1:], former=True)
        for site in sites:
            settle(site)

    def no_op(self, sites: list[Site]) -> None:
        hands = [Hand.of(site) for site in sites]
        for step, words in (("nothing to do", ()), ("nothing to do, check mode", ("--check",))):
            self.remember(step, sites, run(self.directory, sites[:1], *words, former=True))
        for _ in range(self.rounds):
            for count in sorted({1, len(sites)}):
                self.play("nothing to do", sites[:count], former=True, recorded=False)
                self.play("nothing to do, check mode", sites[:count], "--check", former=True, recorded=False)
                with taking(self.log, "nothing to do", HAND, sites[:count]):
                    nothing_to_do(hands[:count])

    def power(self, site: Site, rounds: int) -> None:
        hand = Hand.of(site)
        for number in range(rounds):
            by_hand = [(HAND, "disable")] if number < self.rounds else []
            for way, switch in [(PLAYBOOK, "enable"), *by_hand]:
                site.sh(f"systemctl {switch} event-log.service")
                size = settle(site)
                power_off(site)
                with taking_power(self.log, way):
                    power_on(site)
                    if way == HAND:
                        log_in(site)
                        hand.up()
                        hand.register()
                    row_arrives(site, size)
        site.sh("systemctl enable event-log.service")
        run(self.directory, [site], former=True)

    def upgrade(self, sites: list[Site], image: str) -> None:
        settle(sites[0])
        self.play("upgrade of Debezium", sites[:1])
        if sites[1:]:
            hand = Hand.of(sites[1])
            with taking(self.log, "upgrade of Debezium", HAND, sites[1:2]):
                hand.load(image)
                hand.change_image(image)
                hand.up()
                hand.register()

    def install_by_hand(self, site: Site, image: str) -> None:
        """Where the playbook has been: engine, account, database and directories are there."""
        hand = Hand.of(site)
        hand.change_image(image)
        settings = hand.settings()
        hand.forget()
        with taking(self.log, "first install, engine there", HAND, [site]):
            hand.load(image)
            hand.send(settings)
            hand.up()
            hand.register()
        hand.forget()
        self.play("first install, engine there", [site])

    def light(self, sites: list[Site]) -> None:
        """A slice of the playbook, for what many servers cost the control node."""
        run(self.directory, sites, *SLICE)
        for _ in range(self.rounds):
            for count in sorted({1, min(3, len(sites)), len(sites)}):
                self.play("preflight and engine", sites[:count], *SLICE)
                with taking(self.log, "preflight and engine", HAND, sites[:count]):
                    look_at_engines(sites[:count])


def taking_power(log: list[Taken], way: str) -> Any:
    """Time only: the interface counts from nothing after power-on."""
    return taking(log, "power-on to streaming", way, [])


def table(log: Sequence[Taken]) -> str:
    """Medians, in Markdown."""
    lines = [
        "| step | servers | way | n | seconds | 95th perc. | processor here | to the servers, MB | from them, MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((one.step, one.servers, one.way) for one in log):
        mine = [one for one in log if (one.step, one.servers, one.way) == key]
        seconds = Measured.of("", [one.seconds for one in mine])
        here = statistics.median(one.control_s for one in mine)
        there = statistics.median(one.to_servers for one in mine) / 1e6
        back = statistics.median(one.from_servers for one in mine) / 1e6
        megabytes = f"{there:.2f} | {back:.2f}" if key[1] else "- | -"
        times = f"{len(mine)} | {seconds.median:.1f} | {seconds.p95:.1f} | {here:.1f}"
        lines.append(f"| {key[0]} | {key[1] or 1} | {key[2]} | {times} | {megabytes} |")
    return "\n".join(lines) + "\n"


def longest(profile: Sequence[tuple[str, str, float]], count: int = 12) -> str:
    """Where the time of a run went, in Markdown: the tasks that took longest, and all others together."""
    ordered = sorted(profile, key=lambda one: -one[2])
    rest = ordered[count:]
    lines = ["| task | module | seconds |", "|---|---|---|"]
    lines += [f"| {task} | {action} | {seconds:.2f} |" for task, action, seconds in ordered[:count]]
    lines.append(f"| {len(rest)} others | | {sum(seconds for _, _, seconds in rest):.2f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read the command line, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.deploy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of what can be repeated")
    parser.add_argument("--servers", type=int, default=3, help="full ones, at least 3 for all steps")
    parser.add_argument("--light", type=int, default=10, help="servers with an engine only; 0 leaves that step out")
    parser.add_argument("--power-rounds", type=int, default=0, help="power-ons with the unit (default: as --rounds)")
    parser.add_argument("--brief", action="store_true", help="only install, and run with nothing to do")
    parser.add_argument("--prepared", action="store_true", help="images and packages are there from the run before")
    parser.add_argument("--prefix", default="bench-site", help="of the servers' names")
    chosen = parser.parse_args()
    if not chosen.prepared:
        prepare_control_node()
    found = machine()
    carried = images()
    with tempfile.TemporaryDirectory() as place:
        bench = Benchmark(Path(place), chosen.rounds)
        try:
            with servers(chosen.prefix, chosen.servers, FULL_IMAGE) as sites:
                bench.install(sites)
                bench.no_op(sites)
                if not chosen.brief:
                    bench.power(sites[0], chosen.power_rounds or chosen.rounds)
                    bench.upgrade(sites, carried["image"])
                    if sites[2:]:
                        bench.install_by_hand(sites[2], carried["image"])
            if chosen.light:
                with servers(f"{chosen.prefix}-light", chosen.light, LIGHT_IMAGE) as light:
                    bench.light(light)
        finally:
            text = (
                f"{table(bench.log)}\nImage: archive {carried['archive_mb']} MB (built without care: {NAIVE_ARCHIVE}),"
                f" unpacked {carried['unpacked_mb']} MB ({NAIVE_IMAGE}); packages {carried['packages_mb']} MB;"
                f" upgraded from Debezium {FORMER_DEBEZIUM}.\nTasks executed on the first server: {bench.tasks}\n\n"
                f"{longest(bench.profile.get('nothing to do', []))}\n"
                f"Machine: {in_one_line({**found, 'load_after': machine()['load_before']})}\n"
            )
            facts = {
                "machine": found,
                "images": carried,
                "tasks": bench.tasks,
                "profile": bench.profile,
                "taken": [asdict(one) for one in bench.log],
            }
            kept = write("deploy", [], facts, text)
            print(text + f"\nKept in {kept.relative_to(ROOT)} and {kept.with_suffix('.json').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
