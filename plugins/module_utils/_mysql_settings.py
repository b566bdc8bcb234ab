# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the settings of a database server: what Debezium needs, and what keeps a power cut or a long outage from
losing changes. Pure; each rule looks at one thing and answers with a finding or None.

Debezium itself checks binlog_format and binlog_row_image at start; the rest shows itself only when it is too late.
"""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_expiry import (
    expiry,
    expiry_by_size,
    expiry_days,
    expiry_setting,
    needed_seconds,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    ERROR,
    WARNING,
    Finding,
    Setting,
    Source,
    Wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import (
    REFUSED,
    UNTESTED,
    Server,
    support_of,
)

Rule = Callable[[Source, Wanted], Optional[Finding]]

LOG_BIN = Setting("log_bin", "mysql-bin", restart=True)
SERVER_ID = Setting("server_id", "1")
FORMAT = Setting("binlog_format", "ROW")
ROW_IMAGE = Setting("binlog_row_image", "FULL")
SYNC_BINLOG = Setting("sync_binlog", "1")
INNODB_FLUSH = Setting("innodb_flush_log_at_trx_commit", "1")
LEGACY_POS = Setting("binlog_legacy_event_pos", "1")
NO_COMPRESSION = Setting("log_bin_compress", "0")


def recommended(server: Server, days: int) -> tuple[Setting, ...]:
    """Everything that the event log wants of a server whose settings nobody could read."""
    settings = [SERVER_ID, LOG_BIN, FORMAT, ROW_IMAGE, expiry_setting(server, days), SYNC_BINLOG, INNODB_FLUSH]
    if server.mariadb and server.version >= (11, 4, 0):
        settings += [LEGACY_POS, NO_COMPRESSION]
    return tuple(settings)


def version(source: Source, wanted: Wanted) -> Optional[Finding]:
    """A version that is refused, or that nobody has tried. Needs no login: the greeting names it."""
    if source.server is None:
        return None
    support = support_of(source.server)
    what = f"The database is {source.server.name} ({source.server.text}): {support.reason}."
    if support.level == REFUSED and not wanted.allow_untested:
        return Finding(
            "version_refused",
            ERROR,
            what,
            "Changes could be read wrongly, or not at all, without anybody noticing.",
            "Upgrade the database, or allow an untested version if you will watch it yourself.",
        )
    if support.level in (REFUSED, UNTESTED):
        return Finding(
            "version_untested",
            WARNING,
            what,
            "Nobody will fix what breaks between this version and Debezium.",
            "Plan an upgrade to MySQL 8.4 or MariaDB 10.11 or later; until then watch the connector.",
        )
    return None


def binlog_off(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.text("log_bin") != "OFF":
        return None
    # Turned on, it fills the disk unless something makes it expire, and loses changes where that comes too soon.
    unfit = source.server and (source.expiry_seconds or 0) < needed_seconds(source.server, wanted)
    bound = (expiry_setting(source.server, expiry_days(wanted)),) if unfit and source.server else ()
    return Finding(
        "binlog_off",
        ERROR,
        "The binary log is off (log_bin=OFF).",
        "The event log reads every change from it; without it there is nothing to read.",
        "Set log_bin and restart the database.",
        settings=(LOG_BIN, *bound),
    )


def function_creators(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.text("log_bin") != "OFF" or source.number("log_bin_trust_function_creators") != 0:
        return None
    return Finding(
        "function_creators",
        WARNING,
        "With the binary log on, only an administrator will be able to create functions and triggers "
        "(log_bin_trust_function_creators=0).",
        "An upgrade of OpenMRS or a module that creates one then fails with error 1418 or 1419.",
        "If OpenMRS's account does that, allow it with mysql_binlog_settings: {log_bin_trust_function_creators: 1}.",
    )


def server_id_zero(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.number("server_id") != 0:
        return None
    return Finding(
        "server_id_zero",
        ERROR,
        "The server has no id of its own (server_id=0).",
        "With id 0 a server refuses every reader of its binary log.",
        "Set server_id to a number that no other server of this replication has, for example 1.",
        settings=(SERVER_ID,),
    )


def binlog_format(source: Source, wanted: Wanted) -> Optional[Finding]:
    value = source.text("binlog_format")
    if value in (None, "ROW"):
        return None
    return Finding(
        "binlog_format",
        ERROR,
        f"binlog_format is {value}.",
        "Only ROW writes the rows themselves; statements cannot be turned into events.",
        "Set binlog_format=ROW, then restart OpenMRS: open sessions keep the old format.",
        settings=(FORMAT,),
    )


def binlog_row_image(source: Source, wanted: Wanted) -> Optional[Finding]:
    value = source.text("binlog_row_image")
    if value in (None, "FULL", "NOBLOB"):
        return None
    return Finding(
        "binlog_row_image",
        ERROR,
        f"binlog_row_image is {value}.",
        "Events would lack the columns that a change did not touch.",
        "Set binlog_row_image=FULL, then restart OpenMRS: open sessions keep the old image.",
        settings=(ROW_IMAGE,),
    )


def partial_json(source: Source, wanted: Wanted) -> Optional[Finding]:
    if "PARTIAL_JSON" not in (source.text("binlog_row_value_options") or ""):
        return None
    return Finding(
        "binlog_row_value_options",
        ERROR,
        "binlog_row_value_options is PARTIAL_JSON.",
        "Updates of JSON columns are then written as differences, which Debezium cannot read.",
        "Set binlog_row_value_options to nothing.",
        settings=(Setting("binlog_row_value_options", ""),),
    )


def legacy_event_pos(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.number("binlog_legacy_event_pos") != 0:
        return None
    return Finding(
        "binlog_legacy_event_pos",
        ERROR,
        "binlog_legacy_event_pos is OFF, the default since MariaDB 11.4.",
        "Events inside a transaction then carry no position, so the connector cannot store where it stands.",
        "Set binlog_legacy_event_pos=1.",
        settings=(LEGACY_POS,),
    )


def log_bin_compress(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.number("log_bin_compress") != 1:
        return None
    return Finding(
        "log_bin_compress",
        ERROR,
        "log_bin_compress is ON.",
        "Debezium's binlog reader does not know MariaDB's compressed events.",
        "Set log_bin_compress=0.",
        settings=(NO_COMPRESSION,),
    )


def sync_binlog(source: Source, wanted: Wanted) -> Optional[Finding]:
    value = source.number("sync_binlog")
    if value in (None, 1.0):
        return None
    return Finding(
        "sync_binlog",
        WARNING,
        f"sync_binlog is {value:.0f}.",
        "A power cut can lose binary log events that consumers already have, or the other way round.",
        "Set sync_binlog=1.",
        settings=(SYNC_BINLOG,),
    )


def innodb_flush(source: Source, wanted: Wanted) -> Optional[Finding]:
    value = source.number("innodb_flush_log_at_trx_commit")
    if value in (None, 1.0):
        return None
    return Finding(
        "innodb_flush_log_at_trx_commit",
        WARNING,
        f"innodb_flush_log_at_trx_commit is {value:.0f}.",
        "A power cut can lose committed rows of which consumers already have the events.",
        "Set innodb_flush_log_at_trx_commit=1.",
        settings=(INNODB_FLUSH,),
    )


def binlog_filter(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.binlog_do_db and wanted.database not in source.binlog_do_db:
        option = f"binlog_do_db={','.join(source.binlog_do_db)} leaves out {wanted.database}"
    elif wanted.database in source.binlog_ignore_db:
        option = f"binlog_ignore_db={wanted.database}"
    else:
        return None
    return Finding(
        "binlog_filter",
        ERROR,
        f"Changes of the database are not written to the binary log ({option}).",
        "There is nothing to read then.",
        "Remove that line from the server's configuration and restart the database.",
    )


def server_id_clash(source: Source, wanted: Wanted) -> Optional[Finding]:
    if not wanted.server_id:
        return None
    fix = "Set event_log_server_id to a number that no server and no other reader of this database has."
    why = "The server throws out one of two readers with the same id (error 1236), and the connector's task fails."
    if source.number("server_id") == wanted.server_id:
        what = f"The connector's server id {wanted.server_id} is that of the database itself."
        return Finding("server_id_clash", ERROR, what, why, fix)
    for replica in source.replicas or ():
        if replica.server_id == wanted.server_id:
            where = f" ({replica.host})" if replica.host else ""
            what = f"A reader with the connector's server id {wanted.server_id} is registered already{where}."
            if replica.uuid.strip("0-"):
                return Finding("server_id_clash", ERROR, what, why, fix)
            # Only servers have a uuid: a reader without one may be this very connector.
            return Finding(
                "server_id_clash", WARNING, what, why, f"{fix} If that reader is this connector, all is well."
            )
    return None


RULES: tuple[Rule, ...] = (
    binlog_off,
    function_creators,
    server_id_zero,
    binlog_format,
    binlog_row_image,
    partial_json,
    legacy_event_pos,
    log_bin_compress,
    binlog_filter,
    server_id_clash,
    expiry,
    expiry_by_size,
    sync_binlog,
    innodb_flush,
)
