# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the image is and does, whoever runs it, and the archives that carry it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.helpers.records import ROOT

ARCHIVES = ROOT / ".cache" / "test" / "images"
UNPACKED_MB = 320
ARCHIVE_MB = 100


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archive() -> Path:
    """The archive that tests/run/images.yml has written for the present contents."""
    (found,) = ARCHIVES.glob("openmrs-event-log-*.tar.zst")
    return found


@pytest.fixture(scope="module")
def image(archive: Path) -> str:
    return "openmrs-event-log:" + archive.name.removeprefix("openmrs-event-log-").removesuffix(".tar.zst")


def inside(image: str, script: str, *options: str) -> str:
    """Run a script the way the stack runs its containers: read-only, without rights, as a user that is in no file."""
    hardened = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=47110:47110")
    return docker(
        "run", "--rm", "--network=none", "--tmpfs=/tmp:exec,size=64m", *hardened, *options, image, "bash", "-c", script
    )


def test_it_is_small_enough_to_carry(image: str, archive: Path) -> None:
    size = int(docker("image", "inspect", "-f", "{{.Size}}", image))
    assert size / 1e6 < UNPACKED_MB
    assert archive.stat().st_size / 1e6 < ARCHIVE_MB


def test_the_archive_is_what_its_checksum_says(archive: Path) -> None:
    written = Path(f"{archive}.sha256").read_text(encoding="utf-8").split()[0]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == written


def test_it_runs_under_any_user(image: str) -> None:
    assert inside(image, "id -u").strip() == "47110"
    assert "Java" in inside(image, "java --version") or "openjdk" in inside(image, "java --version").lower()


def test_broker_and_worker_start_their_main_classes(image: str) -> None:
    usage = inside(image, "kafka-class kafka.Kafka 2>&1 || true")
    assert "server.properties" in usage
    usage = inside(
        image, "kafka-class org.apache.kafka.connect.cli.ConnectDistributed /missing.properties 2>&1 || true"
    )
    assert "NoSuchFileException: /missing.properties" in usage


@pytest.mark.parametrize("plugin", ["debezium-mysql", "debezium-mariadb"])
def test_every_plugin_has_its_manifest(image: str, plugin: str) -> None:
    """plugin.discovery=service_load sees no others."""
    manifest = "META-INF/services/org.apache.kafka.connect.source.SourceConnector"
    listed = inside(image, f"for jar in /opt/kafka/plugins/{plugin}/*.jar; do echo $jar; done")
    jars = [line for line in listed.split() if "debezium-connector" in line]
    assert jars, listed
    found = inside(image, f"for jar in {' '.join(jars)}; do grep -l '{manifest}' $jar; done || true")
    assert found.strip(), f"no manifest in {jars}"


def test_no_cache_of_a_package_manager_is_left(image: str) -> None:
    left = inside(
        image,
        "find /var/lib/apt/lists /var/cache/apt /root /tmp /opt -path '*/.m2/*' -o -path '/var/*' -type f || true",
    )
    assert left.split() == []


def test_licences_are_kept(image: str) -> None:
    listed = inside(
        image, "find / -xdev \\( -iname '*licen[cs]e*' -o -name copyright \\) -type f 2>/dev/null | head -400"
    )
    assert any("kafka" in path or "debezium" in path for path in listed.split()), listed[:500]
    assert any("java" in path or "jdk" in path for path in listed.split()), listed[:500]


def test_no_secret_and_no_certificate_of_the_build_is_left(image: str) -> None:
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).lower()
    assert "password=" not in history
    assert inside(image, "ls -A /run/secrets 2>/dev/null || true").split() == []
