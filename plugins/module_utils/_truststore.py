# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Java truststore from certificates in PEM, byte for byte the same from the same certificates. Pure.

Format "JKS" (magic, version 2, entries, SHA-1 over password, a constant and all before): every Java reads it, also
where PKCS #12 is the default type; and it needs neither keytool nor an OpenSSL that writes Java's attributes (3.2).
Its password is empty: it would protect nothing, for certificates of authorities are public, and no configuration has
to carry it. Debezium and both drivers take a truststore without a password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct

_MAGIC, _VERSION, _TRUSTED_CERTIFICATE = 0xFEEDFEED, 2, 2
#: What Java's own writer puts between the password and the content.
_WHITENER = b"Mighty Aphrodite"
_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END", re.DOTALL)


class CertificateTextError(ValueError):
    """The text holds no certificates that could be trusted."""


def certificates(text: bytes) -> list[bytes]:
    """Return the certificates of a PEM file in DER, each once, in their order. Whatever else is in it is left out."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        if text[:1] == b"\x30":
            raise CertificateTextError("it is in DER; convert it: openssl x509 -inform der -in FILE -out FILE.pem")
        raise CertificateTextError("it holds no certificate in PEM (a line -----BEGIN CERTIFICATE-----)")
    found: list[bytes] = []
    for number, block in enumerate(blocks, start=1):
        try:
            der = base64.b64decode(b"".join(block.split()), validate=True)
        except binascii.Error as error:
            raise CertificateTextError(f"certificate {number} in it is damaged: {error}") from None
        if _length(der) != len(der):
            raise CertificateTextError(f"certificate {number} in it is cut off, or is none")
        if der not in found:
            found.append(der)
    return found


def _length(der: bytes) -> int:
    """Return how long the outermost sequence says it is, header included; -1 if it is none."""
    if len(der) < 2 or der[0] != 0x30:
        return -1
    if der[1] < 0x80:
        return 2 + der[1]
    size = der[1] & 0x7F
    return 2 + size + int.from_bytes(der[2 : 2 + size], "big")


def jks(trusted: list[bytes]) -> bytes:
    """Return the truststore that holds these certificates under the names ``ca-1``, ``ca-2``, …"""
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(trusted))]
    for number, der in enumerate(trusted, start=1):
        # The time of each entry is that of no moment, so that the same certificates make the same file.
        parts += [struct.pack(">I", _TRUSTED_CERTIFICATE), _utf(f"ca-{number}"), struct.pack(">Q", 0)]
        parts += [_utf("X.509"), struct.pack(">I", len(der)), der]
    content = b"".join(parts)
    return content + hashlib.sha1(_WHITENER + content).digest()  # noqa: S324 - the format's own checksum


def _utf(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded


def fingerprint(der: bytes) -> str:
    """Return a certificate's SHA-256 fingerprint, as ``openssl x509 -fingerprint -sha256`` shows it."""
    digits = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))


def truststore_name(stem: str, content: bytes) -> str:
    """Return the file's name, which changes with its content."""
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}.jks"
