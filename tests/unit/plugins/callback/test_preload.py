# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preload callback: a task's process finds the collection's filters loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PLAYBOOK = """
- name: Look what is loaded
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Look from the process of a task
      ansible.builtin.debug:
        msg: "loaded: {{ query('loaded') | join(' ') }}"
"""
LOOKUP = """
import sys

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        start = "ansible_collections.openmrs.event_log.plugins.filter."
        return sorted(name[len(start):] for name in sys.modules if name.startswith(start))
"""


def loaded(directory: Path, callbacks: str) -> list[str]:
    """The filter files that a task's process has before it uses one."""
    (directory / "lookup_plugins").mkdir()
    (directory / "lookup_plugins" / "loaded.py").write_text(LOOKUP, encoding="utf-8")
    (directory / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
        "ANSIBLE_CALLBACKS_ENABLED": callbacks,
        "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.yml"]
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "loaded: " in line]
    return line.partition("loaded: ")[2].rstrip('"').split()


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ("openmrs.event_log.progress", []),
        ("openmrs.event_log.preload", sorted(path.stem for path in (ROOT / "plugins/filter").glob("*.py"))),
    ],
    ids=["without", "with"],
)
def test_every_filter_is_there_before_a_task_begins(tmp_path: Path, callbacks: str, expected: list[str]) -> None:
    assert loaded(tmp_path, callbacks) == expected


def test_the_checkout_enables_it() -> None:
    settings = (ROOT / "ansible.cfg").read_text(encoding="utf-8")
    (line,) = [line for line in settings.splitlines() if line.startswith("callbacks_enabled")]
    assert "openmrs.event_log.preload" in line
