# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Half of host_image that runs on the control node: what the store has, the plan, and the copies.

What it decides is decided by _image_plan.py; what runs on the host is the module of the same name.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, Mapping

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.openmrs.event_log.plugins.module_utils import (
    _image_archive,
    _image_copy,
    _image_plan,
    _image_sent,
    _image_store,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import BYTES, Work
from ansible_collections.openmrs.event_log.plugins.modules.host_image import argument_spec

MODULE = "openmrs.event_log.host_image"


def host_of(seen: Mapping[str, Any]) -> _image_plan.Host:
    """What the module saw, which came as plain data."""
    lying = {
        image: _image_plan.Lying(
            value["path"],
            value["size"],
            _image_archive.described(value["described"]) if value["described"] else None,
            value["problem"],
            value["plain"],
        )
        for image, value in seen["lying"].items()
    }
    return _image_plan.Host(
        name=seen["name"],
        architecture=seen["architecture"],
        incoming=_image_plan.Space(**seen["incoming"]),
        engine=_image_plan.Space(**seen["engine"]),
        present=tuple(_image_plan.Present(**{**x, "layers": tuple(x["layers"])}) for x in seen["present"]),
        lying=lying,
        arrived=seen["arrived"],
        rsync=seen["rsync"],
        unreached=seen.get("unreached", {}),
    )


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        self._vars: dict[str, Any] = task_vars or {}
        _validated, given = self.validate_argument_spec(argument_spec=argument_spec())
        # The store's ~ is that of whoever runs Ansible, not of root on the host.
        store = str(Path(given["store"]).expanduser()) if given["store"] else ""
        self._given: dict[str, Any] = {**given, "store": store}
        self._name = str(self._vars.get("inventory_hostname", "the host"))
        try:
            return self._run()
        except (EventLogError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _run(self) -> dict[str, Any]:
        plan = self._plan()
        if plan.problems:
            raise AnsibleActionFail("\n".join(plan.problems))
        working = [step for step in plan.steps if step.changes]
        result = {
            "changed": bool(working or plan.removals),
            "images": [self._said(step) for step in plan.steps],
            "forecast": _image_plan.forecast(plan.steps, self._given["bandwidth_kbit"]),
            "removed": list(plan.removals),
        }
        self._absent = dict(plan.absent)
        result["absent"] = self._left_out()
        if self._task.check_mode:
            return result
        self._deadline = time.monotonic() + 60 * self._given["minutes"]
        self._coming = [step.file for step in working if step.ships]
        counts = [self._attempt(step) for step in working]
        result["absent"] = self._left_out()
        done = [step for step in working if step.image not in self._absent]
        result["changed"] = bool(done or plan.removals)
        if any(step.ships for step in working) or plan.removals:
            result["removed"] = self._on_host("finish", removals=list(plan.removals))["removed"]
        return {**result, "sent": sum(counts)} if any(step.ships for step in working) else result

    def _left_out(self) -> list[dict[str, str]]:
        return [{"image": image, "why": why} for image, why in self._absent.items()]

    def _attempt(self, step: _image_plan.Step) -> int:
        """Carry it out. What may be missing fails nothing."""
        try:
            return self._carry_out(step)
        except AnsibleActionFail as error:
            if step.image not in self._given["optional"]:
                raise
            self._absent[step.image] = str(error)
            return 0

    @staticmethod
    def _said(step: _image_plan.Step) -> dict[str, Any]:
        return {key: getattr(step, key) for key in ("image", "way", "moves", "here", "basis")}

    def _plan(self) -> _image_plan.Plan:
        given = self._given
        places = [place for place in given["places"] if place]
        # Here the store lies on the host itself.
        local = self._connection.transport == "local" and given["store"]
        ask = {image: self._registry_name(image) for image in given["optional"] if given["source"] != "archive"}
        seen = self._on_host("look", places=[*places, given["store"]] if local else places, name=self._name, ask=ask)
        host = host_of(seen["host"])
        self._incoming, self._host_rsync = Path(host.incoming.path), host.rsync
        wishes = []
        for number, image in enumerate(given["images"]):
            source = given["source"] if number < given["built"] or given["source"] != "build" else "archive"
            stored = self._stored(image) if source == "archive" and not host.has(image) else None
            wishes.append(_image_plan.Wish(image, source, stored, given["store"] or "", tuple(places)))
        may_delta = shutil.which("zstd") is not None
        optional = [self._optional_wish(image, host, tuple(places)) for image in given["optional"]]
        plan = _image_plan.plan(wishes, host, given["own"], given["keep"], may_delta)
        if not plan.problems and any(step.ships for step in plan.steps):
            self._check_copies(plan, wishes)
        return _image_plan.with_optional(plan, optional, host, may_delta)

    def _optional_wish(self, image: str, host: _image_plan.Host, places: tuple[str, ...]) -> _image_plan.Wish:
        """What is damaged in the store is no reason to stop here."""
        store, problem = self._given["store"] or "", ""
        stored = None if host.has(image) else self._stored(image)
        try:
            if stored is not None:
                _image_store.check(Path(store), stored)
        except EventLogError as error:
            stored, problem = None, str(error)
        return _image_plan.Wish(image, self._given["source"], stored, store, places, problem)

    def _stored(self, image: str) -> _image_archive.Described | None:
        return _image_store.find(Path(self._given["store"]), image) if self._given["store"] else None

    def _check_copies(self, plan: _image_plan.Plan, wishes: list[_image_plan.Wish]) -> None:
        if shutil.which("rsync") is None:
            raise AnsibleActionFail(
                "Archives are copied by rsync, and the control node has none: install rsync 3.2.3 or later."
            )
        for step, wish in zip(plan.steps, wishes):
            if step.ships and wish.stored is not None:
                _image_store.check(Path(self._given["store"]), wish.stored)

    def _on_host(self, step: str, places: list[str] | None = None, **given: Any) -> dict[str, Any]:
        """One step of the module of the same name."""
        images = {"images": self._given["images"], "optional": self._given["optional"]}
        arguments = {**images, "incoming": self._given["incoming"], "step": step, "given": given}
        if places is not None:
            arguments["places"] = places
        result: dict[str, Any] = self._execute_module(MODULE, module_args=arguments, task_vars=self._vars)
        if result.get("unreachable"):
            raise AnsibleConnectionFailure(str(result.get("msg", "")))
        if result.get("failed"):
            raise AnsibleActionFail(str(result.get("msg") or result), result=result)
        return result

    def _carry_out(self, step: _image_plan.Step) -> int:
        """Do it; returns the bytes that went over the line, as far as they are known."""
        if step.way == "load":
            self._on_host("load", image=step.image, archive=step.path, checksum="")
        elif step.way == "pull":
            seconds = max(60, int(self._deadline - time.monotonic()))
            self._on_host("pull", image=step.image, source=self._registry_name(step.image), seconds=seconds)
        elif step.ships:
            return self._ship(step)
        return 0

    def _registry_name(self, image: str) -> str:
        prefix, digest = self._given["registry"].rstrip("/"), self._given["digest"]
        if digest and image == self._given["images"][0]:
            image = f"{_image_archive.repository_of(image)}@{digest}"
        return f"{prefix}/{image}" if prefix else image

    def _ship(self, step: _image_plan.Step) -> int:
        described = self._stored(step.image)
        if described is None:
            raise AnsibleActionFail(f"The archive of {step.image} has gone from {self._given['store']} meanwhile.")
        store = Path(self._given["store"])
        delta = step.way == "delta"
        source = _image_store.unpacked(store, described) if delta else store / described.archive
        copy = _image_copy.Copy(step, self._given["limit_kbit"], self._host_rsync)
        count = self._copy_until_there(copy, source)
        checksum = described.plain_sha256 if delta else described.archive_sha256
        self._on_host("load", image=step.image, archive=str(self._incoming / step.file), checksum=checksum)
        self._coming.remove(step.file)
        return count

    def _copy_until_there(self, copy: _image_copy.Copy, source: Path) -> int:
        """Copy, again after each cut, until the time is over."""
        attempt, code, said = 0, 0, ""
        while attempt == 0 or time.monotonic() < self._deadline:
            attempt += 1
            before = (code, said)
            code, said = self._copy_once(copy, source)
            if code == 0:
                return _image_copy.sent(said)
            why = _image_copy.hopeless(code, said) or _image_copy.stays(code, said, before)
            if why:
                raise AnsibleActionFail(_image_copy.refused(self._name, copy, why, said))
            time.sleep(max(0.0, min(_image_copy.pause(attempt), self._deadline - time.monotonic())))
        raise AnsibleActionFail(_image_copy.given_up(self._name, copy, attempt, self._given["minutes"], said))

    def _copy_once(self, copy: _image_copy.Copy, source: Path) -> tuple[int, str]:
        try:
            # As the login user, who needs no sudo for rsync then, and no password.
            owner = self._low_level_execute_command("id -u", sudoable=False)["stdout"].strip()
            name, others = copy.step.file, [other for other in self._coming if other != copy.step.file]
            size, owned = _image_copy.size_of(copy.step), int(owner)
            given = {"name": name, "basis": copy.step.basis, "owner": owned, "others": others}
            here = self._on_host("receive", None, **given, image=copy.step.image, size=size)["here"]
            with _image_sent.told(Display().display, self._work(copy, size - here)):
                result = self._rsync(copy, source, self._incoming / name)
        except AnsibleConnectionFailure as error:
            return 255, str(error)
        return int(result.get("rc", 1)) if result.get("failed") else 0, str(result.get("msg", ""))

    def _work(self, copy: _image_copy.Copy, rest: int) -> Work:
        """What a person is told from time to time. How much a difference is, is known by its end."""
        delta = copy.step.way == "delta"
        total = copy.step.moves if delta else rest
        return Work("image", f"{self._name}: copying {copy.step.image}", 0, total, BYTES, 0, 0, about=delta)

    def _rsync(self, copy: _image_copy.Copy, source: Path, target: Path) -> dict[str, Any]:
        """By ansible.posix.synchronize, which makes rsync's connection from the one that Ansible has."""
        arguments: dict[str, Any] = {
            "src": str(source),
            "dest": str(target),
            "archive": False,
            "compress": False,
            "delay_updates": False,
            "rsync_timeout": _image_copy.SILENCE,
            "rsync_opts": copy.options(self._deadline - time.monotonic()),
            "use_ssh_args": True,
            "verify_host": True,
        }
        if self._connection.transport == "ssh":
            arguments["verify_host"] = bool(self._connection.get_option("host_key_checking"))
            for argument, option in (("private_key", "private_key_file"), ("dest_port", "port")):
                if self._connection.get_option(option):
                    arguments[argument] = self._connection.get_option(option)
        task, context = self._task.copy(), self._play_context.copy()
        task.args, context.become = arguments, False
        action = self._shared_loader_obj.action_loader.get(
            "ansible.posix.synchronize",
            task=task,
            connection=self._connection,
            play_context=context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        result: dict[str, Any] = action.run(task_vars=dict(self._vars))
        return result
