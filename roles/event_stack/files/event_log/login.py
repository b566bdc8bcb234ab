# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Kafka's tools log in to the broker, and what it means when the broker does not let them.

The login is a file of the host that only the tool's container reads: never a word of a command line, nor of an
environment, which others of the host may see.
"""

from __future__ import annotations

from typing import List, Optional

from .settings import Settings

DIRECTORY = "/run/event-log/secrets"
FILE = f"{DIRECTORY}/client.properties"
#: Kafka 4.3's words; the last are for a client that wants to log in where there are no logins.
_REFUSED = ("SaslAuthenticationException", "Authentication failed", "IllegalSaslStateException")
_FORBIDDEN = ("AuthorizationException", "Not authorized to access")


def mount(settings: Settings) -> List[str]:
    """Options of Docker. A mount, unlike a volume, makes no directory where there is none."""
    if settings.client_dir is None:
        return []
    return ["--mount", f"type=bind,source={settings.client_dir},target={DIRECTORY},readonly"]


def broker(settings: Settings) -> List[str]:
    """Arguments of a tool: which broker, and how to log in."""
    login = [] if settings.client_dir is None else ["--command-config", FILE]
    return ["--bootstrap-server", settings.bootstrap, *login]


def refusal(said: str) -> Optional[str]:
    """What to do about a login that failed or a right that is missing; None where the tool's words say neither."""
    if any(words in said for words in _REFUSED):
        return (
            "Kafka refused the login of this command. Run the playbook site.yml again: it gives the command's account"
            " and the broker the same password."
        )
    if any(words in said for words in _FORBIDDEN):
        return (
            "Kafka let this command in, but its account may not read that. Run the playbook site.yml again: it gives"
            " the account its rights."
        )
    return None
