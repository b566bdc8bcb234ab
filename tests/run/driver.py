"""Runs parts of the tests, counts what truly ran, and ends with one line: N passed, N failed, N skipped."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

from tests.run.containers import container_logs, remove, remove_own
from tests.run.lanes import minutes, side_by_side
from tests.run.parts import GROUPS, PARTS, plan
from tests.run.steps import Part, Step

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "test"
LOGS = CACHE / "logs"
JUNIT = CACHE / "junit"
GREEN = CACHE / "green"
HEARTBEAT = 30.0
LANES = min(2, os.cpu_count() or 1)  # parts at a time
OVER = threading.Event()  # somebody has interrupted the run
SAYING = threading.Lock()
SKIPPED = 77  # the exit code of a check that says it cannot run here
ANSI = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\")  # colours and links
MOLECULE_ACTION = re.compile(r"^[A-Z]+ +(?:\[\S+ > [\w-]+\]|\S+ ➜ [\w-]+:) Executed: (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def say(text: str) -> None:
    with SAYING:
        print(text, flush=True)


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def environment(part: Part, step: Step) -> dict[str, str]:
    """What the commands see: the checkout's collection, and nothing of a developer's own Ansible settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
    return {
        **inherited,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
        "EVENT_LOG_TEST_JUNIT": str(JUNIT / f"{part.name}-{slug(step.name)}-verify.xml"),
        **dict(step.env),
    }


def content_hash() -> str:
    """One hash over every file that is, or could be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(set(listed.decode().split("\0")) - {""}):
        path = ROOT / name
        if path.is_file():
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def count_junit(path: Path) -> Count:
    """The cases of a pytest report; none when there is no such report."""
    if not path.is_file():
        return Count()
    total = Count()
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):  # noqa: S314 - our own report
        number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        total += Count(max(0, number["tests"] - failed - number["skipped"]), failed, number["skipped"])
    return total


def count_molecule(output: str) -> Count:
    """Every action that molecule says it carried out."""
    outcomes = MOLECULE_ACTION.findall(ANSI.sub("", output))
    passed = outcomes.count("Successful")
    failed = sum(1 for outcome in outcomes if outcome in ("Failed", "Error"))
    return Count(passed, failed, 0)


def run(argv: tuple[str, ...], env: dict[str, str], log: TextIO, seconds: float, label: str) -> int:
    """Run one command into the log; kill it and all that it started when it hangs. Returns its code (124: killed)."""
    process = subprocess.Popen(
        argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    begun = heard = time.monotonic()
    try:
        while not OVER.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.5)
            now = time.monotonic()
            if now - begun >= seconds:
                log.write(f"\nKilled after {(now - begun) / 60:.1f} minutes: taken for hanging.\n")
                return 124
            if now - heard >= HEARTBEAT:
                heard = now
                say(f"    … {label}: {now - begun:.0f} s")
        raise KeyboardInterrupt
    finally:
        if process.poll() is None:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started: politely first, for pytest and Ansible clean up when interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def step_count(part: Part, step: Step, code: int, output: str) -> Count:
    if step.kind == "check":
        return Count(passed=int(code == 0), failed=int(code not in (0, SKIPPED)), skipped=int(code == SKIPPED))
    verify = Path(environment(part, step)["EVENT_LOG_TEST_JUNIT"])
    counted = count_junit(JUNIT / f"{part.name}-{slug(step.name)}.xml") + count_junit(verify)
    if step.kind == "molecule":
        counted += count_molecule(output)
    if code == 0 and counted.passed == 0 and counted.skipped == 0:
        return counted + Count(failed=1)  # green without having run anything
    if code != 0 and counted.failed == 0:
        return counted + Count(failed=1)  # killed, or broken before it could report
    return counted


def run_part(part: Part) -> Count:
    total = Count()
    begun = time.monotonic()
    log_path = LOGS / f"{part.name}.log"
    say(f"\n== {part.name}: {part.about}")
    with log_path.open("w+", encoding="utf-8", errors="replace") as log:
        for step in part.steps:
            remaining = part.limit * 60 - (time.monotonic() - begun)
            argv = step.argv
            report = JUNIT / f"{part.name}-{slug(step.name)}.xml"
            env = environment(part, step)
            for old in (report, Path(env["EVENT_LOG_TEST_JUNIT"])):
                old.unlink(missing_ok=True)
            if step.kind == "pytest":
                argv = (*argv, f"--junitxml={report}")
            log.write(f"\n===== {step.name}: {' '.join(argv)}\n")
            log.flush()
            start, at = time.monotonic(), log.seek(0, os.SEEK_END)
            label = step.name if step.name.startswith(part.name) else f"{part.name}, {step.name}"
            code = run(argv, env, log, max(1.0, remaining), label)
            log.flush()
            log.seek(at)
            output = log.read()
            counted = step_count(part, step, code, output)
            total += counted
            if not counted.failed:
                os.environ.update(step.gives)
            word = "FAILED" if counted.failed else "ok"
            said = [f"  {word:<6} {label}: {counted} ({time.monotonic() - start:.0f} s)"]
            if counted.failed:
                said += [f"    | {line}" for line in ANSI.sub("", output).splitlines()[-60:]]
                if part.servers:
                    said.append(container_logs())
                    log.write(said[-1])
                said.append(f"    whole log: {log_path.relative_to(ROOT)}")
            say("\n".join(said))
            if counted.failed and part.chained:
                break
    took = (time.monotonic() - begun) / 60
    if took > part.minutes * 1.5:
        say(f"  warning: {part.name} took {took:.1f} minutes, {part.minutes:g} are expected")
    return total


def run_all(chosen: list[Part], content: str, keep: bool, lanes: int = LANES) -> Count:
    total = Count()

    def ended(part: Part, counted: Count, others: list[Part]) -> None:
        nonlocal total
        total += counted
        if counted.failed == 0 and content_hash() == content:
            (GREEN / f"{part.name}-{content}").touch()
        if not keep:  # idle servers take processor time from the parts that follow
            remove(set(part.servers) - {name for other in others for name in other.servers})

    try:
        side_by_side(chosen, lanes, run_part, ended, OVER.set)
    finally:
        if any(part.docker for part in chosen) and not keep:
            for warning in remove_own():
                say(warning)
    return total


def usage() -> None:
    words = "|".join([*filter(None, GROUPS), *PARTS])
    say(f"usage: ./test.sh [--resume] [--keep] [--in-turn] [--long] [{words}]...")
    say("  --resume  leave out parts that were green for exactly this content (ignored when CI=true)")
    say("  --keep    leave the test servers running at the end; the next run replaces them")
    say("  --in-turn  one part at a time, instead of two on two cores")
    say("  --long    the long forms of these parts, as `full` runs them: ./test.sh --long faults")
    for part in PARTS.values():
        say(f"  {part.name:<12} {part.about} (about {part.minutes:g} min)")


def main(arguments: list[str]) -> int:
    options = {word for word in arguments if word.startswith("-")}
    chosen, unknown = plan([word for word in arguments if not word.startswith("-")])
    if unknown or options - {"--resume", "--keep", "--in-turn", "--long"}:
        if options & {"--list", "--help", "-h"}:
            usage()
            return 0
        say(f"unknown: {' '.join([*unknown, *sorted(options)])}")
        usage()
        return 2
    if "full" in arguments or "--long" in options:
        os.environ["EVENT_LOG_TEST_FULL"] = "1"  # tests marked "full" are run too
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that: tests of Ctrl-C would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for directory in (LOGS, JUNIT, GREEN):
        directory.mkdir(parents=True, exist_ok=True)
    lock = (CACHE / "lock").open("w")
    if any(part.docker for part in chosen):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with this process, however it ends
        except BlockingIOError:
            say("another run of the Docker parts is under way in this checkout: wait for it, or end it")
            return 2
    content = content_hash()
    if "--resume" in options and os.environ.get("CI") != "true":
        for part in [part for part in chosen if (GREEN / f"{part.name}-{content}").exists()]:
            say(f"left out, green for this content: {part.name}")
            chosen.remove(part)
    lanes = 1 if "--in-turn" in options else LANES
    say("plan: " + ", ".join(f"{part.name} {part.minutes:g} min" for part in chosen))
    say(f"      {lanes} at a time, about {minutes(chosen, lanes):.0f} minutes; logs in {LOGS.relative_to(ROOT)}/")
    begun = time.monotonic()
    total = run_all(chosen, content, keep="--keep" in options, lanes=lanes)
    say(f"\n{(time.monotonic() - begun) / 60:.1f} minutes")
    say(str(total))
    return 0 if total.failed == 0 and total.passed > 0 else 1


def interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
