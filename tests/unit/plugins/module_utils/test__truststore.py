# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A truststore as Java reads it: the certificates of a PEM file and nothing else of it."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _truststore as subject
from hypothesis import given
from hypothesis import strategies as st


def der(content: bytes) -> bytes:
    """A sequence with this in it; nobody looks further than at its length."""
    if len(content) < 0x80:
        return bytes([0x30, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(size)]) + size + content


def pem(*certificates: bytes, end: str = "\n", label: str = "CERTIFICATE") -> bytes:
    blocks = []
    for one in certificates:
        text = base64.b64encode(one).decode()
        lines = [text[place : place + 64] for place in range(0, len(text), 64)]
        blocks.append(end.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]))
    return "".join(blocks).encode()


ONE, TWO = der(b"one"), der(b"two" * 500)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (pem(ONE), [ONE]),
        (pem(ONE, TWO), [ONE, TWO]),
        (pem(ONE, TWO, ONE), [ONE, TWO]),
        (pem(TWO, end="\r\n"), [TWO]),
        (pem(ONE, label="X509 CERTIFICATE"), [ONE]),
        (b"subject=/CN=x\n" + pem(ONE) + b"rubbish\n" + pem(b"secret", label="PRIVATE KEY") + pem(TWO), [ONE, TWO]),
    ],
)
def test_the_certificates_of_a_file_in_their_order_each_once(text: bytes, found: List[bytes]) -> None:
    assert subject.certificates(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "holds no certificate in PEM"),
        (b"not one", "holds no certificate in PEM"),
        (pem(b"secret", label="RSA PRIVATE KEY"), "holds no certificate in PEM"),
        (ONE, "openssl x509 -inform der"),
        (pem(ONE, TWO[:-1]), "certificate 2 in it is cut off"),
        (pem(TWO + b"more"), "certificate 1 in it is cut off, or is none"),
        (pem(b""), "certificate 1 in it is cut off, or is none"),
        (pem(b"0"), "certificate 1 in it is cut off, or is none"),
        (pem(ONE).replace(b"MA", b"M*"), "certificate 1 in it is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_words(text: bytes, words: str) -> None:
    with pytest.raises(subject.CertificateTextError, match=words.replace("(", r"\(")):
        subject.certificates(text)


@given(st.lists(st.binary(max_size=70000).map(der), min_size=1, max_size=3, unique=True))
def test_whatever_its_length_a_certificate_comes_back(certificates: List[bytes]) -> None:
    assert subject.certificates(pem(*certificates)) == certificates


def test_the_format_byte_by_byte() -> None:
    content = (
        "feedfeed 00000002 00000001 00000002"  # magic, version, one entry, a trusted certificate
        "0004 63612d31 0000000000000000"  # "ca-1", no time
        "0005 582e353039 00000005 3003 6f6e65"  # "X.509", length, certificate
    )
    body = bytes.fromhex(content.replace(" ", ""))
    checksum = hashlib.sha1(b"Mighty Aphrodite" + body).digest()  # noqa: S324 - the format's own
    assert subject.jks([ONE]) == body + checksum


def test_the_same_certificates_make_the_same_file_and_others_another_name() -> None:
    names = [
        subject.truststore_name("truststore", subject.jks(trusted)) for trusted in ([ONE], [ONE], [TWO], [ONE, TWO])
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert names[0] == f"truststore-{hashlib.sha256(subject.jks([ONE])).hexdigest()[:8]}.jks"


def test_a_fingerprint_is_written_as_openssl_writes_it() -> None:
    shown = subject.fingerprint(ONE)
    assert shown.replace(":", "").lower() == hashlib.sha256(ONE).hexdigest()
    assert len(shown) == 95


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no keytool here")
def test_javas_own_tool_reads_it(tmp_path: Path) -> None:
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Hospital"]
    made = [*openssl, "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run(made, check=True, capture_output=True)
    trusted = subject.certificates((tmp_path / "ca.pem").read_bytes())
    (tmp_path / "trust.jks").write_bytes(subject.jks(trusted))
    listed = subprocess.run(
        ["keytool", "-list", "-v", "-keystore", str(tmp_path / "trust.jks")],
        input="\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "ca-1" in listed.stdout
    assert "trustedCertEntry" in listed.stdout
    assert subject.fingerprint(trusted[0]) in listed.stdout
