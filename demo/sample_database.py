"""The sample OpenMRS database, by the SQL client in its container."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

SQL = ["docker", "exec", "-i", "openmrs-sample-db", "sample-sql"]
GIVEN_NAMES = ("Amina", "Baraka", "Neema")
FIRST_PATIENT = """
SELECT n.person_name_id, n.given_name FROM openmrs.person_name n
JOIN openmrs.patient p ON p.patient_id = n.person_id AND p.voided = 0
WHERE n.voided = 0 ORDER BY n.person_name_id LIMIT 1;
"""


class SampleDatabaseError(Exception):
    """The client failed; the message is what it said."""


@dataclass(frozen=True)
class Name:
    """A patient's name, and how it is changed."""

    person_name_id: int
    given: str
    new_given: str

    @property
    def sql(self) -> str:
        """The statement, with what OpenMRS also sets when somebody edits a name."""
        # A number of the database, and a name of the list above.
        return (
            f"UPDATE openmrs.person_name SET given_name = '{self.new_given}', "  # noqa: S608
            f"changed_by = 1, date_changed = NOW() WHERE person_name_id = {self.person_name_id};"
        )


def run(statement: str) -> str:
    """What the client prints; the statement goes in by its standard input."""
    done = subprocess.run(SQL, input=statement, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SampleDatabaseError(f"{' '.join(SQL)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def rename_a_patient() -> Name:
    """Give the first patient another given name."""
    rows = [line.split("\t") for line in run(FIRST_PATIENT).splitlines()]
    found = next((row for row in rows if len(row) == 2 and row[0].isdigit()), None)
    if found is None:
        raise SampleDatabaseError("there is no patient with a name in it")
    given = found[1]
    name = Name(int(found[0]), given, next(other for other in GIVEN_NAMES if other != given))
    run(name.sql)
    return name
