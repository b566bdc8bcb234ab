# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module truststore: one name per set of authorities, readable by one account, and no more versions than wanted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _truststore
from ansible_collections.openmrs.event_log.plugins.modules import truststore as subject

from tests.unit.plugins.module_utils.test__truststore import ONE, TWO, pem
from tests.unit.plugins.modules.conftest import Call

ME = (os.getuid(), os.getgid())
DIRECTORY_MODE = 0o500 if os.getuid() == 0 else 0o700


class Store:
    """A directory of secrets, a file of authorities, and the module called on both."""

    def __init__(self, call: Call, folder: Path) -> None:
        self._call = call
        self.directory, self.authorities = folder / "secrets" / "connect", folder / "ca.pem"
        self.authorities.write_bytes(pem(ONE))

    def put(self, check: bool = False, **options: Any) -> Dict[str, Any]:
        arguments = {
            "ca_cert": str(self.authorities), "directory": str(self.directory), "owner": ME[0], "group": ME[1],
        }  # fmt: skip
        return self._call(subject, check=check, **{**arguments, **options})

    def names(self) -> List[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def store(call: Call, owners: List[Tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    # Who is not root cannot write into a directory of mode 0500.
    monkeypatch.setattr(subject, "DIRECTORY_MODE", DIRECTORY_MODE)
    return Store(call, tmp_path)


def test_the_ladder_of_check_and_run(store: Store) -> None:
    foretold = store.put(check=True)
    assert foretold["changed"]
    assert not store.directory.parent.exists(), "check mode wrote"
    made = store.put()
    assert made["changed"]
    assert re.fullmatch(r"truststore-[0-9a-f]{8}\.jks", made["filename"])
    assert foretold["filename"] == made["filename"], "the name is known before the file is there"
    assert made["path"] == str(store.directory / made["filename"])
    assert Path(made["path"]).read_bytes() == _truststore.jks([ONE])
    assert made["fingerprints"] == [_truststore.fingerprint(ONE)]
    for check in (True, False):
        again = store.put(check=check)
        assert (again["changed"], again["filename"], again["removed"]) == (False, made["filename"], [])
    assert store.names() == [made["filename"]]


def test_only_its_reader_reads_it(store: Store, owners: List[Tuple[int, int]]) -> None:
    path = Path(store.put()["path"])
    assert path.stat().st_mode & 0o7777 == 0o400
    assert store.directory.stat().st_mode & 0o7777 == DIRECTORY_MODE
    assert owners == [ME, ME]


def test_another_authority_is_another_name_and_the_former_file_stays(store: Store) -> None:
    first = store.put()["filename"]
    store.authorities.write_bytes(pem(ONE, TWO))
    foretold = store.put(check=True)
    second = store.put()
    assert foretold["changed"]
    assert foretold["filename"] == second["filename"] != first
    assert store.names() == sorted([first, second["filename"]])


def test_what_else_is_in_the_file_is_no_change(store: Store) -> None:
    store.put()
    store.authorities.write_bytes(b"# the hospital's own\n" + pem(ONE, end="\r\n") + pem(ONE))
    assert not store.put()["changed"]


def test_old_versions_are_removed_and_secrets_left_alone(store: Store) -> None:
    store.put()
    others = ["database-0123abcd.properties", "truststore-0123abcd.pem"]
    old = [f"truststore-0000000{number}.jks" for number in range(4)]
    for number, name in enumerate([*others, *old]):
        (store.directory / name).write_text("mine")
        os.utime(store.directory / name, (1000 + number, 1000 + number))
    foretold = store.put(check=True)
    done = store.put()
    assert foretold["removed"] == done["removed"] == [old[1], old[0]]
    assert store.names() == sorted([*others, old[2], old[3], done["filename"]])


def test_what_was_changed_by_hand_is_mended(store: Store) -> None:
    path = Path(store.put()["path"])
    path.chmod(0o600)
    path.write_bytes(b"tampered")
    path.chmod(0o400)
    assert store.put()["changed"]
    assert path.read_bytes() == _truststore.jks([ONE])


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "ca.pem: No such file or directory"), (b"hello", "ca.pem cannot be used: it holds no certificate in PEM")],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_file_that_is_none_is_named(store: Store, content: bytes, words: str, check: bool) -> None:
    store.authorities.unlink()
    if content is not None:
        store.authorities.write_bytes(content)
    done = store.put(check=check)
    assert done["failed"]
    assert words in done["msg"]
    assert not store.directory.exists()
