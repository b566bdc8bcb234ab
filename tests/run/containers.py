"""The containers of the tests: what they last said, and their removal."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

OWN = "eventlog-"  # containers, volumes and networks of the tests are named so


def container_logs() -> str:
    """The last words of the containers that belong to the tests."""
    listed = subprocess.run(
        ["docker", "ps", "-a", "--filter", f"name={OWN}", "--format", "{{.Names}}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said: list[str] = []
    for name in listed.stdout.split():
        for inner in ("event-log-broker", "event-log-connect", "openmrs-sample-db"):
            log = subprocess.run(
                ["docker", "exec", name, "docker", "logs", "--tail", "15", inner],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if log.returncode == 0:
                said.append(f"--- container {inner} in {name}\n{log.stdout}{log.stderr}")
    return "\n".join(said)


def remove_own() -> list[str]:
    """Remove containers, volumes and networks that the tests named as theirs; warnings about those that stay."""
    warnings: list[str] = []
    for kind, listing, removal in (
        ("container", ["ps", "-aq"], ["rm", "-fv"]),
        ("volume", ["volume", "ls", "-q"], ["volume", "rm", "-f"]),
        ("network", ["network", "ls", "-q"], ["network", "rm"]),
        ("network", ["network", "ls", "-q"], ["network", "rm"]),
    ):
        found = subprocess.run(
            ["docker", *listing, "--filter", f"name={OWN}"], capture_output=True, text=True, check=False
        )
        for name in found.stdout.split() if found.returncode == 0 else []:
            gone = subprocess.run(["docker", *removal, name], capture_output=True, text=True, check=False)
            if gone.returncode != 0:
                warnings.append(f"  warning: could not remove {kind} {name}: {gone.stderr.strip()}")
    return warnings


def remove(names: Iterable[str]) -> None:
    """Remove servers that no part needs any more, with their volumes, which have their names."""
    for name in sorted(names):
        for removal in (("rm", "-fv"), ("volume", "rm", "-f")):
            subprocess.run(["docker", *removal, name], capture_output=True, check=False)
