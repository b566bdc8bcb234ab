# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an incremental snapshot is, from an offset as Debezium 3.6 stored it."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _guard_snapshot as subject

ARRAY = "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000001"
INTEGER = (
    "737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e75"
    "6d62657286ac951d0b94e08b0200007870"
)
LONG = INTEGER.replace("116a6176612e6c616e672e496e7465676572", "0e6a6176612e6c616e672e4c6f6e67")


def offset(*tables: str, **more: Any) -> Dict[str, Any]:
    listed = [{"incremental_snapshot_collections_id": table} for table in tables]
    return {"file": "binlog.000001", "pos": 4, "incremental_snapshot_collections": json.dumps(listed), **more}


def at(last: str, end: str, *tables: str) -> subject.Progress:
    keys = {"incremental_snapshot_primary_key": last, "incremental_snapshot_maximum_key": end}
    found = subject.progress(offset(*(tables or ("openmrs.person",)), **keys))
    assert found is not None
    return found


def test_an_offset_that_a_connector_has_stored() -> None:
    found = at(ARRAY + INTEGER + "00000d43", ARRAY + INTEGER + "00002719", "openmrs.person", "openmrs.obs")
    assert found == subject.Progress(("openmrs.person", "openmrs.obs"), 3395, 10009)
    assert found.sentence == "reading again openmrs.person: 33 % (key 3395 of 10009); then openmrs.obs"


def test_keys_of_eight_bytes() -> None:
    assert subject.number(ARRAY + LONG + "0000000100000000") == 2**32


@pytest.mark.parametrize("key", [None, "", "zz", "00", ARRAY + "7400036162", ARRAY.replace("01", "02") + "74"])
def test_a_key_that_is_no_number_has_no_percentage(key: Optional[str]) -> None:
    found = subject.progress(offset("openmrs.users", incremental_snapshot_maximum_key=key))
    assert found is not None
    assert (found.percent, found.sentence) == (None, "reading again openmrs.users: begun")


@pytest.mark.parametrize("stored", [None, {}, {"file": "b.1"}, offset(), {"incremental_snapshot_collections": "{"}])
def test_without_one_there_is_none(stored: Optional[Dict[str, Any]]) -> None:
    assert subject.progress(stored) is None


@pytest.mark.parametrize(
    ("stored", "file", "position", "expected"),
    [
        ({"file": "b.000009", "pos": 4}, "b.000009", 4, True),
        ({"file": "b.000009", "pos": 3}, "b.000009", 4, False),
        ({"file": "b.000010", "pos": 4}, "b.000009", 900, True),
        ({"file": "b.1000000", "pos": 4}, "b.999999", 900, True),
        ({"file": "b.000009", "pos": 900}, "b.000010", 4, False),
        ({"file": "other.000010", "pos": 900}, "b.000009", 4, False),
        ({"pos": 900}, "b.000009", 4, False),
        (None, "b.000009", 4, False),
    ],
)
def test_what_is_behind_a_position(stored: Any, file: str, position: int, expected: bool) -> None:
    assert subject.reached(stored, file, position) is expected
