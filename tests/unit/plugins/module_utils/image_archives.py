# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives as "docker save" writes them, small: by layer as engines before 25 do, or as an OCI layout."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Sequence

LAYERS = (b"base " * 300, b"kafka " * 300, b"debezium " * 300)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def saved(
    reference: str = "shop:1",
    *,
    layers: Sequence[bytes] = LAYERS,
    architecture: str = "amd64",
    oci: bool = False,
    other_layer: bytes | None = None,
    leave_out: str = "",
) -> bytes:
    """An archive's bytes. `other_layer` takes the first layer's place without its digest being told."""
    config = json.dumps(
        {"architecture": architecture, "os": "linux", "rootfs": {"diff_ids": [f"sha256:{sha(x)}" for x in layers]}}
    ).encode()
    names = [f"blobs/sha256/{sha(x)}" if oci else f"{number}/layer.tar" for number, x in enumerate(layers)]
    place = f"blobs/sha256/{sha(config)}" if oci else f"{sha(config)}.json"
    manifest = json.dumps([{"Config": place, "RepoTags": [reference], "Layers": names}]).encode()
    contents = {**dict(zip(names, layers)), place: config, "manifest.json": manifest}
    if other_layer is not None:
        contents[names[0]] = other_layer
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in contents.items():
            if name != leave_out:
                add(archive, name, content)
    return out.getvalue()


def write(path: Path, content: bytes) -> Path:
    """The archive with its checksum beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    Path(f"{path}.sha256").write_text(f"{sha(content)}  {path.name}\n", encoding="ascii")
    return path
