# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that would open a listener to other hosts, or undo the logins of one that is not.

Every process of the event log binds 127.0.0.1. The inventory sets ports; addresses are not for it to set. The names
are those of Apache Kafka 4.3 ("Broker Configs", "Kafka Connect Configs", "KIP-103" for ``listener.name.*``) and of
the ZooKeeper 3.8 Administrator's Guide.
"""

from __future__ import annotations

import re
from typing import Any, List, Mapping, NamedTuple, Pattern
from urllib.parse import urlsplit

from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

_SECRETS = Secrets()
LOOPBACK = "127.0.0.1"
LATER = (
    "Nothing of the event log listens for other hosts; that comes, with TLS, in a later version. Until then a program "
    "elsewhere reads through an SSH tunnel: docs/consuming.md, for web pages docs/uis.md."
)


class Kept(NamedTuple):
    """Settings that are not for the site: those of listeners, and those of logins. ``ports`` set what may be set."""

    listeners: Pattern[str]
    logins: Pattern[str]
    ports: str


def _names(*patterns: str) -> Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


KEPT: Mapping[str, Kept] = {
    "event_stack_broker_settings": Kept(
        _names(
            r"(.*\.)?listeners",  # listeners, advertised.listeners, early.start.listeners
            r"listener\.security\.protocol\.map",
            r"listener\.name\..+",
            r"controller\.(listener\..+|quorum\..+)",
            r"control\.plane\.listener\.name",
            r"inter\.broker\.listener\.name",
            r"security\.inter\.broker\.protocol",
            r"(advertised\.)?(host\.name|port)",
            r"process\.roles",
            r"zookeeper\.connect",
        ),
        _names(
            r"authorizer\..+",
            r"super\.users",
            r"allow\.everyone\.if\.no\.acl\.found",
            r"(sasl|security)\..+",
            r"principal\.builder\.class",
            r"zookeeper\.(sasl|set)\..+",
        ),
        "event_log_bootstrap, event_stack_controller_port and event_stack_admin_port",
    ),
    "event_stack_worker_settings": Kept(
        _names(
            r"(.*\.)?listeners(\..+)?",  # listeners, admin.listeners, listeners.https.*
            r"rest\.(advertised\..+|host\.name|port|extension\.classes)",
            r"(.*\.)?bootstrap\.servers",
            r"config\.providers\..+\.allowed\.paths",
        ),
        _names(r"((producer|consumer|admin)\.)?(sasl|security)\..+"),
        "event_log_connect_url and event_log_bootstrap",
    ),
    "event_stack_zookeeper_settings": Kept(
        _names(
            r"(secure)?clientPort(Address)?",
            r"secureClientPort.*",
            r"admin\..+",
            r"4lw\..+",
            r"metricsProvider\..+",
            r"quorumListenOnAllIPs",
            r"server\.\d+",
        ),
        _names(
            r"authProvider.*",
            r"requireClientAuthScheme",
            r"sessionRequireClientSASLAuth",
            r"enforce\.auth\..+",
            r"skipACL",
            r".*superDigest",
            r"(quorum|kerberos|jaasLogin).*",
            r"allowSaslFailedClients",
        ),
        "event_stack_zookeeper_port",
    ),
}


def problems(given: Mapping[str, Any], logins: bool) -> List[str]:
    """Return a sentence for each address and setting that is refused; ``given`` has them by their variable."""
    found: List[str] = []
    for variable, value in given.items():
        if variable in KEPT:
            found += _setting_problems(variable, value or {}, logins)
        elif "://" in str(value) or variable.endswith("_url"):
            found += _url_problems(variable, str(value))
        else:
            found += _bootstrap_problems(variable, str(value))
    return found


def _bootstrap_problems(variable: str, value: str) -> List[str]:
    host, _colon, port = value.rpartition(":")
    if host == LOOPBACK and _is_port(port):
        return []
    wanted = f"{LOOPBACK}:{port if _is_port(port) else 9092}"
    return [_address(variable, value, host.strip("[]"), wanted)]


def _url_problems(variable: str, value: str) -> List[str]:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port, parts = "", 0, urlsplit("")
    scheme = parts.scheme if parts.scheme in ("http", "https") else "http"
    if host == LOOPBACK and port and parts.scheme == scheme and "@" not in parts.netloc:
        return []
    # What stands before the host may be a login.
    shown = re.sub(r"//.*@", "//(not shown)@", value)
    return [_address(variable, shown, host, f"{scheme}://{LOOPBACK}:{port or 8083}")]


def _address(variable: str, value: str, host: str, wanted: str) -> str:
    if host in ("localhost", "::1"):
        reason = f"the process binds {LOOPBACK} and nothing else, and a name may lead elsewhere"
        return f"{variable} is {value!r}: {reason}. Write {wanted}."
    if host == LOOPBACK:
        return f"{variable} is {value!r}, of which address and port cannot be used. Write {wanted}."
    return f"{variable} is {value!r}, which is not an address of this host alone. Write {wanted}. {LATER}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _setting_problems(variable: str, settings: Mapping[str, Any], logins: bool) -> List[str]:
    kept = KEPT[variable]
    found = []
    for name, value in settings.items():
        if kept.listeners.fullmatch(str(name)):
            shown = _SECRETS.value_shown(str(name), str(value))
            what = f"{variable} has {name}: {shown!r}, which decides who can reach it; that is not for a site to set"
            found.append(f"{what}. Remove it; ports are set by {kept.ports}. {LATER}")
        elif logins and kept.logins.fullmatch(str(name)):
            # The value may be a login.
            what = f"{variable} has {name} (its value is not shown), which the collection sets for the logins"
            found.append(
                f"{what}. Remove it; who may do what is set by event_log_kafka_users and event_log_kafka_acls."
            )
    return found
