# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of the sample server, made and kept by statements over the socket in its container."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Dict, List, Set

from .client import Client, SampleError, complaint
from .sql import literal

EVERYWHERE = ("RELOAD", "SHOW DATABASES", "REPLICATION SLAVE", "REPLICATION CLIENT")
ON_DATABASE = ("SELECT", "LOCK TABLES")


@dataclass(frozen=True)
class Wanted:
    """The account that reads the changes, and root's password."""

    root_password: str
    capture_user: str
    capture_password: str
    database: str

    @property
    def account(self) -> str:
        return f"{literal(self.capture_user)}@'%'"

    @classmethod
    def from_json(cls, words: Dict[str, str]) -> Wanted:
        return cls(words["root_password"], words["capture_user"], words["capture_password"], words["database"])


@dataclass(frozen=True)
class Door:
    """Ways into the server other than root's own: the command logs in as its standard input says."""

    command: tuple[str, ...] = ("docker", "exec", "-i", "openmrs-sample-db", "sample-login")

    def opens(self, user: str, password: str, sql: str = "SELECT 1") -> bool:
        """Whether the login works. The password goes in by standard input and is no argument of anything."""
        settings = f"[client]\nuser={quoted(user)}\npassword={quoted(password)}\n"
        command = [*self.command, "--execute", sql]
        done = subprocess.run(command, input=settings.encode(), capture_output=True, check=False)
        if done.returncode and b"ERROR 1045" not in done.stderr and b"ERROR 1698" not in done.stderr:
            raise SampleError(complaint(done.stderr))
        return done.returncode == 0


def quoted(text: str) -> str:
    """A value of an option file."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def root_statement(wanted: Wanted) -> str:
    return f"ALTER USER 'root'@'localhost' IDENTIFIED BY {literal(wanted.root_password)}"


def missing(wanted: Wanted, everywhere: Set[str], on_database: Set[str]) -> List[str]:
    """The GRANT statements that are still to be made. What the account has beyond that is left alone."""
    statements = []
    lacking = [each for each in EVERYWHERE if each not in everywhere]
    if lacking:
        statements.append(f"GRANT {', '.join(lacking)} ON *.* TO {wanted.account}")
    lacking = [each for each in ON_DATABASE if each not in on_database and each not in everywhere]
    if lacking:
        name = wanted.database.replace("`", "``").replace("_", "\\_").replace("%", "\\%")
        statements.append(f"GRANT {', '.join(lacking)} ON `{name}`.* TO {wanted.account}")
    return statements


def ask_set(client: Client, sql: str) -> Set[str]:
    return {row[0] for row in client.ask(sql, database="")}


def held(client: Client, wanted: Wanted) -> tuple[Set[str], Set[str]]:
    grantee = literal(wanted.account)
    name = literal(wanted.database.replace("_", "\\_").replace("%", "\\%"))
    table = "information_schema"
    everywhere = ask_set(client, f"SELECT privilege_type FROM {table}.user_privileges WHERE grantee = {grantee}")  # noqa: S608
    question = f"SELECT privilege_type FROM {table}.schema_privileges WHERE grantee = {grantee}"  # noqa: S608
    return everywhere, ask_set(client, f"{question} AND table_schema IN ({name}, {literal(wanted.database)})")


def settle(client: Client, door: Door, wanted: Wanted, check: bool) -> List[str]:
    """Make what is missing; return what was done, or would be, in words without secrets."""
    actions = []
    if not door.opens("root", wanted.root_password):
        if not door.opens("root", "", root_statement(wanted) if not check else "SELECT 1"):
            raise SampleError(
                "root of the sample database has another password than openmrs_sample_root_password or "
                "openmrs_sample_home/secrets says: put the former one back, or remove openmrs_sample_data_dir."
            )
        actions.append("set root's password")
        if check:
            return [*actions, "make the capture account"]
    user = literal(wanted.capture_user)
    exists = client.number(f"SELECT COUNT(*) FROM mysql.user WHERE user = {user} AND host = '%'") > 0  # noqa: S608
    statements = []
    if not exists:
        statements.append(f"CREATE USER {wanted.account} IDENTIFIED BY {literal(wanted.capture_password)}")
        actions.append("make the capture account")
    elif not door.opens(wanted.capture_user, wanted.capture_password):
        statements.append(f"ALTER USER {wanted.account} IDENTIFIED BY {literal(wanted.capture_password)}")
        actions.append("set the capture account's password")
    grants = missing(wanted, *held(client, wanted))
    actions += [each.split(" TO ", maxsplit=1)[0] for each in grants]
    if not check and (statements or grants):
        client.ask("".join(f"{each};\n" for each in [*statements, *grants]), database="")
    return actions
