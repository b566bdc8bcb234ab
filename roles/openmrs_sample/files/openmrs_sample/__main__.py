# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m openmrs_sample: the sample database by command. Answers are one line of JSON, errors one sentence."""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
from typing import Any, Callable, Dict, List, Mapping

from . import accounts, fill
from .client import Client, SampleError
from .day import MIX
from .load import Order, load


def mix(text: str) -> Mapping[str, int]:
    """Read shares written as ``kind=number,kind=number``."""
    try:
        return {kind: int(share) for kind, share in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: write {','.join(f'{k}={v}' for k, v in MIX.items())}") from error


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="openmrs_sample", description="A sample OpenMRS database.")
    top.add_argument("--client", default=shlex.join(Client().command), help="command that reads SQL")
    top.add_argument("--database", default="openmrs", help="name of the database (default: openmrs)")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="what is in the database")
    for name, words in (("generate", "print tables and rows as SQL"), ("fill", "make tables and patients, once")):
        command = commands.add_parser(name, help=words)
        command.add_argument("--patients", type=int, default=200, help="how many (default: 200, about 33,000 obs)")
        command.add_argument("--seed", type=int, default=1, help="the same seed gives the same rows (default: 1)")
        command.add_argument("--legacy", action="store_true", help="also tables as very old sites have them")
    command.add_argument("--check", action="store_true", help="only say whether there is something to do")
    command = commands.add_parser("load", help="write at a given rate, for a given time")
    command.add_argument("--rate", type=float, default=10, help="commits per second (default: 10)")
    command.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    command.add_argument("--count", type=int, help="stop after so many commits")
    command.add_argument("--seed", type=int, default=1, help="the same seed on the same data gives the same writes")
    command.add_argument("--workers", type=int, default=8, help="connections (default: 8)")
    command.add_argument("--mix", type=mix, default=dict(MIX), help="shares of the kinds, as in edit_name=1,edit_obs=2")
    command = commands.add_parser("accounts", help="make the accounts; reads JSON from standard input")
    command.add_argument("--login", default=shlex.join(accounts.Door().command), help="command that logs in")
    command.add_argument("--check", action="store_true", help="only say what is missing")
    return top


def do_status(client: Client, _words: argparse.Namespace) -> Dict[str, Any]:
    found = fill.look(client)
    return {"state": found.state, "patients": found.patients, "seed": found.seed}


def do_fill(client: Client, words: argparse.Namespace) -> Dict[str, Any]:
    changed = fill.fill(client, words.patients, words.seed, words.legacy, words.check)
    return {"changed": changed, **do_status(client, words)}


def do_load(client: Client, words: argparse.Namespace) -> Dict[str, Any]:
    order = Order(words.rate, words.seconds, words.seed, words.count, words.workers, words.mix)
    if order.problems():
        raise SampleError(" ".join(order.problems()))
    state = fill.look(client).state
    if state != fill.FILLED:
        raise SampleError(
            f"the database {client.database} is {state}: only one that 'fill' has filled can be written to."
        )
    report, seconds, interrupted = load(client, order)
    return report.as_json(seconds, interrupted)


def do_accounts(client: Client, words: argparse.Namespace) -> Dict[str, Any]:
    wanted = accounts.Wanted.from_json(json.load(sys.stdin))
    door = accounts.Door(tuple(shlex.split(words.login)))
    actions = accounts.settle(client, door, wanted, words.check)
    return {"changed": bool(actions), "actions": actions}


def generate(words: argparse.Namespace) -> None:
    settings = (fill.SCHEMA / "settings.sql").read_text(encoding="utf-8")
    for piece in itertools.chain([settings], fill.schema(words.legacy), fill.data(words.patients, words.seed)):
        sys.stdout.buffer.write(piece.encode())


DOERS: Mapping[str, Callable[[Client, argparse.Namespace], Dict[str, Any]]] = {
    "status": do_status,
    "fill": do_fill,
    "load": do_load,
    "accounts": do_accounts,
}


def main(arguments: List[str]) -> int:
    words = parser().parse_args(arguments)
    if getattr(words, "patients", 0) < 0:
        parser().error(f"--patients is {words.patients}: give 0 or more.")
    try:
        if words.command == "generate":
            generate(words)
        else:
            client = Client(tuple(shlex.split(words.client)), words.database)
            print(json.dumps(DOERS[words.command](client, words)))
    except SampleError as error:
        print(f"openmrs_sample: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the SQL has had enough
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
