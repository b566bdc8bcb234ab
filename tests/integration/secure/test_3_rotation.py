# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets that the host makes for itself are made anew by one playbook, and no event is lost meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from tests.helpers.hunt import Forms
from tests.helpers.places import everywhere, hunt, watched
from tests.helpers.playbooks import play
from tests.helpers.sample_writes import going
from tests.helpers.secrets_used import secrets_of
from tests.helpers.server import Server
from tests.integration.secure.conftest import Secure

# What does not change with the passwords: keys of names, and what the site itself says.
NOT_MADE_HERE = ("/.version-key", "/database-", "/connector-", "/salt")


def own(server: Server) -> Dict[str, Any]:
    """The secrets that the host has made, by what they are."""
    return {prey.label: prey for prey in secrets_of(server) if not any(part in prey.label for part in NOT_MADE_HERE)}


def test_new_secrets_are_in_use_the_former_are_nowhere_and_no_event_is_lost(
    server: Server, site: Secure, tmp_path: Path
) -> None:
    before, login = own(server), server.login
    load = going(server)
    with watched(server) as processes:
        outcome = play(tmp_path, server, site.variables, "-vvv", "--diff", playbook="openmrs.event_log.rotate_secrets")
    assert outcome.code == 0, outcome.messages or outcome.output[-3000:]
    load.more(3)
    assert load.wait(180) > 3
    after = own(server)
    former = {prey.forms for prey in before.values()}
    assert [label for label, prey in after.items() if prey.forms in former] == []
    assert any("broker_passwords/" in label for label in after)
    assert server.login != login
    assert server.request("GET", "/connectors", login=login)[0] == 401
    assert server.request("GET", "/connectors/openmrs-connector/status")[1]["tasks"][0]["state"] == "RUNNING"
    forms = Forms([*before.values(), *after.values()])
    assert forms.found("Ansible's output", outcome.output) == []
    assert hunt(server, forms, (*everywhere(), processes)) == []
    # The former ones are in no file at all, not even where secrets are.
    everything = server.sh("cat $(find /opt/event-log/secrets -type f)")
    assert Forms(list(before.values())).found("the directory of secrets", everything) == []
    assert server.sh("event-log status").startswith("Running: ")
