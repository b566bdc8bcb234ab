# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the image is and does, whoever runs it, and the archives that carry it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.helpers.records import ROOT

ARCHIVES = ROOT / ".cache" / "test" / "images"
# What docs/image.md says, and what issue and hospitals ask for.
UNPACKED_MB = 400
ARCHIVE_MB = 100
CONNECTORS_MB = 40
LAYERS = ("/rootfs/base/", "/rootfs/runtime/", "/rootfs/kafka/", "/made/", "/rootfs/plugins/", "/rootfs/settings/")
SERVE = """
set -eu; cd /tmp
cat > broker.properties << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/tmp/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
END
kafka-class kafka.tools.StorageTool format --cluster-id=AAAAAAAAAAAAAAAAAAAAAA --config broker.properties > /dev/null
KAFKA_HEAP_OPTS=-Xmx256m kafka-class kafka.Kafka broker.properties > broker.log 2>&1 &
until health-broker 2> /dev/null; do kill -0 $! || { cat broker.log; exit 1; }; sleep 0.5; done
"""
CODECS = """
for codec in zstd snappy lz4; do
  kafka-class org.apache.kafka.tools.ProducerPerformance --topic codecs --num-records 50 --record-size 500 \\
    --throughput -1 --producer-props bootstrap.servers=127.0.0.1:9092 compression.type=$codec
done
kafka-class org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server 127.0.0.1:9092 --topic codecs \\
  --from-beginning --max-messages 150 --timeout-ms 60000 2>&1 | tail -n 1
"""


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archive() -> Path:
    """The archive that tests/run/images.yml has written for the present contents."""
    (found,) = ARCHIVES.glob("openmrs-event-log-[0-9]*.tar.zst")
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


def test_an_upgrade_of_debezium_changes_one_small_layer(image: str, archive: Path) -> None:
    made = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).splitlines()[::-1]
    copied = [line.split()[1] for line in made if line.startswith("COPY ")]
    assert copied == list(LAYERS)
    described = json.loads(archive.with_name(archive.name.replace(".tar.zst", ".json")).read_text(encoding="utf-8"))
    connectors = described["layers"][LAYERS.index("/rootfs/plugins/")]
    assert connectors["size"] > 20e6, "this is not the layer with the connectors"
    assert connectors["packed_size"] / 1e6 < CONNECTORS_MB


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


def test_no_package_manager_and_no_interpreter_but_the_shell(image: str) -> None:
    names = "apt apt-get dpkg perl python3 pip curl wget tar gcc su mount passwd"
    assert inside(image, f"for name in {names}; do command -v $name; done; true").split() == []
    found = inside(image, "find / -xdev \\( -name 'perl*' -o -name 'apt*' -o -name '*.deb' -o -name '*python*' \\)")
    assert found.split() == []
    assert inside(image, "find / -xdev -type f -perm /6000").split() == [], "a program that gives rights"
    assert inside(image, "find / -xdev -path /tmp -prune -o ! -type l -perm /022 -print").split() == ["/var/tmp"]


def test_every_package_is_named_with_its_licence(image: str) -> None:
    packages = inside(image, "ls /var/lib/dpkg/status.d").split()
    assert {"bash", "coreutils", "libc6", "libstdc++6", "zlib1g"} <= set(packages)
    paths = [
        *(f"/usr/share/doc/{package}/copyright" for package in packages),
        "/usr/share/common-licenses/GPL-3",
        "/usr/share/doc/openjdk-21/copyright",
        "/opt/java/legal/java.base/LICENSE",
        "/opt/kafka/licenses/kafka/LICENSE",
        "/opt/kafka/licenses/jmx_exporter/LICENSE",
        "/opt/kafka/plugins/debezium-mysql/LICENSE.txt",
        "/opt/kafka/plugins/debezium-mariadb/LICENSE-3rd-PARTIES.txt",
    ]
    there = inside(image, f"for path in {' '.join(paths)}; do [[ -s $path ]] && echo $path; done; true")
    assert there.split() == paths
    named = inside(image, "cd /var/lib/dpkg/status.d; grep -h ^Package: *")
    assert [line.split()[1] for line in named.splitlines()] == packages


def test_mapped_classes_fit_what_they_were_made_from(image: str) -> None:
    """With -Xshare:on Java refuses to run where it would otherwise start slowly and say nothing."""
    for heap in ("-Xmx256m -XX:+UseSerialGC", "-Xmx1g -XX:+UseG1GC"):
        made = inside(image, f"KAFKA_OPTS=-Xshare:on KAFKA_HEAP_OPTS='{heap}' kafka-class kafka.Kafka 2>&1 || true")
        assert "server.properties" in made, made
    refused = inside(
        image, "KAFKA_OPTS='-Xshare:on -cp /nowhere' kafka-class kafka.tools.StorageTool random-uuid 2>&1 || true"
    )
    assert "shared" in refused.lower()


def test_every_codec_finds_its_library(image: str) -> None:
    """zstd, snappy and lz4 bring machine code, which is loaded when it is first used and not before."""
    assert "Processed a total of 150 messages" in inside(image, SERVE + CODECS)


def test_no_secret_and_no_certificate_of_the_build_is_left(image: str) -> None:
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).lower()
    assert "password=" not in history
    assert inside(image, "ls -A /run/secrets 2>/dev/null || true").split() == []
