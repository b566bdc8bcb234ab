# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops everything before the first change: a full disk, a closed network, a directory that cannot be written."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_back as back
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_refuse as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_run as run
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Mount
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Disk, Wanted

from tests.unit.plugins.module_utils.mysql_sources import WANTED, good, with_variables
from tests.unit.plugins.module_utils.test__mysql_configure_look import LOGIN, PLACE, Finder, Session

MB = 1048576


def look_at(
    monkeypatch: pytest.MonkeyPatch, free: int, further: Optional[Dict[str, str]] = None, **spoilt: str
) -> look.Seen:
    """Look at a MySQL 5.7 on a disk with so much space; the disk is asked for where the look says."""
    asked: List[str] = []

    def read(login: Any, wanted: Wanted) -> Any:
        asked.append(wanted.binlog_directory)
        source = with_variables(good("mysql-5.7"), datadir="/var/lib/mysql/", **spoilt)
        disk = Disk(wanted.binlog_directory, 100_000 * MB, free) if wanted.binlog_directory else None
        return replace(source, disk=disk)

    monkeypatch.setattr(Session, "on", spoilt.get("log_bin") != "OFF")
    monkeypatch.setattr(look, "open_connection", lambda login: Session("mysql-5.7"))
    monkeypatch.setattr(look, "read_source", read)
    monkeypatch.setattr(Session, "query", _knowing(further or {}))

    def write(*_: Any) -> None:
        raise AssertionError("nothing may be changed")

    monkeypatch.setattr(back, "write", write)
    host: Any = Finder(PLACE)
    request = Request(WANTED, further=further or {})
    seen = look.look(LOGIN, request, host, "", persist=False)
    assert asked == ["/var/lib/mysql" if spoilt.get("log_bin") == "OFF" else ""]
    return seen


def _knowing(further: Dict[str, str]) -> Any:
    original = Session.query

    def query(session: Session, statement: str, values: Any = ()) -> Any:
        found = [{"Variable_name": name, "Value": "0"} for name in values if name in further]
        return found or original(session, statement, values)

    return query


@pytest.mark.parametrize(("free", "refused"), [(50, True), (1000, True), (1100, False)])
def test_a_binary_log_that_is_off_is_not_switched_on_where_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, free: int, refused: bool
) -> None:
    if refused:
        with pytest.raises(ConfigureError, match=r"(?s)/var/lib/mysql\).*disk_nearly_full.*Nothing was changed"):
            look_at(monkeypatch, free * MB, log_bin="OFF")
    else:
        assert look_at(monkeypatch, free * MB, log_bin="OFF").binlog_directory == ""


def test_the_whole_run_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    look_at(monkeypatch, 2000 * MB, log_bin="OFF")  # sets the stage
    source = replace(
        with_variables(good("mysql-5.7"), log_bin="OFF"), disk=Disk("/var/lib/mysql", 100_000 * MB, 50 * MB)
    )
    monkeypatch.setattr(look, "read_source", lambda login, wanted: source)
    host: Any = Finder(PLACE)
    with pytest.raises(ConfigureError, match="disk_nearly_full"):
        run.ensure(LOGIN, Options(Request(WANTED), restart=True), host)


@pytest.mark.parametrize(
    ("container", "log_bin", "found"),
    [
        ("", "", "/var/lib/mysql"),
        ("", "hospital", "/var/lib/mysql"),
        ("", "/data/binlog/a", "/data/binlog"),
        ("db", "", "/srv/data"),
        ("db", "/elsewhere/a", "/proc/7/root/elsewhere"),
    ],
)
def test_where_a_binary_log_will_be(container: str, log_bin: str, found: str) -> None:
    place = replace(PLACE, container=container, mounts=(Mount("/srv/data", "/var/lib/mysql"),))
    request = Request(WANTED, further={"log_bin": log_bin} if log_bin else {})
    assert subject.future_directory(place, request, "/var/lib/mysql/") == found
    assert subject.future_directory(place, request, "") == ""


def test_a_server_without_a_network_is_left_to_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigureError) as caught:
        look_at(monkeypatch, 5000 * MB, log_bin="OFF", skip_networking="ON")
    assert "[skip_networking]" in str(caught.value)
    assert "mysql_binlog_settings: {skip_networking: 0, bind_address: 127.0.0.1}" in str(caught.value)
    assert "[binlog_off]" not in str(caught.value)
    assert look_at(monkeypatch, 5000 * MB, {"skip_networking": "0"}, skip_networking="ON")


def test_whoever_may_create_functions_is_said_before_the_binary_log_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "log_bin_trust_function_creators"
    spoilt = {"log_bin": "OFF", name: "OFF"}
    assert f"mysql_binlog_settings: {{{name}: 1}}" in "".join(look_at(monkeypatch, 5000 * MB, None, **spoilt).notes)
    assert name not in "".join(look_at(monkeypatch, 5000 * MB, {name: "1"}, **spoilt).notes)


@pytest.mark.parametrize(
    ("mode", "name", "said"),
    [
        (0o777, "binlog/a", ""),
        (0o755, "binlog/a", "may not write to"),
        (0o777, "none/a", "is no directory that the server sees"),
    ],
)
def test_a_directory_that_the_server_could_not_write_is_found_before_the_first_change(
    tmp_path: Path, mode: int, name: str, said: str
) -> None:
    proc = tmp_path / "proc"
    place = replace(PLACE, uid=4242, gid=4242, proc=str(proc))
    # Everybody may go through its parents, which cannot be said of those of tmp_path.
    with tempfile.TemporaryDirectory(dir="/tmp") as opened:
        Path(opened).chmod(0o755)
        binlog = Path(opened) / "binlog"
        binlog.mkdir()
        binlog.chmod(mode)
        request = Request(WANTED, further={"log_bin": f"{opened}/{name}"})
        found = subject.unusable(place, request, with_variables(good("mysql-5.7"), log_bin="OFF"))
        assert (said in found) if said else found == ""
        # A group of the server's own may write; and what is there already is not looked at.
        (proc / "7").mkdir(parents=True)
        (proc / "7" / "status").write_text(f"Groups:\t{binlog.stat().st_gid} 4242\n")
        binlog.chmod(mode | 0o020)
        assert "may not write" not in subject.unusable(place, request, with_variables(good("mysql-5.7"), log_bin="OFF"))
        running = with_variables(good("mysql-5.7"), log_bin_basename=f"{opened}/{name}")
        assert subject.unusable(place, request, running) == ""
