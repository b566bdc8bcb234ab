# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who goes on writing into any table of a server's sample database while something else happens."""

from __future__ import annotations

import contextlib
import shlex
from typing import Iterator

from tests.helpers.server import Server, eventually

UNIT = "test-busy"
LOOP = """
n=0
while :; do
  n=$((n + 1))
  echo "{statements}"
  sleep {pause}
done | {client}
"""


@contextlib.contextmanager
def busy(server: Server, statements: str, count: str, pause: float = 0.2) -> Iterator[None]:
    """Run statements again and again, with the number of the round as $n.

    ``count`` is a query that tells that they do something: its number grows before the block begins.
    """

    def number() -> int:
        return int(server.sql(count))

    before, client = number(), shlex.join(server.CLIENT)
    server.sh(f"cat > /run/{UNIT}", stdin=LOOP.format(statements=statements, pause=pause, client=client))
    server.sh(f"systemd-run --quiet --collect --unit={UNIT} bash /run/{UNIT}")
    try:
        eventually(lambda: number() > before, 30, "somebody writes", pause=0.3)
        yield
    finally:
        server.sh(f"systemctl stop {UNIT}")
