# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what _package_set.py describes, in a container of the release, with the docker command alone."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _image, _package_set
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import ImageError, Workshop, sha256


class NoBaseError(EventLogError):
    """There is no image of that release here, and none can be made."""


def read_scripts(directory: Path) -> Tuple[Tuple[str, bytes], ...]:
    return tuple((path.name, path.read_bytes()) for path in sorted(directory.iterdir()) if path.is_file())


def existing(target: Path) -> Optional[str]:
    """The index of the set that is there. One whose files were taken away is none."""
    try:
        text = (target / _package_set.INDEX).read_text(encoding="utf-8")
        files = json.loads(text)["files"].values()
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    complete = all((target / name).is_file() for name in (*files, _package_set.CHECKSUMS, "Packages"))
    return text if complete else None


def make_base(workshop: Workshop, base: str) -> None:
    """Make sure of the base image. Only Debian's can be made here; another's may not be had at all."""
    if _image.suite_of(base) is None and workshop.image(base, must_answer=True) is None:
        code, out, err = workshop.run(["docker", "pull", "--quiet", base], {})
        if code != 0:
            raise NoBaseError(f"the image {base} is not here and cannot be pulled ({_image.tail(err or out, 1)})")
    workshop.make_base(base)


def security_mirror(workshop: Workshop, base: str) -> str:
    if shutil.which("apt-get") is None:
        return ""
    fields = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages", "Component: main"]
    code, out, _err = workshop.run(["apt-get", "indextargets", *fields], {})
    return _package_set.security_mirror(out, base) if code == 0 else ""


def container_command(wanted: _package_set.Wanted, security: str) -> List[str]:
    command = ["docker", "create"]
    for name, value in sorted(_package_set.environment(wanted, security).items()):
        command += ["--env", f"{name}={value}"]
    for name in _image.PROXY_VARIABLES:
        if os.environ.get(name):
            command += ["--env", name]
    return [*command, wanted.base, "sh", "/recipe/make-set"]


def fetch(workshop: Workshop, wanted: _package_set.Wanted, scripts: Path, former: Path, into: Path) -> None:
    """Let a container collect the files and copy them out; the engine may be another machine's."""
    code, out, err = workshop.run(container_command(wanted, security_mirror(workshop, wanted.base)), {})
    if code != 0:
        raise ImageError(f"A container of {wanted.base} cannot be made: {err.strip()}")
    container = out.strip()
    what = f"Collecting the packages of {wanted.release}"
    try:
        workshop.logged(["docker", "cp", f"{scripts}/.", f"{container}:/recipe"], what)
        if former.is_dir():
            workshop.logged(["docker", "cp", f"{former}/.", f"{container}:/former"], what)
        workshop.logged(["docker", "start", "--attach", container], what)
        workshop.logged(["docker", "cp", f"{container}:/set/.", str(into)], what)
    finally:
        workshop.run(["docker", "rm", "--force", "--volumes", container], {})


def finish(wanted: _package_set.Wanted, directory: Path, installer: Path, made: str) -> Dict[str, Any]:
    """Check what came and write index and checksums beside it."""
    packages = _package_set.parse_index((directory / "Packages").read_text(encoding="utf-8"))
    lacking = _package_set.missing_from(wanted, packages)
    if lacking:
        raise ImageError(f"The set of {wanted.release} lacks {', '.join(lacking)}.")
    listed = {package.file for package in packages}
    for path in directory.glob("*.deb"):
        if path.name not in listed:  # of a former set
            path.unlink()
    shutil.copyfile(installer, directory / installer.name)
    (directory / _package_set.WANTED).write_text(wanted.wanted_lines, encoding="utf-8")
    index = _package_set.describe(wanted, packages, made)
    (directory / _package_set.INDEX).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    counted = [path for path in sorted(directory.iterdir()) if path.name != _package_set.CHECKSUMS]
    sums = "".join(f"{sha256(path)}  {path.name}\n" for path in counted)
    (directory / _package_set.CHECKSUMS).write_text(sums, encoding="utf-8")
    for path in directory.iterdir():
        path.chmod(0o755 if path.name == installer.name else 0o644)
    return index


def make(workshop: Workshop, wanted: _package_set.Wanted, scripts: Path, target: Path, made: str) -> Dict[str, Any]:
    """Make the set and put it in the place of a former one; nobody ever sees half of one."""
    before = existing(target)
    keep = before is not None and _package_set.key_of(before, "files_key") == wanted.files_key
    if not keep:
        make_base(workshop, wanted.base)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=str(target.parent)) as temporary:
        fresh, old = Path(temporary) / "set", Path(temporary) / "old"
        fresh.mkdir(mode=0o755)
        if keep:
            for path in target.iterdir():
                shutil.copy2(path, fresh / path.name)
            made = str(json.loads(before or "")["made"])
        else:
            fetch(workshop, wanted, scripts, target, fresh)
        index = finish(wanted, fresh, scripts / _package_set.INSTALLER, made)
        fresh.chmod(0o755)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    return index


def differences(before: Optional[str], new: Dict[str, str]) -> Sequence[str]:
    """Which versions are other ones than before."""
    old: Dict[str, str] = json.loads(before)["versions"] if before else {}
    return [f"{name} {old[name]} -> {new[name]}" for name in sorted(new) if name in old and old[name] != new[name]]
