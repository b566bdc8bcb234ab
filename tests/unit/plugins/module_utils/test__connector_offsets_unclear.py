# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offsets: what passes is tried again, what is unclear is looked at first, and no secret is told."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    BusyError,
    InterruptedRequestError,
    TimedOutError,
)

from tests.unit.plugins.module_utils.connect_answers import CONFIG, INFO, STATUS, info, plugin, status
from tests.unit.plugins.module_utils.offsets_answers import (
    NEW,
    NOT_STOPPED,
    OFFSETS,
    OLD,
    REBALANCE,
    SAID,
    WANTED,
    ZOMBIES,
    Call,
    altered,
    begun,
    kept,
    resumed,
    stopped,
)
from tests.unit.plugins.module_utils.scripted_http import ANY, FakeClock, ScriptedServer

# what passes, and what is unclear


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (500, ZOMBIES),
        (500, "Failed to perform zombie fencing for source connector prior to modifying offsets"),
        (400, NOT_STOPPED),
        (409, REBALANCE),
        (500, "Request cannot be completed because a rebalance is expected"),
    ],
)
def test_what_passes_is_tried_again(worker: ScriptedServer, clock: FakeClock, code: int, words: str) -> None:
    begun(worker, "STOPPED")
    worker.fails("PATCH", OFFSETS, code, words).fails("PATCH", OFFSETS, code, words)
    altered(worker)
    kept(worker, NEW)
    assert Call(worker, clock).result()["changed"] is True


def test_what_does_not_pass_ends_with_the_deadline(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED")
    for _ in range(10):
        worker.fails("PATCH", OFFSETS, 500, ZOMBIES)
    kept(worker, OLD)
    began = clock.now()
    with pytest.raises(BusyError, match=r"stopped completely yet.*\(tried 10 times in 10 s\). Its offsets were not"):
        Call(worker, clock, wait_timeout=10).result()
    assert 10 <= clock.now() - began < 11


@pytest.mark.parametrize("how", ["500", "while", "503", "drop", "hang", "cut"])
@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("state", ["altered", "reset"])
def test_after_an_unclear_outcome_offsets_are_read_first(
    worker: ScriptedServer, clock: FakeClock, how: str, happened: bool, state: str
) -> None:
    method = "PATCH" if state == "altered" else "DELETE"
    then = [NEW] if state == "altered" else []
    begun(worker, "STOPPED")
    if how in ("500", "while"):
        words = {"500": "Request timed out", "while": "Timed out while attempting to modify offsets for source connec"}
        worker.fails(method, OFFSETS, 500, words[how])
    elif how == "503":
        worker.expect(method, OFFSETS, raw=b"busy", status=503, content_type="text/plain", body=ANY)
    else:
        worker.expect(method, OFFSETS, {}, body=ANY, behaviour=how)
    kept(worker, *(then if happened else [OLD]))
    if not happened:
        worker.expect(method, OFFSETS, {"message": SAID}, body=ANY)
    kept(worker, *then)
    result = Call(worker, clock, timeout=0.2, state=state, offsets=WANTED if then else None).result()
    assert result["message"] == (None if happened else SAID)
    assert result["actions"] == ["alter" if then else "reset"]


def test_a_change_that_stays_unclear_is_told_so(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED")
    for _ in range(6):
        worker.fails("PATCH", OFFSETS, 500, "Request timed out")
        kept(worker, OLD)
    kept(worker, OLD)
    failed = Call(worker, clock, wait_timeout=3).failure(TimedOutError)
    assert "Request timed out" in failed["msg"]
    assert "Its offsets were not changed; the connector is stopped as before" in failed["msg"]


def test_a_worker_that_is_gone_for_good_leaves_it_open(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "STOPPED")
    worker.expect("PATCH", OFFSETS, {}, body=ANY, behaviour="drop")
    for _ in range(6 + 10):  # until the deadline, and for the last look
        worker.expect("GET", OFFSETS, {}, behaviour="drop")
    failed = Call(worker, clock, wait_timeout=3).failure(InterruptedRequestError)
    assert "Whether its offsets were changed is not known; the connector is stopped as before" in failed["msg"]


def test_a_worker_in_a_rebalance_is_waited_for_everywhere(worker: ScriptedServer, clock: FakeClock) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, OLD)
    altered(worker)
    kept(worker, NEW)
    resumed(worker)
    for line in [exchange for exchange in worker.script if exchange.path != STATUS][::-1]:
        again = ScriptedServer().fails(line.method, line.path, 409, REBALANCE).script[0]
        worker.script.insert(worker.script.index(line), again)
    assert Call(worker, clock).result()["actions"] == ["stop", "alter", "resume"]


# secrets


def test_secrets_of_the_configuration_are_known_before_anything_can_fail(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    config = {**CONFIG, "wallet": "coins-1234", "my.own": "own-5678"}
    worker.expect("GET", INFO, info(config))
    kept(worker, OLD)
    worker.expect("GET", "/", {"version": "4.3.1"}).expect("GET", STATUS, status("STOPPED"))
    plugin(worker)
    worker.fails("PATCH", OFFSETS, 500, "no: pw-123456, coins-1234, own-5678")
    kept(worker, OLD)
    call = Call(worker, clock, sensitive_keys=("^my",))
    failed = call.failure(ApiError)
    for text in (failed["msg"], failed["response"]):
        assert "no: <redacted>, <redacted>, <redacted>" in text
    assert call.hidden == {"pw-123456", "coins-1234", "own-5678"}
