"""What the image is made of: versions that agree, files that are verified, metrics that somebody reads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.unit.role_files import ROOT

CONTEXT = ROOT / "images/event-log"
POM = ElementTree.parse(CONTEXT / "pom.xml")  # noqa: S314  # a file of this repository
ZOOKEEPER = ElementTree.parse(CONTEXT / "zookeeper/pom.xml")  # noqa: S314  # a file of this repository
SPACE = {"m": "http://maven.apache.org/POM/4.0.0"}
STAGES = {"packages", "runtime", "kafka"}
LISTED = [line.split("  ", 1) for line in (CONTEXT / "checksums.sha256").read_text().splitlines()]


def version(name: str) -> str:
    found = POM.findtext(f"m:properties/m:{name}", namespaces=SPACE)
    assert found, name
    return found


def test_the_tag_says_the_versions_of_kafka_and_debezium() -> None:
    debezium = version("debezium.mysql.version").removesuffix(".Final")
    assert (CONTEXT / "VERSION").read_text().strip() == f"{version('kafka.version')}-{debezium}"


def test_the_tag_of_the_second_image_says_the_versions_of_its_broker_and_zookeeper() -> None:
    found = {
        name: ZOOKEEPER.findtext(f"m:properties/m:{name}.version", namespaces=SPACE) for name in ("kafka", "zookeeper")
    }
    assert (CONTEXT / "zookeeper/VERSION").read_text().strip() == f"{found['kafka']}-{found['zookeeper']}"
    names = [line.split("  ", 1)[1] for line in (CONTEXT / "zookeeper/checksums.sha256").read_text().splitlines()]
    assert names == sorted(set(names))
    for name in (f"kafka_2.13-{found['kafka']}", f"zookeeper-{found['zookeeper']}", "slf4j-reload4j-1.7.36"):
        assert f"libs/{name}.jar" in names
    assert found["kafka"] is not None and found["kafka"].startswith("3.9."), "later ones do not know ZooKeeper"


@pytest.mark.parametrize("pom", [POM, ZOOKEEPER], ids=["event-log", "zookeeper"])
def test_every_version_is_pinned(pom: ElementTree.ElementTree) -> None:
    for element in pom.iter(f"{{{SPACE['m']}}}version"):
        assert element.text
        assert re.fullmatch(r"\$\{[a-z0-9.]+\}|1", element.text), element.text
    for element in pom.find("m:properties", SPACE) or []:
        assert re.fullmatch(r"\d+\.\d+[\w.-]*", element.text or ""), element.tag


def test_the_list_of_checksums_holds_both_connectors_the_exporter_and_kafka() -> None:
    names = [name for _, name in LISTED]
    assert names == sorted(set(names))
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest, _ in LISTED)
    kafka = version("kafka.version")
    for name in (
        "plugins/debezium-mysql.tar.gz",
        "plugins/debezium-mariadb.tar.gz",
        "jmx/jmx_prometheus_javaagent.jar",
        f"libs/kafka_2.13-{kafka}.jar",
        f"libs/connect-basic-auth-extension-{kafka}.jar",
    ):
        assert name in names


def test_the_dockerfile_needs_no_registry_but_for_its_base() -> None:
    lines = (CONTEXT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if re.match(r"#\s*syntax\s*=", line)] == []
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} <= STAGES | {"${BASE}", "scratch"}


def test_who_builds_the_first_image_builds_nothing_of_the_second() -> None:
    """BuildKit makes the stages that the wanted one is made of; the last is the default."""
    stages = re.split(r"^FROM ", (CONTEXT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    parts = {(re.match(r".* AS (\S+)", stage) or [0, ""])[1]: stage for stage in stages}
    needed, left = set(), [""]
    while left:
        stage = left.pop()
        needed.add(stage)
        named = {parts[stage].split()[0], *re.findall(r"--from=(\S+)", parts[stage])}
        left += [name for name in named if name in parts and name not in needed]
    assert set(parts) - needed == {"builder-zookeeper", "zookeeper"}


@pytest.mark.parametrize("name", ["broker", "connect"])
def test_the_exporter_asks_for_no_bean_without_a_rule(name: str) -> None:
    rules = yaml.safe_load((CONTEXT / f"rootfs/opt/kafka/jmx/{name}.yml").read_text())
    patterns = [rule["pattern"] for rule in rules["rules"]]
    assert all(re.compile(pattern) for pattern in patterns)
    for bean in rules["includeObjectNames"]:
        domain, kind = re.fullmatch(r"([\w.]+):type=([\w-]+).*", bean).groups()  # type: ignore[union-attr]
        related = [pattern for pattern in patterns if f"type={kind}" in pattern]
        assert any(re.match(pattern.split("<")[0] + "$", domain) for pattern in related), bean


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    directory = tmp_path / "downloads"
    (directory / "libs").mkdir(parents=True)
    for name in ("libs/a.jar", "b.tar.gz"):
        (directory / name).write_text(name)
    listed = subprocess.run(["sha256sum", "b.tar.gz", "libs/a.jar"], cwd=directory, check=True, capture_output=True)
    (tmp_path / "checksums").write_bytes(listed.stdout)
    return directory


def verify(downloads: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(CONTEXT / "steps/verify"), str(downloads), str(downloads.parent / "checksums")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_downloads_that_are_what_the_list_says_pass(downloads: Path) -> None:
    done = verify(downloads)
    assert (done.returncode, done.stdout) == (0, "2 files verified\n")


def test_a_changed_download_stops_the_build(downloads: Path) -> None:
    (downloads / "libs/a.jar").write_text("something else")
    assert verify(downloads).returncode != 0


def test_a_missing_download_stops_the_build(downloads: Path) -> None:
    (downloads / "b.tar.gz").unlink()
    assert verify(downloads).returncode != 0


def test_a_download_that_nobody_listed_stops_the_build(downloads: Path) -> None:
    (downloads / "libs/z.jar").write_text("z")
    done = verify(downloads)
    assert done.returncode != 0
    assert "libs/z.jar" in done.stdout
