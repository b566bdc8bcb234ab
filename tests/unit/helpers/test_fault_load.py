# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison that the fault tests stand on sees what is lost, what is wrong, and what came twice."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import Event, replayed


def event(op: str, key: int, uuid: Optional[str], pos: int) -> Event:
    after = {"person_id": key, "gender": "F", "uuid": uuid} if uuid else None
    return Event(key, {"op": op, "after": after, "source": {"file": "binlog.000001", "pos": pos, "row": 0}})


def load(*states: Any, deleted: Any = ()) -> Load:
    made = Load(1)
    made.committed.update(states)
    made.deleted.update(deleted)
    return made


CAME: List[Event] = [event("c", 1, "a", 10), event("u", 1, "b", 20), event("c", 2, "c", 30), event("d", 2, None, 40)]
TABLE: Dict[int, Dict[str, Any]] = {1: {"person_id": 1, "gender": "F", "uuid": "b"}}
WRITTEN = load((1, "a"), (1, "b"), (2, "c"), deleted=[2])


def test_all_that_came_once_is_good() -> None:
    found = outcome([*CAME, Event(2, None)], TABLE, WRITTEN)
    assert (found, found.good) == (Outcome(0, 0, 0), True)


def test_what_came_twice_is_counted_and_no_loss() -> None:
    found = outcome([*CAME[:2], *CAME], TABLE, WRITTEN)
    assert (found, found.good) == (Outcome(0, 0, 2), True)


def test_a_state_between_that_never_came_is_lost_although_the_last_one_fits() -> None:
    assert outcome([one for one in CAME if one is not CAME[0]], TABLE, WRITTEN) == Outcome(1, 0, 0)


def test_a_delete_that_never_came_is_lost_and_leaves_a_wrong_state() -> None:
    assert outcome(CAME[:3], TABLE, WRITTEN) == Outcome(1, 1, 0)


def test_what_came_too_late_leaves_a_wrong_state() -> None:
    assert outcome([*CAME, CAME[0]], TABLE, WRITTEN) == Outcome(0, 1, 1)


def test_a_consumer_forgets_what_was_deleted() -> None:
    assert replayed([*CAME, Event(1, None)]) == {}
