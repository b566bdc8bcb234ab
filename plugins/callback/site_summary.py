# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closes a run with a line for each site: what was done, what failed and why, and how the event log is."""

from __future__ import annotations

DOCUMENTATION = r"""
name: site_summary
type: aggregate
short_description: A table of the sites at the end of a run
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - After the last play it prints a table with a row for each host of the run. It has its name, whether it is ok, has
    changed, failed, was unreachable or was not reached at all, how much changed, and a few words.
  - For a host that failed the words are the task and the reason. For the others they are the sentence that
    C(event-log status) says, which the playbooks hand over with M(ansible.builtin.set_stats) as C(event_log_verdict).
  - Hosts that need somebody come last and are named once more below the table, with the C(--limit) for a next run.
  - A run in batches (C(serial)) ends when every host of a batch has failed. Hosts whose turn did not come are told.
  - In check mode the table says what a run would do.
  - It goes to standard output, or to standard error where the stdout callback writes JSON. Lines have at most 79
    characters, but for long names, and colours only where Ansible uses them.
requirements:
  - enabled in configuration, see C(callbacks_enabled)
"""

EXAMPLES = r"""
ansible_cfg: >
  # Enable the callback in ansible.cfg
  [defaults]
  callbacks_enabled = openmrs.event_log.site_summary
"""

from typing import Any, Dict, List, Set, Tuple

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible_collections.openmrs.event_log.plugins.module_utils import _site_summary as words

_COLOURS = {
    words.OK: "COLOR_OK",
    words.CHANGED: "COLOR_CHANGED",
    words.UNWELL: "COLOR_WARN",
    words.UNREACHED: "COLOR_WARN",
    words.UNFINISHED: "COLOR_WARN",
    words.UNREACHABLE: "COLOR_UNREACHABLE",
    words.FAILED: "COLOR_ERROR",
}


def _returned(result: Any) -> Dict[str, Any]:
    """What the task returned; the public name is that of ansible-core 2.19 and later."""
    found = getattr(result, "result", None)
    return found if isinstance(found, dict) else getattr(result, "_result", {})


class Plays:
    """Which hosts each play is for, and which of them it came to."""

    def __init__(self, total: int = 0) -> None:
        self.total = total
        self.wanted: Dict[str, Set[str]] = {}
        self.begun: Dict[str, Set[str]] = {}

    def batch(self, play: str, wanted: Set[str], begun: Set[str]) -> None:
        """A play begins, or its next batch."""
        self.wanted.setdefault(play, set()).update(wanted)
        self.begun.setdefault(play, set()).update(begun)

    def hosts(self) -> Set[str]:
        return set().union(*self.wanted.values()) if self.wanted else set()

    def finished(self, host: str) -> bool:
        """Whether every play that is for this host came to it; plays that never began were for everybody."""
        if len(self.wanted) < self.total:
            return False
        return all(host in self.begun[play] for play, hosts in self.wanted.items() if host in hosts)


class CallbackModule(CallbackBase):
    """Remembers the last failure of each host, and prints the table at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "openmrs.event_log.site_summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plays = Plays()
        self._failures: Dict[str, Tuple[str, str]] = {}
        self._lost: Set[str] = set()  # also those that a task may miss: Ansible counts them as well

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Count the plays; what a playbook before this one left is kept by Ansible's own counters only."""
        self._plays = Plays(len(playbook.get_plays()))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note which hosts the play is for, and which are in this batch."""
        inventory = getattr(play.get_variable_manager(), "_inventory", None)
        if inventory is None:
            return
        everybody = {host.name for host in inventory.get_hosts(play.hosts, ignore_restrictions=True)}
        batch = {host.name for host in inventory.get_hosts(play.hosts)}
        self._plays.batch(str(play._uuid), everybody, batch)

    def _remember(self, result: Any) -> None:
        host, task = result._host.get_name(), result._task.get_name()
        self._failures[host] = (words.short_task(task), words.reason(_returned(result)))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The last failure is the one that ended the host's run: a rescue says it better than what it came from."""
        if not ignore_errors:
            self._remember(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The line was cut, or never there."""
        self._lost.add(result._host.get_name())
        self._remember(result)

    def _site(self, stats: Any, host: str) -> words.Site:
        counts = stats.summarize(host)
        failed, unreachable = bool(counts["failures"]), host in self._lost or bool(counts["unreachable"])
        task, reason = self._failures.get(host, ("", "")) if failed or unreachable else ("", "")
        told = (stats.custom.get(host) or {}).get("event_log_verdict") or {}
        verdict = told if isinstance(told, dict) else {}
        return words.Site(
            name=host,
            changed=counts["changed"],
            failed=failed,
            unreachable=unreachable,
            reached=host in stats.processed,
            finished=self._plays.finished(host),
            task=task,
            reason=reason,
            verdict=str(verdict.get("verdict") or ""),
            sentence=str(verdict.get("sentence") or ""),
        )

    def _say(self, lines: List[words.Line]) -> None:
        stderr = "json" in str(constants.DEFAULT_STDOUT_CALLBACK)
        for line in lines:
            colour = getattr(constants, _COLOURS[line.result]) if line.result else None
            self._display.display(line.text, color=colour, stderr=stderr)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of the run."""
        hosts = sorted({*stats.processed, *self._plays.hosts()})
        self._say(words.summary([self._site(stats, host) for host in hosts], bool(context.CLIARGS.get("check"))))
