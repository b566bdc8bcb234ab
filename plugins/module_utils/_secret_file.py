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

#: A container that mounts the directory may read it, and nobody but root writes there.
DIRECTORY_MODE = 0o500
FILE_MODE = 0o400


def generate(length: int) -> str:
    """Return a random password of ``length`` letters and digits (5.95 bits each)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def version(key: bytes, content: bytes) -> str:
    """Return the 8 hex digits that stand for ``content`` in a file's name."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:8]


def versioned_name(stem: str, suffix: str, key: bytes, content: bytes) -> str:
    return f"{stem}-{version(key, content)}{suffix}"


def state_is(path: Path, mode: int, owner: tuple[int, int]) -> bool:
    found = path.stat()
    return (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, *owner)


def make_private(directory: Path) -> None:
    """Make a directory and what is missing above it, for root alone; what is there stays as it is."""
    for missing in [path for path in (*reversed(directory.parents), directory) if not path.exists()]:
        missing.mkdir(mode=0o700)


def keep_directory(directory: Path, mode: int, owner: tuple[int, int], check_mode: bool) -> bool:
    """Make or mend a directory of secrets, owned by uid and gid; return whether it differed."""
    if directory.is_dir() and state_is(directory, mode, owner):
        return False
    if not check_mode:
        make_private(directory.parent)
        directory.mkdir(mode=mode, exist_ok=True)
        os.chown(directory, *owner)
        directory.chmod(mode)
    return True


def keep_file(path: Path, content: bytes, mode: int, owner: tuple[int, int], check_mode: bool) -> bool:
    """Write or mend one file, owned by uid and gid; return whether it differed."""
    if path.exists() and path.read_bytes() == content and state_is(path, mode, owner):
        return False
    if not check_mode:
        write_atomically(path, content, mode, *owner)
    return True


def other_versions(wanted: Path, stem: str, suffix: str) -> list[Path]:
    """Return the versions beside the wanted one, the newest first."""
    found = [p for p in wanted.parent.glob(f"{stem}-{'[0-9a-f]' * 8}{suffix}") if p != wanted]
    return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)


def drop_versions(others: list[Path], keep: int, check_mode: bool) -> list[Path]:
    """Remove of the versions beside the wanted one those beyond ``keep``, itself counted; return them."""
    removed = others[max(keep - 1, 0) :]
    if not check_mode:
        for old in removed:
            old.unlink()
    return removed


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
