# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role event_connector on databases that insist on TLS: what it makes streams encrypted, or is refused in words."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pymysql
import pytest

from tests.helpers.calls import Played, play
from tests.helpers.tls_databases import Database, authority, database
from tests.helpers.worker_files import BROKER_LOGIN, LOGIN
from tests.helpers.worker_rig import images
from tests.helpers.workers import CAPTURE, Rig, wait_for

ROLE = {"ansible.builtin.import_role": {"name": "openmrs.event_log.event_connector"}}
FLAVOURS = ["mysql", "mariadb"]


@dataclass(frozen=True)
class Site:
    """A site whose stack is the rig."""

    rig: Rig
    database: Database
    folder: Path
    name: str

    @property
    def variables(self) -> Dict[str, Any]:
        member = self.rig.a.member
        return {
            "event_log_site": self.name,
            "event_log_profile": "clinic",
            "event_log_home": str(self.folder / "home"),
            "event_log_secrets_dir": str(self.folder / "secrets"),
            "event_log_image": images()["event log"],
            "event_log_bootstrap": self.rig.bootstrap,
            "event_log_connect_url": self.rig.a.url,
            "event_log_connect_user": LOGIN[0],
            "event_log_connect_password": LOGIN[1],
            "event_log_connector_name": self.name,
            "event_log_topic_prefix": self.name,
            "event_log_database_port": self.database.port,
            "event_log_capture_user": CAPTURE[0],
            "event_log_capture_password": CAPTURE[1],
            "event_log_tables": ["person"],
            "event_connector_connect_topics": {
                kind: f"{member.group}-{kind}" for kind in ("configs", "offsets", "status")
            },
        }  # fmt: skip

    def run(self, *words: str, **given: Any) -> Played:
        return play(self.folder, ROLE, *words, vars={**self.variables, **given})

    def make(self, **given: Any) -> None:
        done = self.run(**given)
        assert done.code == 0, done.output

    @property
    def config(self) -> Dict[str, str]:
        config: Dict[str, str] = self.rig.a.get(f"/connectors/{self.name}/config")
        return config

    def streams(self) -> None:
        """A row that is written now arrives."""
        topic = f"{self.name}.openmrs.person"
        wait_for("the snapshot", lambda: topic in self.rig.topics(), 60, self.rig.a.name)
        before = self.rig.end_of(topic)
        self.database.sql("INSERT INTO openmrs.person SELECT max(person_id) + 1, 'M' FROM openmrs.person")
        wait_for("the event", lambda: self.rig.end_of(topic) > before, 60, self.rig.a.name)
        assert self.rig.a.states(self.name) == ["RUNNING", "RUNNING"]


@contextlib.contextmanager
def site(rig: Rig, flavour: str, folder: Path, tls: bool = True) -> Iterator[Site]:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "connect").symlink_to(rig.root / "secrets")
    (folder / "secrets" / "command").mkdir()
    (folder / "secrets" / "command" / "client.properties").write_text(BROKER_LOGIN)
    with database(flavour, folder, tls) as server:
        # A name that was never used before has no offsets of another database.
        made = Site(rig, server, folder, f"rig-tls-{flavour}-{zlib.crc32(str(folder).encode()):08x}-{os.getpid()}")
        try:
            yield made
        finally:
            rig.a.delete(made.name)


def changes(done: Played) -> List[Dict[str, Any]]:
    assert done.code == 0, done.output
    each = [item for result in done.results for item in result.get("results", [result])]
    return [result for result in each if result.get("changed")]


def refused_without_tls(server: Database) -> bool:
    """Whether the account is known, and let in with TLS only."""
    try:
        pymysql.connect(host="127.0.0.1", port=server.port, user=CAPTURE[0], password=CAPTURE[1], ssl_disabled=True)
    except pymysql.err.OperationalError as error:
        return "Access denied" in str(error)
    return False


# The part "databases" reads both over TLS, with an authority of their own, in every run.
@pytest.mark.full
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_own_authority_is_verified_and_a_strange_one_refused(rig: Rig, flavour: str, tmp_path: Path) -> None:
    with site(rig, flavour, tmp_path) as made:
        trusting = {"event_connector_seen": made.database.seen, "event_log_database_ca_cert": str(made.database.ca)}
        foretold = changes(made.run("--check", "--diff", **trusting))
        done = changes(made.run(**trusting))
        assert len(foretold) == len(done), "check mode foretells what the run changes"
        assert sum("fingerprints" in result for result in done) == sum("actions" in result for result in done) == 1
        assert changes(made.run(**trusting)) == []

        config = made.config
        assert config["connector.class"].lower().endswith(f".{flavour}connector")
        assert config["database.ssl.mode"].replace("-", "_") == "verify_ca"
        assert "database.ssl.truststore.password" not in config
        made.streams()
        assert refused_without_tls(made.database)
        if flavour == "mysql":
            clients = made.database.clients()
            assert "Binlog Dump" in clients
            assert all(clients.values()), clients

        told = json.loads((tmp_path / "home" / "config" / "source.json").read_text())
        assert (told["flavour"], told["version"]) == (flavour, made.database.seen["version"])
        assert told["time_zone"]["utc_offset_minutes"] == 0

        # Without a look this run goes by what the last one wrote: the same connector.
        strange = authority(tmp_path, "stranger")
        refused = made.run(event_log_database_ca_cert=str(strange))
        assert refused.code != 0
        assert f"{strange} (event_log_database_ca_cert)" in refused.result["msg"]
        assert f"openssl s_client -starttls mysql -connect 127.0.0.1:{made.database.port}" in refused.result["msg"]
        assert made.config == config, "a refused change left the connector as it was"
        assert rig.a.states(made.name) == ["RUNNING", "RUNNING"]


@pytest.mark.full
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("asked", "word"), [({}, "preferred"), ({"event_connector_ssl_mode": "required"}, "required")], ids=["", "required"]
)
def test_tls_is_used_where_the_server_offers_it(
    rig: Rig, flavour: str, asked: Dict[str, Any], word: str, tmp_path: Path
) -> None:
    with site(rig, flavour, tmp_path) as made:
        made.make(event_connector_seen=made.database.seen, **asked)
        assert made.config["database.ssl.mode"] == ("trust" if flavour == "mariadb" else word)
        made.streams()
        assert refused_without_tls(made.database)


@pytest.mark.full
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_server_without_tls_is_read_without(rig: Rig, flavour: str, tmp_path: Path) -> None:
    with site(rig, flavour, tmp_path, tls=False) as made:
        made.make(event_connector_seen={**made.database.seen, "tls_offered": False})
        assert made.config["database.ssl.mode"] == ("disable" if flavour == "mariadb" else "preferred")
        made.streams()


@pytest.mark.full
def test_a_certificate_is_verified_down_to_the_name(rig: Rig, tmp_path: Path) -> None:
    with site(rig, "mariadb", tmp_path) as made:
        asked = {"event_log_database_ca_cert": str(made.database.ca), "event_connector_ssl_mode": "verify_identity"}
        made.make(event_connector_seen=made.database.seen, **asked)
        assert made.config["database.ssl.mode"] == "verify-full"
        made.streams()


@pytest.mark.full
def test_a_certificate_for_another_name_is_refused_in_words(rig: Rig, tmp_path: Path) -> None:
    # MySQL's own certificate names no host.
    with site(rig, "mysql", tmp_path) as made:
        asked = {"event_log_database_ca_cert": str(made.database.ca), "event_connector_ssl_mode": "verify_identity"}
        refused = made.run(event_connector_seen=made.database.seen, **asked)
        assert refused.code != 0
        assert "and only under the name 127.0.0.1" in refused.result["msg"]
        assert rig.a.states(made.name) == []


@pytest.mark.full
def test_another_authority_is_ordinary_drift(rig: Rig, tmp_path: Path) -> None:
    with site(rig, "mysql", tmp_path) as made:
        made.make(event_connector_seen=made.database.seen, event_log_database_ca_cert=str(made.database.ca))
        former = made.config["database.ssl.truststore"]
        both = tmp_path / "both.pem"
        both.write_text(authority(tmp_path, "next").read_text() + made.database.ca.read_text())
        assert changes(made.run("--check", "--diff", event_log_database_ca_cert=str(made.database.ca))) == []
        assert len(changes(made.run("--check", event_log_database_ca_cert=str(both)))) == 2
        assert len(changes(made.run(event_log_database_ca_cert=str(both)))) == 2, "truststore and connector"
        assert made.config["database.ssl.truststore"] != former
        made.streams()
        assert changes(made.run(event_log_database_ca_cert=str(both))) == []
