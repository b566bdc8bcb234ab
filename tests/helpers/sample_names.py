# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - made-up rows for a database of the tests' own
"""Names, identifiers, addresses and texts of the sample's patients, asked of its database."""

from __future__ import annotations

from tests.helpers.hunt import Prey, pick
from tests.helpers.server import Server

#: The sample's own program holds the words of which its own names are made.
PROGRAM = "/opt/openmrs-sample"
#: Where the sample's rows are, behind a directory that others cannot enter.
ROWS = "/var/lib/openmrs-sample"
#: Given and family names that nothing else on a server holds, of patients that the tests enter themselves.
NEWCOMERS = (
    ("Zewdineshya", "Hailegebriwos"),
    ("Okwabiruma", "Mbonyumwagize"),
    ("Tsiorimalalo", "Andrianjakatahina"),
    ("Nyirambehozi", "Ntakirutimanzi"),
    ("Quasimbwela", "Wamunyimeki"),
)
COLUMNS = {
    "identifier": "SELECT identifier FROM patient_identifier",
    "house": "SELECT DISTINCT address1 FROM person_address WHERE address1 IS NOT NULL",
    "village": "SELECT DISTINCT city_village FROM person_address WHERE city_village IS NOT NULL",
}


def enter(server: Server) -> list[tuple[str, str]]:
    """Give persons of the sample further names, once; (what it is, text) of each."""
    entered = ", ".join(
        f"({21 + number}, '{given}', '{family}', 1, NOW(), 'newcomer-{number}')"
        for number, (given, family) in enumerate(NEWCOMERS)
    )
    columns = "person_id, given_name, family_name, creator, date_created, uuid"
    server.sql(f"INSERT IGNORE INTO person_name ({columns}) VALUES {entered};")
    return [pair for given, family in NEWCOMERS for pair in (("given name", given), ("family name", family))]


def rows(server: Server) -> list[tuple[str, str]]:
    """(what it is, text) of many of them."""
    found = []
    for kind, statement in COLUMNS.items():
        lines = server.sql(f"{statement} LIMIT 60;").splitlines()
        assert lines, f"the sample has no {kind}"
        found += [(kind, line) for line in lines if line and line != "NULL"]
    return found


def everyday(server: Server, words: list[str]) -> list[str]:
    """Those of the words that stand in what Debian brings: a city is in the list of time zones, a name in a licence."""
    looked = f"LC_ALL=C grep -rohwF -f - /usr/share /usr/lib /etc {PROGRAM} 2>/dev/null | sort -u || true"
    return server.sh(looked, stdin="".join(f"{word}\n" for word in words), timeout=300).splitlines()


def names(server: Server, number: int = 20) -> list[Prey]:
    """So many to hunt for, names, identifiers and addresses in turn."""
    offered = [*enter(server), *rows(server)]
    return pick(offered, everyday(server, [text for _, text in offered]), number)
