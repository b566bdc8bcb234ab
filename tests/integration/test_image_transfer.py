# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images into a real engine: out of archives, and from a registry that speaks just what a pull needs."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.unit.roles.role_runs import Outcome, check

NAME = "eventlog-test-tiny"
TAG = f"{NAME}:1"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)

pytestmark = pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command on this machine")


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image() -> tuple[bytes, dict[str, bytes]]:
    """The manifest and the blobs of an image with one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as layer:
        member = tarfile.TarInfo("greeting")
        member.size = 5
        layer.addfile(member, io.BytesIO(b"hello"))
    layer_bytes = out.getvalue()
    config = json.dumps(
        {
            "architecture": MACHINE,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha(layer_bytes)]},
        }
    ).encode()
    kinds = {"config": "container.image.v1+json", "layer": "image.rootfs.diff.tar"}
    described = [
        {"mediaType": f"application/vnd.docker.{kinds[kind]}", "size": len(content), "digest": sha(content)}
        for kind, content in (("config", config), ("layer", layer_bytes))
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return json.dumps(manifest).encode(), {sha(config): config, sha(layer_bytes): layer_bytes}


MANIFEST_BYTES, BLOBS = image()


class Registry(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        Registry.asked.append(self.path)
        reference = self.path.rpartition("/")[2]
        if "/manifests/" in self.path and reference in ("1", sha(MANIFEST_BYTES)):
            return self.answer(MANIFEST_BYTES, MANIFEST)
        if reference in BLOBS:
            return self.answer(BLOBS[reference], "application/octet-stream")
        return self.answer(b"{}", "application/json", 200 if self.path == "/v2/" else 404)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def answer(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", sha(content))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        """Nothing: a failure shows what was asked."""


@pytest.fixture
def registry() -> Iterator[str]:
    """Engines speak plain HTTP to 127.0.0.0/8."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Registry.asked.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}/site"
    server.shutdown()
    server.server_close()


def forget() -> None:
    listed = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    )
    mine = [line for line in listed.stdout.split() if NAME in line and not line.endswith("<none>")]
    digests = subprocess.run(
        ["docker", "image", "ls", "--digests", "--format", "{{.Repository}}@{{.Digest}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    mine += [line for line in digests.stdout.split() if NAME in line and not line.endswith("<none>")]
    if mine:
        subprocess.run(["docker", "image", "rm", "--force", *mine], capture_output=True, check=False)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    forget()
    yield
    forget()


def has(reference: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", reference], capture_output=True, check=False).returncode == 0


def run(folder: Path, really: bool = True, module: str = "host_image", **arguments: Any) -> Outcome:
    tasks = [{"name": "It", f"openmrs.event_log.{module}": {**arguments}}]
    hosts = {"here": {"path": os.environ["PATH"]}}
    return check(folder, tasks, hosts, really=really)["here"]


def test_an_image_is_pulled_by_its_tag_and_has_its_plain_name(tmp_path: Path, registry: str) -> None:
    wanted: dict[str, Any] = {"images": [TAG], "source": "registry", "registry": registry}
    assert run(tmp_path, really=False, **wanted).changed == ["It"]
    assert not has(TAG)
    assert run(tmp_path, **wanted).changed == ["It"]
    assert has(TAG)
    Registry.asked.clear()
    assert run(tmp_path, **wanted).changed == []
    assert Registry.asked == []


def test_an_image_is_pulled_by_its_digest_whatever_its_tag_is(tmp_path: Path, registry: str) -> None:
    run(tmp_path, images=[f"{NAME}:9"], source="registry", registry=registry, digest=sha(MANIFEST_BYTES))
    assert has(f"{NAME}:9")
    assert not any(path.endswith("/manifests/9") for path in Registry.asked)


def test_a_registry_without_it_is_named_with_the_ways_out(tmp_path: Path, registry: str) -> None:
    said = run(tmp_path, images=[f"{NAME}:2"], source="registry", registry=registry).failure
    for word in (f"{registry}/{NAME}:2", "cannot be pulled", "event_images_registry", "archive"):
        assert word in said
    assert not has(f"{NAME}:2")


def test_an_archive_goes_out_of_one_engine_and_into_another(tmp_path: Path, registry: str) -> None:
    run(tmp_path, images=[TAG], source="registry", registry=registry)
    store = tmp_path / "store"
    written = run(tmp_path, module="image_archive", store=str(store), images=[TAG])
    assert written.changed == ["It"]
    forget()
    archive = next(iter(store.glob(f"{NAME}-1.tar*[!6]")))
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1])
    assert "cut off or was changed" in run(tmp_path, images=[TAG], store=str(store)).failure
    assert not has(TAG)
    archive.write_bytes(whole)
    loaded = run(tmp_path, images=[TAG], store=str(store))
    assert loaded.changed == ["It"]
    assert loaded.result("It")["images"][0]["way"] == "load"
    assert has(TAG)
    assert run(tmp_path, images=[TAG], store=str(store)).changed == []
