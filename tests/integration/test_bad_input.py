# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input stops the real playbook before the first change, with a message that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bad_input import Case, assert_told, cases, chosen, run_case, said, state, variables
from tests.helpers.connector_cases import CONNECTOR_FILES
from tests.helpers.playbooks import Outcome, play, play_all, site_variables
from tests.helpers.security_cases import SECURITY, password
from tests.helpers.server import Server
from tests.helpers.web_pages import REFUSED as WEB_PAGES

META = "/var/lib/event-log/kafka/data/log/meta.properties"
REFUSING_DOCKER = """\
#!/bin/sh
case "$1" in compose) exec /usr/bin/docker "$@" ;; esac
echo 'permission denied while trying to connect to the Docker daemon socket' >&2
exit 1
"""
HUGE = {
    "host_mb": 900_000,
    "broker_heap_mb": 1024,
    "broker_limit_mb": 2048,
    "connect_heap_mb": 1024,
    "connect_limit_mb": 2048,
}
ROOT_SQL = "docker exec -i openmrs-sample-db sample-sql"
WRONG_FORMAT = "SET GLOBAL binlog_row_image = MINIMAL; SET GLOBAL binlog_format = STATEMENT"
RIGHT_FORMAT = "SET GLOBAL binlog_row_image = FULL; SET GLOBAL binlog_format = ROW"
NO_GRANT = "REVOKE REPLICATION SLAVE ON *.* FROM 'event_log'@'%'"
GRANT = "GRANT REPLICATION SLAVE ON *.* TO 'event_log'@'%'"
PRECIOUS = "mkdir -p /var/lib/event-log/kafka/data && echo precious > /var/lib/event-log/kafka/data/file"
FULL_DISK = "mkdir -p /var/lib/event-log && mount -t tmpfs -o size=20m full /var/lib/event-log"
NO_DISK = "umount /var/lib/event-log && rmdir /var/lib/event-log"
SQUAT = (
    "systemd-run --unit=squatter --collect python3 -m http.server 9092 --bind 127.0.0.1"
    " && timeout 20 sh -c 'until ss -Hltn | grep -q :9092; do :; done'"
)


# The database is a site's own then, and the playbook may only look at it.
OWN_DATABASE: dict[str, Any] = {"event_log_sample": False}

# On a server where the event log runs already: nothing of it may be lost or changed.
CONVERGED = [
    Case(
        "all that an inventory can lack or misspell",
        (
            "event_connector_tabels",
            "event_connector_tables",
            "event_log_tabels",
            "event_log_tables",
            "event_log_site",
            "event_log_capture_password",
        ),
        {"event_connector_tabels": ["x"], "event_log_tabels": ["person"]},
        unset=("event_log_site", "event_log_capture_password"),
    ),
    Case(
        "wrong type, and a value that is no choice",
        ("database_port", "ninety", "int", "ssl_mode", "hospital", "preferred"),
        {"event_log_database_port": "ninety", "event_connector_ssl_mode": "hospital"},
    ),
    Case(
        "database that is not ready in every way that an account with a login can see",
        (
            "persn",
            "event_log_tables",
            "binlog_row_image",
            "MINIMAL",
            "binlog_format",
            "STATEMENT",
            "[mysqld]",
            "REPLICATION SLAVE",
            "GRANT",
        ),
        {**OWN_DATABASE, "event_log_tables": ["person", "persn"]},
        before=f'echo "{"; ".join((WRONG_FORMAT, NO_GRANT))};" | {ROOT_SQL}',
        after=f'echo "{"; ".join((RIGHT_FORMAT, GRANT))};" | {ROOT_SQL}',
    ),
    Case(
        "database out of reach",
        ("127.0.0.1", "3399", "event_log_database_port"),
        {**OWN_DATABASE, "event_log_database_port": 3399},
    ),
    Case("no such account", ("nobody_here", "CREATE USER"), {**OWN_DATABASE, "event_log_capture_user": "nobody_here"}),
    Case(
        "data directory of another cluster",
        ("cluster", "/var/lib/event-log/kafka/data"),
        before=f"cp -p {META} /root/meta && sed -i 's/^cluster.id=.*/cluster.id=AnotherClusterOfTests1/' {META}",
        after=f"cp -p /root/meta {META} && rm /root/meta",
    ),
    # One by one
    Case("wrong type", ("database_port", "ninety", "int"), {"event_log_database_port": "ninety"}, long=True),
    Case("value that is no choice", ("profile", "hospital", "clinic"), {"event_log_profile": "hospital"}, long=True),
    Case(
        "misspelt role variable",
        ("event_connector_tabels", "event_connector_tables"),
        {"event_connector_tabels": ["x"]},
        long=True,
    ),
    Case(
        "misspelt site variable",
        ("event_log_tabels", "event_log_tables"),
        {"event_log_tabels": ["person"]},
        long=True,
    ),
    Case("no name of the site", ("event_log_site",), unset=("event_log_site",), long=True),
    Case(
        "no password of the capture account",
        ("event_log_capture_password",),
        unset=("event_log_capture_password",),
        long=True,
    ),
    Case(
        "table that does not exist",
        ("persn", "event_log_tables"),
        {**OWN_DATABASE, "event_log_tables": ["person", "persn"]},
        long=True,
    ),
    Case(
        "wrong password",
        ("event_log_capture_password", "event_log"),
        {**OWN_DATABASE, "event_log_capture_password": password("wrong")},
        long=True,
    ),
    Case(
        "no such database",
        ("openmrs_old", "event_log_database_name"),
        {**OWN_DATABASE, "event_log_database_name": "openmrs_old"},
        long=True,
    ),
    Case(
        "missing grant",
        ("REPLICATION SLAVE", "GRANT"),
        OWN_DATABASE,
        before=f'echo "{NO_GRANT};" | {ROOT_SQL}',
        after=f'echo "{GRANT};" | {ROOT_SQL}',
        long=True,
    ),
]
INVENTORIES = [case for case in (*CONVERGED, *CONNECTOR_FILES, *WEB_PAGES, *SECURITY) if not case.before]
SERVERS = [case for case in CONVERGED if case.before]

# On a server that has Docker and the packages, and nothing of the event log.
BARE = [
    Case(
        "ids of somebody else, and data directories with files of root on a full disk",
        (
            "event_log_uid",
            "1001",
            "alice",
            "event_log_gid",
            "nurses",
            "event_log_data_dir",
            "/var/lib/event-log/kafka/data",
            "uid 0",
            "chown",
            "MB",
        ),
        before=f"groupadd -g 1001 nurses && useradd -u 1001 -g nurses alice && {FULL_DISK} && {PRECIOUS}",
        after=f"{NO_DISK}; userdel alice; groupdel nurses",
    ),
    Case(
        "port in use, also of a web page, and too little memory",
        ("event_stack_kafdrop_port is 9092", "9092", "python3", "event_log_profile", "referral", "900000 MB"),
        {
            "event_log_profile": "referral",
            "event_stack_memory": HUGE,
            "event_stack_uis": ["kafdrop"],
            "event_stack_kafdrop_port": 9092,
        },
        before=SQUAT,
        after="systemctl stop squatter",
    ),
    Case(
        "Docker refuses",
        ("Docker", "permission denied", "docker_engine_start_timeout", "DOCKER_HOST"),
        {"docker_engine_start_timeout": 5},
        before=f"cd /usr/local/bin && cat > docker <<'END' && chmod +x docker\n{REFUSING_DOCKER}END",
        after="rm /usr/local/bin/docker",
    ),
    Case(
        "no such archive",
        ("/srv/images/nothing.tar", "event_images_"),
        {"event_images_archive": "/srv/images/nothing.tar"},
    ),
    # One by one
    Case(
        "uid of somebody else",
        ("event_log_uid", "1001", "alice"),
        before="useradd -u 1001 alice",
        after="userdel alice",
        long=True,
    ),
    Case(
        "gid of somebody else",
        ("event_log_gid", "1001", "nurses"),
        before="groupadd -g 1001 nurses",
        after="groupdel nurses",
        long=True,
    ),
    Case(
        "data directory with files of root",
        ("event_log_data_dir", "/var/lib/event-log/kafka/data", "uid 0", "chown"),
        before=PRECIOUS,
        after="rm -r /var/lib/event-log",
        long=True,
    ),
    Case(
        "full disk",
        ("/var/lib/event-log", "MB", "event_log_data_dir"),
        before=FULL_DISK,
        after=NO_DISK,
        long=True,
    ),
    Case("port in use", ("9092", "python3"), before=SQUAT, after="systemctl stop squatter", long=True),
    Case(
        "too little memory",
        ("event_log_profile", "referral", "900000 MB"),
        {"event_log_profile": "referral", "event_stack_memory": HUGE},
        long=True,
    ),
]


@dataclass(frozen=True)
class Together:
    """One run over several inventories of the same server, and what the server was like before and after."""

    outcome: Outcome
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def together(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Together:
    """What is wrong in an inventory only needs no run of its own: each is a site of one run."""
    sites = {case.site: {**variables(case), "ansible_host": server.name} for case in chosen(INVENTORIES)}
    before = state(server)
    outcome = play_all(tmp_path_factory.mktemp("together"), sites)
    return Together(outcome, before, state(server))


@pytest.mark.parametrize("case", cases(INVENTORIES))
def test_an_inventory_is_refused(together: Together, case: Case) -> None:
    assert_told(case, said(together.outcome, case.site))


def test_nothing_was_changed_by_any_inventory(together: Together) -> None:
    assert together.outcome.code != 0
    assert together.outcome.changed == []
    assert together.after == together.before


@pytest.mark.parametrize("case", cases(SERVERS))
def test_on_a_running_server(server: Server, case: Case, tmp_path: Path) -> None:
    run_case(server, case, tmp_path)


# The part `installed` runs the same playbook on this server in every run.
@pytest.mark.full
def test_the_running_server_is_still_what_the_playbook_wants(server: Server, tmp_path: Path) -> None:
    """After all that was refused, a run finds nothing to do."""
    outcome = play(tmp_path, server, site_variables())
    assert outcome.code == 0, outcome.output[-3000:]
    assert outcome.changed == []


@pytest.mark.parametrize("case", cases(BARE))
def test_on_a_bare_server(prepared: Server, case: Case, tmp_path: Path) -> None:
    run_case(prepared, case, tmp_path)
