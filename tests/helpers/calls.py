# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to run a module of the collection: in this process, in one of its own, and as a task of a real ansible-playbook.

call("connector", **worker.options, name="n", config={...})           half a second less than the others
with background("connector", ...) as running: ...; running.result()   while the test does something else
play(tmp_path, {"connector": {...}}, "--check", "--diff")             what the user does
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import yaml
from ansible.module_utils.testing import patch_module_args

from tests.helpers.records import ROOT

COLLECTION = "openmrs.event_log"
MODULES = "ansible_collections.openmrs.event_log.plugins.modules"
BIN = Path(sys.executable).parent
IN_CHILD = "import json, sys; from tests.helpers.calls import run_module; run_module(json.load(sys.stdin))"


def call(module: str, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module in this process and return its result, failed or not. Options that are None are left out."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        run_module({"module": module, "check": check, "options": options})
    return _result(told.getvalue())


def run_module(order: Mapping[str, Any]) -> None:
    """Be the module: print its result and exit."""
    options = {key: value for key, value in order["options"].items() if value is not None}
    subject = importlib.import_module(f"{MODULES}.{order['module']}")
    with patch_module_args({**options, "_ansible_check_mode": order["check"]}):
        subject.main()


def _result(told: str) -> dict[str, Any]:
    lines = told.strip().splitlines()
    assert lines, "the module said nothing"
    result: dict[str, Any] = json.loads(lines[-1])
    return result


@dataclass(frozen=True)
class Running:
    """A module at work in a process of its own."""

    process: subprocess.Popen[str]

    def result(self, seconds: float = 180) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=seconds)
        assert out.strip(), err
        return _result(out)


@contextlib.contextmanager
def background(module: str, check: bool = False, **options: Any) -> Iterator[Running]:
    """Start a module in a process of its own; it is over with the block."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / '.cache'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", IN_CHILD], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps({"module": module, "check": check, "options": options}))
    process.stdin.close()
    process.stdin = None
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Played:
    """A finished run of ansible-playbook: what it printed, and the result of each task in order."""

    code: int
    output: str
    results: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        assert self.results, self.output
        return self.results[-1]


def play(
    directory: Path, task: Mapping[str, Any] | Sequence[Mapping[str, Any]], *words: str, **play_keys: Any
) -> Played:
    """Run tasks on localhost by ansible-playbook. A module's short name is completed to the collection's.

    Results come as JSON, but for -v, whose output is what a person sees then.
    """
    tasks = [dict(one) for one in ([task] if isinstance(task, Mapping) else task)]
    tasks = [{_full(key): value for key, value in one.items()} for one in tasks]
    head = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks, **play_keys}
    book = directory / "play.yml"
    book.write_text(yaml.safe_dump([head], sort_keys=False), encoding="utf-8")
    settings = directory / "ansible.cfg"
    settings.write_text("[defaults]\n", encoding="utf-8")
    spoken = any(word.startswith("-v") for word in words)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))},
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default" if spoken else "ansible.posix.json",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    command = [str(BIN / "ansible-playbook"), "-i", "localhost,", str(book), *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    return Played(done.returncode, output, [] if spoken else _told(done.stdout))


def _full(key: str) -> str:
    known = (ROOT / "plugins" / "modules" / f"{key}.py").is_file()
    return f"{COLLECTION}.{key}" if known else key


def _told(output: str) -> list[dict[str, Any]]:
    start = output.find("{")
    if start < 0:
        return []
    plays = json.JSONDecoder().raw_decode(output[start:])[0]["plays"]
    return [task["hosts"]["localhost"] for one in plays for task in one["tasks"] if "localhost" in task["hosts"]]
