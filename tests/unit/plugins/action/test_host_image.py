# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's half: what it asks the host for, in which order, and how it goes on after cut lines."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.openmrs.event_log.plugins.action import host_image
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_store

from tests.unit.plugins.module_utils.image_archives import saved

NEW, OLD = "shop:2", "shop:1"
ROOM = {"path": "/x", "device": 1, "free": 10**12}
CUT = (12, "rsync error: error in rsync protocol data stream (code 12)")
DONE = (0, "Total bytes sent: 1,000\nTotal bytes received: 24\n")


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


def connection(transport: str) -> SimpleNamespace:
    return SimpleNamespace(transport=transport, _shell=SimpleNamespace(tmpdir="/tmp/of-the-host"))


class Action(host_image.ActionModule):
    """Without a host: the module's answers and rsync's are scripted, what was asked is written down."""

    def __init__(self, arguments: dict[str, Any], check: bool) -> None:
        self._task = SimpleNamespace(args=arguments, check_mode=check, async_val=0, diff=False)
        self._connection = connection("ssh")
        self.seen: dict[str, Any] = {"present": [], "lying": {}, "arrived": {}, "rsync": "3.1.3"}
        self.asked: list[str] = []
        self.given: list[dict[str, Any]] = []
        self.copies: Iterator[tuple[int, str]] = iter([DONE])

    def validate_argument_spec(self, argument_spec: dict[str, Any]) -> tuple[None, dict[str, Any]]:
        defaults = {key: value.get("default") for key, value in argument_spec.items()}
        return None, {**defaults, **self._task.args}

    def _execute_module(self, name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        step, given = module_args["step"], module_args["given"]
        self.asked.append(step)
        self.given.append({**given, "places": module_args.get("places")})
        if step == "look":
            base = {"name": given["name"], "architecture": "amd64", "incoming": ROOM, "engine": ROOM}
            return {"changed": False, "host": {**base, **self.seen}}
        if step == "receive":
            return {"changed": True, "here": 0}
        return {"changed": True, "removed": given.get("removals", [])}

    def _low_level_execute_command(self, cmd: str, **_kw: Any) -> dict[str, Any]:
        return {"stdout": "1234\n"}

    def _rsync(self, copy: Any, source: Path, target: Path) -> dict[str, Any]:
        self.asked.append(f"rsync {source.name} {target}")
        self.options = copy.options(60)
        code, said = next(self.copies)
        if code == -1:
            raise AnsibleConnectionFailure(said)
        return {"failed": code != 0, "rc": code, "msg": said}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    if shutil.which("zstd") is None:
        pytest.skip("there is no zstd on this machine")
    (tmp_path / "saved").write_bytes(saved(NEW))

    def logged(command: Any, _what: str) -> None:
        target = command[3] if command[0] == "docker" else command[-1]
        shutil.copyfile(tmp_path / "saved" if command[0] == "docker" else command[-3], target)

    with pytest.MonkeyPatch.context() as patch:
        # Packed by copying: what zstd does is tested where it is used.
        patch.setattr(_image_store, "PACK", ("zstd",))
        _image_store.write(logged, NEW, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(host_image, "time", clock)
    monkeypatch.setattr(host_image.shutil, "which", lambda name: f"/usr/bin/{name}")
    return clock


def action(store: Path, check: bool = False, **arguments: Any) -> Action:
    return Action({"images": [NEW], "store": str(store), "own": ["shop"], **arguments}, check)


def run(given: Action) -> dict[str, Any]:
    return given.run(task_vars={"inventory_hostname": "hilltop"})


def test_a_first_install_is_copied_loaded_and_cleared(store: Path, clock: Clock) -> None:
    asked = action(store)
    result = run(asked)
    assert asked.asked == [
        "look",
        "receive",
        "rsync shop-2.tar.zst /x/shop-2.tar.zst",
        "load",
        "finish",
    ]
    assert asked.given[1]["owner"] == 1234
    assert (asked.given[1]["image"], asked.given[1]["size"]) == (NEW, (store / "shop-2.tar.zst").stat().st_size)
    assert asked.given[2]["archive"] == "/x/shop-2.tar.zst"
    assert (result["changed"], result["sent"], result["images"][0]["way"]) == (True, 1024, "whole")


def test_check_mode_only_looks(store: Path, clock: Clock) -> None:
    asked = action(store, check=True)
    result = run(asked)
    assert asked.asked == ["look"]
    assert result["changed"] is True
    assert "to copy" in result["forecast"][0]
    assert "sent" not in result


def test_what_is_there_needs_one_look(store: Path, clock: Clock) -> None:
    asked = action(store)
    asked.seen["present"] = [{"reference": NEW, "layers": [], "size": 1, "tagged": "", "in_use": True}]
    result = run(asked)
    assert asked.asked == ["look"]
    assert (result["changed"], result["forecast"], result["removed"]) == (False, [], [])


def image(number: int, when: str, used: bool = False) -> dict[str, Any]:
    return {"reference": f"shop:{number}", "layers": [], "size": 1, "tagged": when, "in_use": used}


def test_former_images_go_with_an_upgrade_and_not_in_the_run_after(store: Path, clock: Clock) -> None:
    asked = action(store, source="registry")
    asked.seen["present"] = [image(0, "2026-03"), image(1, "2026-01", used=True)]
    assert run(asked)["removed"] == ["shop:0"]
    assert asked.asked == ["look", "pull", "finish"]
    again = action(store, source="registry")
    again.seen["present"] = [image(1, "2026-01"), image(2, "2026-04", used=True)]
    result = run(again)
    assert (result["changed"], result["removed"], again.asked) == (False, [], ["look"])
    more = action(store)
    more.seen["present"] = [image(number, str(number)) for number in (0, 1, 2)]
    assert (run(more)["changed"], more.asked) == (False, ["look"])


def test_the_basis_is_laid_out_anew_before_each_try(store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = action(store)
    asked.seen["present"] = [{"reference": OLD, "layers": [], "size": 1, "tagged": "", "in_use": True}]
    asked.copies = iter([CUT, (-1, "unreachable"), DONE])
    monkeypatch.setattr(_image_store, "unpacked", lambda directory, described: directory / ".shop-2.tar")
    assert run(asked)["images"][0]["way"] == "delta"
    once = ["receive", "rsync .shop-2.tar /x/shop-2.tar"]
    assert asked.asked == ["look", *once * 3, "load", "finish"]
    assert asked.given[1]["basis"] == OLD
    assert "--compress-choice=zstd" not in asked.options, "the host's rsync does not know it"
    assert clock.now > 1000


def test_cut_copies_of_other_images_are_kept_until_their_turn(
    store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = action(store, images=[NEW, "extra:1"])
    stored = _image_store.find(store, NEW)
    assert stored is not None
    extra = replace(stored, image="extra:1", archive="extra-1.tar.zst")
    monkeypatch.setattr(asked, "_stored", lambda image: stored if image == NEW else extra)
    monkeypatch.setattr(_image_store, "check", lambda *_: None)
    asked.copies = iter([CUT, DONE, DONE])
    run(asked)
    received = [given for given in asked.given if "others" in given]
    assert [(given["name"], given["others"]) for given in received] == [
        ("shop-2.tar.zst", ["extra-1.tar.zst"]),
        ("shop-2.tar.zst", ["extra-1.tar.zst"]),
        ("extra-1.tar.zst", []),
    ]


def test_the_time_for_copies_is_bounded(store: Path, clock: Clock) -> None:
    asked = action(store, minutes=5)
    asked.copies = iter([CUT] * 1000)
    with pytest.raises(AnsibleActionFail, match=r"within 5 minutes .* run again, and it goes on"):
        run(asked)
    assert 4 <= asked.asked.count("receive") <= 20
    assert clock.now <= 1000 + 301
    assert "load" not in asked.asked


def test_a_failure_that_stays_is_not_tried_again(store: Path, clock: Clock) -> None:
    asked = action(store)
    asked.copies = iter([(255, "provisioning@hilltop: Permission denied (publickey).")])
    with pytest.raises(AnsibleActionFail, match="login was refused"):
        run(asked)
    assert asked.asked.count("receive") == 1


def test_a_failure_that_comes_twice_is_not_tried_for_hours(store: Path, clock: Clock) -> None:
    asked = action(store)
    asked.copies = iter([CUT, *[(23, "rsync: some files were not transferred (code 23)")] * 9])
    with pytest.raises(AnsibleActionFail, match="same way each time"):
        run(asked)
    assert asked.asked.count("receive") == 3


def test_a_damaged_store_is_refused_before_anything_moves(store: Path, clock: Clock) -> None:
    archive = store / "shop-2.tar.zst"
    archive.write_bytes(archive.read_bytes()[:-1])
    for check in (True, False):
        asked = action(store, check=check)
        with pytest.raises(AnsibleActionFail, match="cut off or was changed"):
            run(asked)
        assert asked.asked == ["look"]


def test_a_control_node_without_rsync_is_told_so(store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_image.shutil, "which", lambda _name: None)
    with pytest.raises(AnsibleActionFail, match=r"install rsync 3\.2\.3"):
        run(action(store, check=True))


def test_where_the_connection_is_local_the_store_is_read_where_it_is(store: Path, clock: Clock) -> None:
    asked = action(store, places=["/media/stick", ""])
    asked._connection = connection("local")
    run(asked)
    assert asked.given[0]["places"] == ["/media/stick", str(store)]
    other = action(store, places=["/media/stick"])
    run(other)
    assert other.given[0]["places"] == ["/media/stick"]


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ({}, NEW),
        ({"registry": "reg.example:5000/a/"}, f"reg.example:5000/a/{NEW}"),
        ({"registry": "reg.example", "digest": "sha256:12"}, "reg.example/shop@sha256:12"),
        ({"digest": "sha256:12"}, "shop@sha256:12"),
    ],
)
def test_what_is_pulled(store: Path, clock: Clock, arguments: dict[str, Any], source: str) -> None:
    asked = action(store, False, source="registry", **arguments)
    run(asked)
    assert asked.asked == ["look", "pull"]
    assert (asked.given[1]["image"], asked.given[1]["source"]) == (NEW, source)


def test_a_build_is_only_announced(store: Path, clock: Clock) -> None:
    asked = action(store, source="build")
    assert run(asked)["images"][0]["way"] == "build"
    assert asked.asked == ["look"]


def test_what_the_host_says_when_it_fails_is_passed_on(
    store: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = action(store)
    monkeypatch.setattr(asked, "_execute_module", lambda *_a, **_k: {"failed": True, "msg": "Docker does not answer"})
    with pytest.raises(AnsibleActionFail, match="Docker does not answer"):
        run(asked)
