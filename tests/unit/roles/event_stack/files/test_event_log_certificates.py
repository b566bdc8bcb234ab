# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of real certificates, of openssl's own making."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import List, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _truststore
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import certificates
from hypothesis import given
from hypothesis import strategies as st

DAY = 86400


def made(path: Path, days: int, *more: str) -> Path:
    """A certificate that is good for so many days."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-out", str(path)]
    subprocess.run([*command, "-days", str(days), "-subj", "/CN=hill", *more], check=True, capture_output=True)
    return path


def ends(path: Path) -> int:
    """What openssl says of it."""
    command = ["openssl", "x509", "-in", str(path), "-noout", "-enddate"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return int(time.mktime(time.strptime(said, "notAfter=%b %d %H:%M:%S %Y GMT")) - time.timezone)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    """One that ends soon, and one of a time that takes four digits for its year."""
    folder = tmp_path_factory.mktemp("certificates")
    return [made(folder / "soon.pem", 20), made(folder / "late.pem", 365 * 40, "-addext", "keyUsage=keyCertSign")]


def ders(paths: Sequence[Path]) -> List[bytes]:
    return [one for path in paths for one in _truststore.certificates(path.read_bytes())]


def test_the_end_is_the_one_that_openssl_tells(both: List[Path]) -> None:
    assert [certificates.not_after(der) for der in ders(both)] == [ends(path) for path in both]
    assert time.time() + 19 * DAY < ends(both[0]) < time.time() + 21 * DAY


def test_of_several_authorities_the_last_counts(both: List[Path], tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(both[1].read_bytes() + both[0].read_bytes())
    found = certificates.authority(bundle)
    assert found is not None
    assert (found.until, found.where) == (ends(both[1]), str(bundle))


def test_the_newest_truststore_counts(both: List[Path], tmp_path: Path) -> None:
    for number, paths in enumerate((both[1:], both[:1])):
        path = tmp_path / f"database-ca-{number}.jks"
        path.write_bytes(_truststore.jks(ders(paths)))
        assert certificates.of_jks(path.read_bytes()) == ders(paths)
    (tmp_path / "database-ca-0.jks").touch()
    found = certificates.trusted(tmp_path)
    assert found is not None
    assert found.until == ends(both[1])


def test_what_is_none_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    (tmp_path / "broken.jks").write_bytes(b"\xfe\xed\xfe\xed")
    assert certificates.authority(tmp_path / "ca.pem") is None
    assert certificates.authority(tmp_path / "absent.pem") is None
    assert certificates.trusted(tmp_path) is None
    assert certificates.trusted(tmp_path / "absent") is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    certificates.not_after(data)
    certificates.of_jks(b"\0" * 8 + data)


def test_a_certificate_that_is_cut_anywhere_does_not_break_it(both: List[Path]) -> None:
    (der, *_) = ders(both)
    for size in range(0, len(der), 7):
        assert certificates.not_after(der[:size]) is None
