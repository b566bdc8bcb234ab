# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""A site that published everything begins to mask: it hears which topics still hold clear events, and deletes them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.helpers import hunt_stack
from tests.helpers.hunt import Forms, name
from tests.helpers.places import hunt
from tests.helpers.playbooks import play
from tests.helpers.sample_names import names
from tests.helpers.server import Server, eventually
from tests.integration.secure.conftest import Secure

CAPTURE = "Changed/again=5by:theInventory"
GIVEN, FAMILY = "Tsehaynesh-Clear", "Abdirahman-Clear"
NAMES = "openmrs.openmrs.person_name"


def test_what_was_clear_is_named_and_deleted_and_what_comes_is_masked(
    server: Server, site: Secure, tmp_path: Path
) -> None:
    sample = Forms(names(server))
    # Files of the broker are no measure: it deletes whole ones, minutes later, and their batches are compressed.
    (consumed,) = [place for place in hunt_stack.topics(server) if not place.files]
    assert len({find.label for find in hunt(server, sample, [consumed])}) == 20, "in the full profile all are there"

    # In one run with a new password for the database's account, which the inventory alone says.
    site.rotate(CAPTURE, site.warehouse)
    site.variables["event_log_patient_data"] = "masked"
    switched = play(tmp_path / "switch", server, site.variables)
    assert switched.code == 0, switched.messages or switched.output[-3000:]
    assert NAMES in switched.output
    assert "openmrs.event_log.purge_clear_events" in switched.output

    number = uuid.uuid4().int % 10**9
    server.sql(
        "INSERT INTO person_name (person_name_id, person_id, given_name, family_name, creator, date_created, uuid)"
        f" VALUES ({number}, 5, '{GIVEN}', '{FAMILY}', 1, NOW(), '{uuid.uuid4()}');"
    )

    def arrived() -> Any:
        return [value for key, value in server.consume(NAMES, 4) if key == {"person_name_id": number}]

    (event,) = eventually(arrived, 60, "the row that was written after the switch")
    assert (event["op"], event["after"]["given_name"], event["after"]["family_name"]) == ("c", "", "")
    assert event["after"]["person_id"] == 5
    new = Forms([name("given name written after the switch", GIVEN), name("family name", FAMILY)])
    assert hunt(server, new, [consumed]) == []

    purged = play(
        tmp_path / "purge", server, site.variables, "-e", f"event_log_purge={site.variables['event_log_site']}",
        playbook="openmrs.event_log.purge_clear_events",
    )  # fmt: skip
    assert purged.code == 0, purged.messages or purged.output[-3000:]
    assert hunt(server, sample, [consumed]) == []
