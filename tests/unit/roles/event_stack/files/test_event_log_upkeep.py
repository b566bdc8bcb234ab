# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong only later: read from the host's files, told in time, and no sooner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup_make, _truststore
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import certificates, upkeep
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.certificates import Certificate
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.upkeep import Backup, Headroom, Upkeep
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.test_event_log_certificates import made

NOW, DAY = 1_800_000_000.0, 86400


def told(seen: Upkeep) -> List[Tuple[str, str]]:
    return [(one.id, one.verdict) for one in upkeep.findings(seen)]


@pytest.mark.parametrize(
    ("days", "verified", "found"),
    [
        (31, True, []),
        (29, True, [("certificate_expires", "ok")]),
        (6, True, [("certificate_expires", "ill")]),
        (-1, True, [("certificate_expires", "ill")]),
        (-1, False, []),
    ],
)
def test_a_certificate_is_told_of_in_time(days: int, verified: bool, found: List[Tuple[str, str]]) -> None:
    seen = Upkeep(NOW, (Certificate(certificates.AUTHORITY, "/ca.pem", int(NOW) + days * DAY, verified),))
    assert told(seen) == found
    for one in upkeep.findings(seen):
        assert ("has expired" if days < 0 else f"in {days} days") in one.what


@pytest.mark.parametrize(("age", "limit", "found"), [(30, 31, []), (32, 31, ["backup_old"]), (8, 7, ["backup_old"])])
def test_an_old_backup_is_told_of(age: int, limit: int, found: List[str]) -> None:
    seen = Upkeep(NOW, backup=Backup("/b/x.age", 5, int(NOW) - age * DAY), backup_days=limit)
    assert [name for name, _ in told(seen)] == found


@pytest.mark.parametrize(
    ("since", "expiry", "longest", "short"),
    [
        (2, 7, 3, False),  # a log that is younger than its expiry is not short
        (2, 7, 4, True),
        (9, 7, 4, False),  # files go whole: it reaches back farther than the expiry
        (2, 0, 40, False),
        (2, None, 40, False),
        (None, 7, 4, True),
        (2, 7, None, False),
    ],
)
def test_the_binary_log_reaches_back_twice_as_far_as_the_longest_outage(
    since: Optional[int], expiry: Optional[int], longest: Optional[int], short: bool
) -> None:
    end = int(NOW) - 50 * DAY
    seen = Headroom(
        None if since is None else int(NOW) - since * DAY,
        None if expiry is None else expiry * DAY,
        None if longest is None else (end - longest * DAY, end),
    )
    assert told(Upkeep(NOW, headroom=seen)) == ([("headroom_short", "ok")] if short else [])


def files(host: Host, memory: Dict[str, Any], **more: Any) -> Path:
    """What role, guard and module leave on a host that verifies its database's certificate."""
    home, secrets = host.chosen.home, host.root / "secrets/connect"
    secrets.mkdir(parents=True)
    authority = made(host.root / "ca.pem", 20)
    (secrets / "database-ca-1.jks").write_bytes(_truststore.jks(_truststore.certificates(authority.read_bytes())))
    capture = {"ca_file": str(authority), "password_file": f"{secrets}/p.properties", "ssl_mode": "verify_ca"}
    (home / "config/source.json").write_text(
        json.dumps({"flavour": "mysql", "version": "8.0.40", "capture": capture}), encoding="utf-8"
    )
    guard = host.root / "guard"
    guard.mkdir()
    (home / "config/guard.json").write_text(json.dumps({"directory": str(guard), **more}))
    (guard / "memory.json").write_text(json.dumps(memory))
    record = {"file": "/b/event-log-hill-1.tar.zst.age", "bytes": 3 << 20, "made": int(NOW) - 9 * DAY}
    (home / upkeep.RECORD).write_text(json.dumps(record))
    return authority


def test_all_of_it_is_read_from_the_host(host: Host) -> None:
    memory = {
        "database": {"version": "8.0.41", "expiry": 7 * DAY, "certificate_until": int(NOW) + 900, "address": "db:3306"},
        "outages": {"alive": int(NOW) - 60, "list": [[1_700_000_000, 1_700_003_600], [1_700_100_000, 1_700_100_700]]},
        "history": {"c": {"created": {"binlog.1": 1_799_000_000}}},
    }
    until = certificates.authority(files(host, memory, backup_days=8))
    assert until is not None
    seen = upkeep.look(host.chosen, NOW)
    assert [one.until for one in seen.certificates] == [until.until, until.until, int(NOW) + 900]
    assert seen.database == "mysql 8.0.41"
    assert seen.headroom == Headroom(1_799_000_000, 7 * DAY, (1_700_000_000, 1_700_003_600))
    data = upkeep.as_data(seen)
    assert data["backup"] == {
        "file": "/b/event-log-hill-1.tar.zst.age",
        "bytes": 3 << 20,
        "made": "2027-01-06T08:00:00.000Z",
        "days": 8,
    }
    assert data["headroom"]["longest_outage_seconds"] == 3600
    assert data["headroom"]["kept_seconds"] == 1_000_000
    lines = "\n".join(upkeep.as_lines(seen))
    for words in (
        "reaches back to",
        "is good until",
        "longest outage took 60 minutes",
        "event-log-hill-1",
        "for 7 days",
    ):
        assert words in lines
    assert {"backup_old", "certificate_expires"} <= {one.id for one in upkeep.findings(seen)}


def test_an_outage_of_now_counts(host: Host) -> None:
    files(host, {"outages": {"alive": int(NOW) - 5000, "list": [[1, 2000]]}})
    assert upkeep.look(host.chosen, NOW).headroom.longest == (int(NOW) - 5000, int(NOW))


def test_a_host_without_any_of_it_tells_nothing(host: Host) -> None:
    seen = upkeep.look(host.chosen, NOW)
    assert seen == Upkeep(NOW)
    assert (upkeep.findings(seen), upkeep.as_lines(seen)) == ([], [])


def test_files_may_hold_anything(host: Host) -> None:
    for text in ('{"database": 3, "outages": [], "history": 1}', '{"outages": {"list": [[1], 2, ["a", 1]]}}', "{"):
        (host.chosen.home / "config/source.json").write_text('{"capture": [1]}')
        (host.chosen.home / upkeep.RECORD).write_text('{"file": 1, "made": "x"}')
        (host.chosen.home / "config/guard.json").write_text(json.dumps({"directory": str(host.root)}))
        (host.root / "memory.json").write_text(text)
        assert upkeep.look(host.chosen, NOW) == Upkeep(NOW)


def test_module_and_command_mean_the_same_file() -> None:
    assert _backup_make.RECORD == upkeep.RECORD


def test_status_tells_of_it(host: Host) -> None:
    record = {"file": "/b/x.age", "bytes": 1, "made": 1_700_000_000}
    (host.chosen.home / upkeep.RECORD).write_text(json.dumps(record))
    host.containers()
    found = json.loads(host.run("status", "--json").stdout)
    assert "backup_old" in [one["id"] for one in found["findings"]]
