# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the control node: read as they are, decrypted, or told why not."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.openmrs.event_log.plugins.lookup import text_files as subject

WORD = [("default", VaultSecret(b"only-in-this-test"))]
OTHER = [("default", VaultSecret(b"another-word"))]
TEXT = '{"name": "{{ not_a_template }}", "ü": 1}\n'


def read(*terms: str, directory: str = "", secrets: object = None) -> List[Dict[str, str]]:
    loader = DataLoader()
    loader.set_vault_secrets(secrets)
    return subject.LookupModule(loader=loader).run(list(terms), {"inventory_dir": directory or None})


def test_a_text_comes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(TEXT, encoding="utf-8")
    path = str(tmp_path / "a.json")
    assert read(path) == [{"path": path, "text": TEXT, "problem": ""}]
    assert read() == []


def test_a_relative_path_is_below_the_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "a.json").write_text(TEXT, encoding="utf-8")
    (found,) = read("connectors/a.json", directory=str(tmp_path))
    assert (found["path"], found["text"]) == (str(tmp_path / "connectors/a.json"), TEXT)
    monkeypatch.chdir(tmp_path)
    assert read("connectors/a.json") == [found]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/connectors/a.json", directory="/elsewhere") == [found]


def test_what_is_encrypted_comes_decrypted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(VaultLib(WORD).encrypt(TEXT.encode(), secret=WORD[0][1]))
    assert read(str(path), secrets=WORD)[0]["text"] == TEXT


@pytest.mark.parametrize("secrets", [None, OTHER])
def test_what_cannot_be_decrypted_is_told_with_what_to_do(tmp_path: Path, secrets: object) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(VaultLib(WORD).encrypt(TEXT.encode(), secret=WORD[0][1]))
    (found,) = read(str(path), secrets=secrets)
    assert found["text"] == ""
    assert "cannot be read" in found["problem"]
    assert "--ask-vault-pass" in found["problem"]


def test_everything_that_cannot_be_read_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "latin").write_bytes("ü".encode("latin-1"))
    (tmp_path / "good").write_text(TEXT, encoding="utf-8")
    found = read("nowhere", "directory", "latin", "good", directory=str(tmp_path))
    assert [one["text"] for one in found] == ["", "", "", TEXT]
    problems = [one["problem"] for one in found]
    assert "is not there" in problems[0]
    assert "Is a directory" in problems[1]
    assert "UTF-8" in problems[2]
    assert problems[3] == ""
