# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what goes into a bundle is whole. The bundle's own checksums are made over it, and would vouch for damage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Set

from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive, _image_host, _image_store
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import sha256

CHECKSUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (?:\./)?(.+)")


def check_archive(archive: Path, architecture: str) -> None:
    """Refuse an image's archive that is cut off, changed or for another processor, before it travels."""
    description = archive.with_name(f"{archive.name.rpartition('.tar')[0]}.json")
    if description.is_file():
        described = _image_archive.parse_description(description.read_text(encoding="utf-8"), str(description))
        if described.archive != archive.name or not Path(f"{archive}.sha256").is_file():
            raise InputError(f"{description} and a checksum should lie beside {archive}. {_image_store.ANEW}")
        made_for = {described.architecture}
        _image_store.check(archive.parent, described)
    else:
        made_for = _read(archive)
    if made_for != {architecture}:
        raise InputError(f"{archive} is for {', '.join(sorted(made_for))}, and the server has {architecture}.")


def _read(archive: Path) -> Set[str]:
    """The processors of an archive that nothing describes: read to its end, with the digests that it carries."""
    try:
        with _image_host.unpacked(archive) as stream:
            made_for = {contents.architecture for contents in _image_archive.read(stream)}
    except _image_archive.ArchiveError as error:
        raise InputError(f"{archive} cannot be used: {error}. {_image_store.ANEW}") from None
    sums = Path(f"{archive}.sha256")
    if sums.is_file() and sums.read_text(encoding="ascii", errors="replace").split()[:1] != [sha256(archive)]:
        raise InputError(f"{archive} is not what its checksum says: it was changed or damaged. {_image_store.ANEW}")
    return made_for


def check_set(directory: Path) -> None:
    """Refuse a set of packages that is not what its own checksums say."""
    remedy = "Make the set again with the playbook packages.yml."
    listed = directory / CHECKSUMS
    if not listed.is_file():
        raise InputError(f"{directory} is no whole set of packages: it has no {CHECKSUMS}. {remedy}")
    lines = [LINE.fullmatch(line) for line in listed.read_text(encoding="utf-8", errors="replace").splitlines()]
    named = {found[2]: found[1] for found in lines if found}
    bad = [name for name, digest in named.items() if not _is(directory / name, digest)]
    present = {path.name for path in directory.iterdir() if path.is_file()}
    if not named or len(named) != len(lines) or present - set(named) != {CHECKSUMS}:
        bad.append(CHECKSUMS)
    if bad:
        raise InputError(
            f"These files of the set {directory} are damaged or missing: {', '.join(sorted(bad))}. {remedy}"
        )


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest
