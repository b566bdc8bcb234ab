"""The module, run whole against a docker command that keeps its images in a file."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_build

from tests.unit.plugins.module_utils.image_archives import saved

# Knows the commands that the module uses and writes down what it was asked. Anything else fails.
DOCKER = r"""#!/bin/sh
echo "docker $*" >> "$STATE/calls"
if [ -e "$STATE/refuses" ]; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi
case "$1 $2" in
  "image inspect")
    grep -qxF "$3" "$STATE/images" || { echo "Error: No such image: $3" >&2; exit 1; }
    echo '[{"Id": "sha256:1", "Size": 42}]' ;;
  "pull --quiet")
    [ -e "$STATE/registry" ] || { echo "dial tcp: lookup registry: no such host" >&2; exit 1; }
    echo "$3" >> "$STATE/images" ;;
  "build --progress=plain")
    [ "$DOCKER_BUILDKIT" = 1 ] || exit 9
    echo "first line"; seq 100
    [ ! -e "$STATE/broken" ] || { echo "jar is not what it should be" >&2; exit 7; }
    echo "$4" >> "$STATE/images" ;;
  "save --output") cp "$STATE/saved" "$3" ;;
  "import --change") echo "$5" >> "$STATE/images" ;;
  *) exit 99 ;;
esac
"""
DEBOOTSTRAP = r"""#!/bin/sh
echo "debootstrap $*" >> "$STATE/calls"
for argument; do case $argument in /*/root) root=$argument ;; esac; done
mkdir -p "$root/usr/share/doc/bash" "$root/usr/share/man/man1" "$root/var/cache/apt/archives" "$root/etc"
echo licence > "$root/usr/share/doc/bash/copyright"
echo long > "$root/usr/share/doc/bash/changelog.gz"
echo page > "$root/usr/share/man/man1/bash.1"
ln -s bash "$root/usr/share/doc/bash-doc"
ln -s /nowhere "$root/usr/share/doc/bash/README"
"""
APT = r"""#!/bin/sh
echo "apt-get $*" >> "$STATE/calls"
case "$*" in
  indextargets*) echo "trixie http://mirror/debian" ;;
  *"install -y"*)
    [ -e "$STATE/updated" ] || { echo "Unable to locate package" ; exit 100; }
    cp "$STATE/debootstrap" "$TOOLS/debootstrap" ;;
  update) touch "$STATE/updated" ;;
esac
"""
TAR = r"""#!/bin/sh
echo "tar" >> "$STATE/calls"
(cd "$4" && find . | sort) > "$STATE/packed"
"""


class Bench:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.state, self.tools = directory / "state", directory / "tools"
        self.context, self.log = directory / "context", directory / "log" / "build.log"
        for path in (self.state, self.tools, self.context):
            path.mkdir()
        (self.context / "Dockerfile").write_text("FROM x\n")
        (self.context / "VERSION").write_text("1.0\n")
        (self.state / "images").write_text("debian:trixie-slim\n")
        (self.state / "calls").touch()
        (self.state / "debootstrap").write_text(DEBOOTSTRAP)
        (self.state / "debootstrap").chmod(0o755)
        for name in ("sh", "grep", "seq", "cat", "mkdir", "touch", "cp", "ln", "find", "sort", "timeout", "sleep"):
            (self.tools / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(self.tools))
        monkeypatch.setenv("STATE", str(self.state))
        monkeypatch.setenv("TOOLS", str(self.tools))
        self.capsys, self.temporary = capsys, directory / "tmp"
        self.temporary.mkdir()
        self.tool("docker", DOCKER)

    def tool(self, name: str, text: str) -> None:
        path = self.tools / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        module = importlib.import_module("ansible_collections.openmrs.event_log.plugins.modules.image_build")
        given = {"context": str(self.context), "name": "shop", "log_path": str(self.log), **arguments}
        own = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(self.temporary)}
        with patch_module_args({**given, **own}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result

    @property
    def calls(self) -> list[str]:
        return (self.state / "calls").read_text().splitlines()

    def acted(self) -> list[str]:
        """The calls that change something, by their first two words."""
        return [" ".join(call.split()[:2]) for call in self.calls if not call.startswith("docker image inspect")]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, monkeypatch, capsys)


def test_check_run_check_run(bench: Bench) -> None:
    predicted = bench.run(check=True)
    assert (predicted["changed"], predicted["built"], predicted["size"]) == (True, True, 0)
    assert bench.acted() == []
    real = bench.run()
    assert (real["changed"], real["built"], real["size"], real["base_origin"]) == (True, True, 42, "present")
    assert real["image"] == predicted["image"]
    assert bench.acted() == ["docker build"]
    for check in (True, False):
        again = bench.run(check=check)
        assert (again["changed"], again["built"], again["size"]) == (False, False, 42)
    assert bench.acted() == ["docker build"]


def test_the_tag_is_known_without_an_engine(bench: Bench) -> None:
    (bench.tools / "docker").unlink()
    result = bench.run(check=True)
    assert result["changed"] is True
    assert result["image"] == f"shop:{result['tag']}"
    assert result["tag"].startswith("1.0-")


def test_without_docker_a_run_says_what_to_do(bench: Bench) -> None:
    (bench.tools / "docker").unlink()
    result = bench.run()
    assert result["failed"]
    assert "install Docker" in result["msg"]


def test_an_engine_that_does_not_answer_is_not_taken_for_a_missing_image(bench: Bench) -> None:
    (bench.state / "refuses").touch()
    assert "does not answer: Cannot connect" in bench.run()["msg"]
    assert bench.acted() == []
    assert bench.run(check=True)["changed"] is True


def test_an_engine_that_hangs_is_an_error_in_check_mode_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_build, "LOOK_SECONDS", 1)
    bench.tool("docker", "#!/bin/sh\nexec sleep 60\n")
    for check in (True, False):
        result = bench.run(check=check)
        assert "did not answer one within 1 s" in str(result.get("msg")), result


def test_a_failed_build_shows_its_end_and_keeps_all_of_it(bench: Bench) -> None:
    (bench.state / "broken").touch()
    bench.log.parent.mkdir()
    bench.log.write_text("of an earlier run\n")
    result = bench.run()
    assert result["failed"]
    assert "jar is not what it should be" in result["msg"]
    assert str(bench.log) in result["msg"]
    assert "first line" not in result["msg"]
    assert "\n100\n" in result["msg"]
    assert len(result["msg"].splitlines()) == 41
    assert bench.log.read_text().startswith("of an earlier run\nfirst line\n")


def test_a_missing_base_is_pulled(bench: Bench) -> None:
    (bench.state / "images").write_text("")
    (bench.state / "registry").touch()
    assert bench.run()["base_origin"] == "pulled"
    assert bench.acted() == ["docker pull", "docker build"]


def test_a_base_that_cannot_be_pulled_is_made_and_slimmed(bench: Bench, tmp_path: Path) -> None:
    (bench.state / "images").write_text("")
    bench.tool("debootstrap", DEBOOTSTRAP)
    bench.tool("apt-get", APT)
    bench.tool("tar", TAR)
    cache = tmp_path / "cache"
    result = bench.run(cache_dir=str(cache))
    assert result.get("base_origin") == "made", result
    called = next(call for call in bench.calls if call.startswith("debootstrap"))
    assert f"--variant=minbase --cache-dir={cache}/debootstrap-trixie trixie " in called
    assert called.endswith(" http://mirror/debian")
    packed = (bench.state / "packed").read_text().split()
    assert "./usr/share/doc/bash/copyright" in packed
    assert [path for path in packed if "changelog" in path or "README" in path or "man1" in path] == []
    assert "./var/cache/apt" in packed
    assert "./var/cache/apt/archives" not in packed
    assert [path.name for path in cache.iterdir()] == ["debootstrap-trixie"]


def test_without_debootstrap_the_message_names_it(bench: Bench) -> None:
    (bench.state / "images").write_text("")
    message = bench.run()["msg"]
    assert "debian:trixie-slim" in message
    assert "no such host" in message
    assert "apt-get install debootstrap" in message


def test_debootstrap_is_installed_when_that_is_allowed_with_fresh_lists_if_need_be(bench: Bench) -> None:
    (bench.state / "images").write_text("")
    bench.tool("apt-get", APT)
    bench.tool("tar", TAR)
    assert "apt-get install debootstrap" in bench.run()["msg"]
    assert [call for call in bench.calls if call.startswith("apt-get")] == []
    assert bench.run(install_debootstrap=True).get("base_origin") == "made"
    installs = [call for call in bench.calls if call.startswith("apt-get") and "indextargets" not in call]
    assert [call.split()[-1] for call in installs] == ["debootstrap", "update", "debootstrap"]


def test_another_base_that_cannot_be_pulled_is_refused(bench: Bench) -> None:
    assert "mysql:8.4 is not here and cannot be pulled" in bench.run(base="mysql:8.4")["msg"]
    assert "docker build" not in bench.acted()


def test_an_archive_is_written_once_with_its_checksum(bench: Bench, tmp_path: Path) -> None:
    directory = tmp_path / "out"
    assert bench.run(archive_dir=str(directory), check=True)["changed"] is True
    assert not directory.exists()
    (bench.state / "saved").write_bytes(saved(bench.run(check=True)["image"]))
    result = bench.run(archive_dir=str(directory))
    archive = Path(result["archive"])
    assert archive == directory / f"{result['archive_name']}.tar"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert Path(f"{archive}.sha256").read_text() == f"{digest}  {archive.name}\n"
    assert (directory / f"{result['archive_name']}.json").is_file()
    assert len(list(directory.iterdir())) == 3
    again = bench.run(archive_dir=str(directory))
    assert (again["changed"], again["archive"]) == (False, str(archive))
    archive.unlink()
    third = bench.run(archive_dir=str(directory))
    assert (third["changed"], third["built"]) == (True, False)
    archive.write_bytes(archive.read_bytes()[:-1])
    cut = bench.run(archive_dir=str(directory), check=True)
    assert (cut["changed"], cut["built"], cut["archive"]) == (True, False, "")
    assert bench.run(archive_dir=str(directory))["archive"] == str(archive)
    assert bench.run(archive_dir=str(directory))["changed"] is False
    assert bench.acted().count("docker build") == 1


@pytest.mark.parametrize(
    ("given", "word"),
    [({"name": "Shop"}, "name is"), ({"version": "a b"}, "version is"), ({"revision": 0}, "revision is")],
)
def test_bad_input_is_refused_before_docker_is_asked(bench: Bench, given: dict[str, Any], word: str) -> None:
    assert word in bench.run(**given)["msg"]
    assert bench.calls == []


def test_certificates_go_in_as_a_secret_and_leave_the_tag_alone(bench: Bench, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    with_bundle = bench.run(ca_file=str(bundle))
    assert f"--secret id=ca,src={bundle}" in bench.calls[-2]
    (bench.state / "images").write_text("debian:trixie-slim\n")
    without = bench.run(ca_file="")
    assert "--secret" not in bench.calls[-2]
    assert with_bundle["tag"] == without["tag"]
