"""What a part of the tests is made of."""

from __future__ import annotations

from dataclasses import dataclass

PLAYBOOK = ("ansible-playbook", "-i", "localhost,")
PYTEST = ("python", "-m", "pytest", "-q")


@dataclass(frozen=True)
class Step:
    """One command. `kind` says how its results are counted."""

    name: str
    argv: tuple[str, ...]
    kind: str = "check"  # check: the command itself is one result · pytest: its cases · molecule: its actions and cases
    env: tuple[tuple[str, str], ...] = ()
    gives: tuple[tuple[str, str], ...] = ()  # what later steps see in their environment once this one was green


@dataclass(frozen=True)
class Part:
    """Steps that are run in order; a step that fails ends the part only if the next ones build on it."""

    name: str
    about: str
    minutes: float  # what it takes on two cores, beside another one; half as much again is warned about
    limit: float  # minutes after which it is taken for hanging and killed
    steps: tuple[Step, ...]
    docker: bool = False
    servers: tuple[str, ...] = ()  # test servers that its steps look at: their logs belong to a failure
    after: tuple[str, ...] = ()  # parts that must have ended before it starts, if they are run
    chained: bool = False


def check(name: str, *argv: str) -> Step:
    return Step(name, argv)


def cases(name: str, *paths: str) -> Step:
    return Step(name, (*PYTEST, *paths), kind="pytest")


def scenario(name: str) -> tuple[Step, ...]:
    """A scenario from scratch; its servers stay for the parts that follow, the driver removes them at its end.

    With `--destroy never` molecule leaves out the first destroy too, so that one is a step of its own.
    """
    begin = ("molecule", "destroy", "-s", name, "--no-command-borders")
    whole = ("molecule", "test", "-s", name, "--destroy", "never", "--no-command-borders")
    return (
        Step(f"molecule {name}: clear", begin, kind="molecule"),
        Step(f"molecule {name}", whole, kind="molecule"),
    )
