# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that is ended while it changes offsets leaves the connector as it was."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Dict, Iterator, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_offsets
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_signals import ENDING, signals_as_errors
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import StateError
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Response

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.scripted_http import FakeClock

THERE: List[Any] = [{"partition": {"p": "a"}, "offset": {"at": 1}}]
each_signal = pytest.mark.parametrize("number", ENDING)


class Ending(FakeConnect):
    """Signals arrive after these requests."""

    def __init__(self, number: int, *after: str) -> None:
        super().__init__()
        self.number = number
        self.after = after

    def send(self, method: str, path: str, body: Optional[bytes] = None, timeout: Optional[float] = None) -> Response:
        answer = super().send(method, path, body, timeout)
        if f"{method} {path.rpartition('/')[2]}" in self.after:
            os.kill(os.getpid(), self.number)
        return answer


@pytest.fixture(autouse=True)
def others() -> Iterator[List[int]]:
    """Whoever handled the signals before: what arrived there would have ended the process."""
    arrived: List[int] = []
    former = {number: signal.signal(number, lambda came, _frame: arrived.append(came)) for number in ENDING}
    yield arrived
    for number, handler in former.items():
        signal.signal(number, handler)


def ended(fake: FakeConnect) -> Dict[str, Any]:
    order = _connector_offsets.OffsetsOrder("n", "reset")
    api = ConnectApi(fake, Deadline(FakeClock(), 60))  # type: ignore[arg-type]
    run = _connector_offsets.OffsetsRun(order, api, lambda values: None)
    with pytest.raises(StateError) as caught:
        run.execute()
    return run.failure(caught.value)


@each_signal
@pytest.mark.parametrize(
    ("after", "told", "left"),
    [
        (("PUT stop",), "Its offsets were not changed", THERE),
        (("DELETE offsets",), "Its offsets are now []", []),
        (("PUT stop", "PUT resume"), "Its offsets were not changed", THERE),
    ],
)
@pytest.mark.parametrize(("before", "state"), [("RUNNING RUNNING", "running"), ("PAUSED PAUSED", "paused")])
def test_the_former_state_comes_back(
    *, number: int, after: Any, told: str, left: Any, before: str, state: str, others: List[int]
) -> None:
    fake = Ending(number, *after)
    fake.register("n", {"connector.class": "C"}, before)
    fake.offsets["n"] = list(THERE)
    message = ended(fake)["msg"]
    assert message == f"ended by {signal.Signals(number).name}. {told}; the connector is {state} as before"
    assert (fake.connectors["n"]["state"], fake.offsets["n"]) == (state.upper(), left)
    assert others == []
    os.kill(os.getpid(), number)
    assert others == [number], "the handler of before is not back"


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_as_errors():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_another_thread_is_not_hindered() -> None:
    done: List[bool] = []

    def work() -> None:
        with signals_as_errors():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done == [True]
