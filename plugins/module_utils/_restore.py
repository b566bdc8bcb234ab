# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup brought back: verified as a whole, put into place, started. The former state is kept until that is well."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _backup, _backup_pipe, _restore_swap
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import BackupError, Manifest, Places
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_make import alone, free_bytes
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_pipe import Identity
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_stack import Stack, State
from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run

#: Beside the data, so that it goes with them: which backup they come from.
MARKER = "restored.json"
OURS = "A restore was begun and is not finished"


@dataclass(frozen=True)
class Wish:
    """Which backup to bring back, and what may be lost for it. ``over`` is the site whose data may be replaced."""

    site: str
    places: Places
    file: Path
    identity: Identity
    over: str = ""
    timeout: float = 180


@dataclass(frozen=True)
class Plan:
    """What would be done."""

    manifest: Manifest
    digest: str
    state: State
    there: Tuple[Path, ...]
    done: bool
    starts: bool
    notes: Tuple[str, ...]


class Restore:
    """One restore on one host."""

    def __init__(self, run: Run, stack: Stack, wish: Wish) -> None:
        self._run = run
        self._stack = stack
        self._wish = wish
        self._swap = _restore_swap.Swap(wish.places.home)

    def plan(self) -> Plan:
        """Read the whole archive and look at the host. Raises where it cannot be, and nothing was changed then."""
        wish, notes = self._wish, []
        digest, unchecked = self._digest()
        manifest = self.verify()
        if manifest.site != wish.site:
            raise BackupError(
                f"{wish.file} is a backup of the site {manifest.site}, and this is {wish.site} (event_log_site)"
            )
        if manifest.places != wish.places:
            raise BackupError(
                f"the backup is of {manifest.home}, {manifest.data} and {manifest.secrets}, and this host has "
                f"{wish.places.home}, {wish.places.data} and {wish.places.secrets}: let event_log_home, "
                "event_log_data_dir and event_log_secrets_dir be those of the backup"
            )
        data, begun = wish.places.data_entries(), self._swap.begun
        if data and self._restored() == digest and not begun:
            return Plan(manifest, digest, State(), (), True, False, ())
        if unchecked:
            notes.append(unchecked)
        hold = self._stack.hold()
        if hold and not hold.startswith(OURS):
            raise BackupError(
                f"{wish.places.home}/hold is there ({hold}): when the reason is gone, remove it and run again"
            )
        # What a restore that broke off has left is looked at once it is taken back.
        if data and wish.over != wish.site and not begun:
            raise BackupError(
                f"{wish.places.data} holds data, which a restore replaces: events that came after {manifest.made} are "
                "read again from the database only if its binary log still has them. If that is meant, say "
                f"-e event_log_restore_over={wish.site}"
            )
        state = self._stack.look_well()
        there = tuple(wish.places.entries())
        _restore_swap.check_plain(there)
        lacking = [image for image in manifest.images if not self._has_image(image)]
        if lacking and (data or state.containers):
            raise BackupError(
                f"the image {', '.join(lacking)}, with which the backup was made, is not on this host: it could not be "
                "started. Bring it (docker load), or take the event log off first (playbook remove, with its data)"
            )
        if lacking:
            notes.append(f"The image {', '.join(lacking)} is not here: the playbook site starts what was brought back.")
        self._check_room(manifest)
        return Plan(manifest, digest, state, there, False, not lacking, tuple(notes))

    def verify(self) -> Manifest:
        """Decrypt the archive to its end without writing anything; what it says of itself."""
        files = 0
        with _backup_pipe.opened(self._wish.file, self._wish.identity) as archive:
            manifest = _backup.read_manifest(_backup_pipe.first_member(archive))
            entries = [Path(entry) for entry in manifest.entries]
            strange = [entry for entry in entries if not manifest.places.allows(entry)]
            if strange:
                raise BackupError(f"the archive says that it holds {strange[0]}, which is no part of the event log")
            for member in _backup_pipe.members(archive):
                _restore_swap.check_member(member, entries)
                files += 0 if member.isdir() else 1
        if files != manifest.files:
            raise BackupError(f"the archive holds {files} files, and {manifest.files} went into it")
        return manifest

    def carry_out(self, plan: Plan) -> Dict[str, Any]:
        """Bring it back; what the task returns."""
        home = self._wish.places.home
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        with alone(home):
            if self._swap.begun:
                plan = self._plan_anew()
            moves = self._swap.prepare(plan.manifest, plan.there)
            try:
                self._unpack(plan.manifest)
            except BaseException:
                self._swap.clean(moves)
                raise
            began = self._stack.clock.now()
            self._exchange(plan, moves)
            if plan.starts:
                self._bring_up(plan)
            self._swap.keep()
        return {"standstill": round(self._stack.clock.now() - began, 1), "started": plan.starts}

    def _plan_anew(self) -> Plan:
        """A restore broke off here: what was there before it is put back, and counts."""
        self._stack.stop(self._stack.look())
        self._swap.take_back()
        self._release()
        try:
            return self.plan()
        except BackupError:
            if self._wish.places.data_entries():
                self._up()
            raise

    def _exchange(self, plan: Plan, moves: List[_restore_swap.Move]) -> None:
        """With the stack stopped and held, so that a power cut in the middle starts no half of it."""
        try:
            self._stack.stop(plan.state)
            (self._wish.places.home / "hold").write_text(f"{OURS}: run the playbook restore again.\n", encoding="utf-8")
            self._swap.carry_out(moves)
            self._mark(plan)
        except BaseException as error:
            if self._swap.begun:
                self._swap.take_back()
            else:
                self._swap.clean(moves)
            self._release()
            if plan.state.runs:
                self._stack.start(plan.state, self._wish.timeout)
            raise BackupError(
                f"the backup was not brought back, and the former state is in its place: {error}"
            ) from error
        self._release()

    def _bring_up(self, plan: Plan) -> None:
        try:
            self._up()
        except BackupError as error:
            if not plan.there:
                raise BackupError(
                    f"the backup is in its place, and does not start: {error}. Run the playbook site"
                ) from error
            self._stack.stop(self._stack.look())
            self._swap.take_back()
            if plan.state.runs:
                self._up()
            raise BackupError(
                f"what was brought back does not start, and the former state is in its place again: {error}"
            ) from error

    def _up(self) -> None:
        """Compose makes anew what differs, and waits until it is healthy; then it is systemd's again."""
        home = self._wish.places.home
        compose = ["docker", "compose", "--ansi", "never", "--project-directory", str(home)]
        up = [*compose, "up", "--detach", "--no-build", "--pull", "never"]
        core = self._services()
        seconds = str(int(self._wish.timeout))
        self._do([*up, "--remove-orphans", "--wait", "--wait-timeout", seconds, *core])
        if core:
            self._run(up)  # the web pages: what becomes of them decides nothing
        self._do(self._stack.start_command(State(unit=self._stack.has_unit())))

    def _services(self) -> List[str]:
        try:
            settings = json.loads((self._wish.places.home / "config/event-log.json").read_text(encoding="utf-8"))
            return [str(name) for name in settings.get("services", [])]
        except (OSError, ValueError, AttributeError):
            return []

    def _unpack(self, manifest: Manifest) -> None:
        entries = [Path(entry) for entry in manifest.entries]
        try:
            with _backup_pipe.opened(self._wish.file, self._wish.identity) as archive:
                _backup_pipe.first_member(archive)
                files = _restore_swap.unpack(archive, entries)
        except OSError as error:
            raise BackupError(f"the backup cannot be unpacked: {error.strerror} ({error.filename})") from error
        if files != manifest.files:
            raise BackupError(f"{files} of {manifest.files} files were unpacked; nothing was changed")

    def _digest(self) -> Tuple[str, str]:
        """The archive's checksum, compared with the one beside it; and a word where there is none."""
        file = self._wish.file
        if not file.is_file():
            raise BackupError(f"event_log_restore is {file}, and there is no such file on this host")
        digest = _backup_pipe.sha256_of(file)
        sums = file.with_name(file.name + ".sha256")
        if not sums.is_file():
            return digest, f"There is no {sums}; what is in the archive carries a seal of its own, which was verified."
        if _backup.read_checksum(sums.read_text(encoding="utf-8")) != digest:
            raise BackupError(
                f"{file} is not as it was made: its checksum is not the one in {sums.name}. Copy it again"
            )
        return digest, ""

    def _marker(self) -> Path:
        return self._wish.places.leaves()[0] / MARKER

    def _restored(self) -> str:
        try:
            return str(json.loads(self._marker().read_text(encoding="utf-8"))["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _mark(self, plan: Plan) -> None:
        path = self._marker()
        told = {
            "sha256": plan.digest,
            "file": str(self._wish.file),
            "made": plan.manifest.made,
            "restored": _backup.stamp(time.time()),
        }
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(str(path), owner.st_uid, owner.st_gid)

    def _check_room(self, manifest: Manifest) -> None:
        place = self._wish.places.leaves()[0]
        free = free_bytes(place)
        if free < manifest.bytes + _backup.RESERVE:
            need = f"{_backup.mb(manifest.bytes)} beside what is there, with {_backup.mb(_backup.RESERVE)} left free"
            raise BackupError(f"{place} has {_backup.mb(free)} free, and what is brought back takes {need}")

    def _has_image(self, image: str) -> bool:
        code, _out, _err = self._run(["docker", "image", "inspect", "--format", "{{.Id}}", image])
        return code == 0

    def _release(self) -> None:
        if self._stack.hold().startswith(OURS):
            (self._wish.places.home / "hold").unlink()

    def _do(self, command: List[str]) -> None:
        code, out, err = self._run(command)
        if code != 0:
            raise BackupError(f"{' '.join(command)} failed: {err.strip() or out.strip()}")
