# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as files: made once, named by their content, written without a moment of wrong access.

The name of a versioned secret carries 8 hex digits of an HMAC of its content. The key of that HMAC never leaves
the host: with a public key the digits would let anybody test guesses of a weak password against them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import string
import tempfile
from pathlib import Path

#: No quotes, backslashes, ``$`` or ``#``: safe in properties files, JAAS files, SQL strings and URLs alike.
ALPHABET = string.ascii_letters + string.digits

#: Where the key of the HMAC lies, beside the secrets that it names.
KEY_NAME = ".version-key"


def generate(length: int) -> str:
    """Return a random password of ``length`` letters and digits (5.95 bits each)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def version(key: bytes, content: bytes) -> str:
    """Return the 8 hex digits that stand for ``content`` in a file's name."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:8]


def versioned_name(stem: str, suffix: str, key: bytes, content: bytes) -> str:
    return f"{stem}-{version(key, content)}{suffix}"


def write_atomically(path: Path, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Write through a temporary file of the same directory that has its mode and owner before it has its name."""
    handle, name = tempfile.mkstemp(dir=str(path.parent), prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            os.fchown(stream.fileno(), uid, gid)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink()
        raise
