# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every secret that lies in a server's directory of secrets, whatever kind of file it is in."""

from __future__ import annotations

import base64
import re

from tests.helpers.hunt import EVERYDAY, NoHuntError, Prey, binary, secret
from tests.helpers.server import Server

SECRETS = "/opt/event-log/secrets"
# A key that says so, in properties, JAAS files (whose users are called user_NAME), and JSON.
NAMED = re.compile(
    r"""(?:^|[\s;{,"'])([\w.-]*(?:pass|secret|salt)[\w.-]*|user_[\w.-]+)"?\s*\\?[=:]\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""",
    re.IGNORECASE | re.MULTILINE,
)
#: Files beside secrets that hold none.
WITHOUT = re.compile(r".*/connect/broker\.properties")
WITHOUT_LOGINS = re.compile(r".*/(connect/broker\.properties|command/client\.properties)")
#: Of a time when nobody had to log in: it only names the file with the login at the REST interface.
WITHOUT_CLIENT = re.compile(r".*/connect/jaas-[^/]*\.conf")


def holds_none(path: str, content: bytes, logins: bool) -> bool:
    """Whether a file beside secrets may be without one."""
    if WITHOUT_CLIENT.fullmatch(path):
        return b"KafkaClient" not in content
    return bool((WITHOUT if logins else WITHOUT_LOGINS).fullmatch(path))


READ = r"""
import base64, os, sys
for top, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(top, name)
        print(path + "\t" + base64.b64encode(open(path, "rb").read()).decode())
"""


def texts(path: str, content: str) -> list[str]:
    """The secrets of one file of text."""
    if path.rpartition("/")[2].startswith("rest-"):  # user=password
        return [line.partition("=")[2].strip() for line in content.splitlines() if "=" in line and line[0] != "#"]
    if "=" not in content and ":" not in content and len(content.split()) == 1:  # nothing but the secret
        return [content.strip()]
    return [quoted or plain for _key, quoted, plain in NAMED.findall(content)]


def prey_of(path: str, content: bytes, logins: bool) -> list[Prey]:
    """What to hunt for of one file. A file of which nothing is known to be secret is a fault of this function."""
    try:
        found = [text for text in texts(path, content.decode()) if text not in EVERYDAY and not text.startswith("${")]
    except UnicodeDecodeError:
        return [binary(path, content)]
    if not found and not holds_none(path, content, logins):
        raise NoHuntError(f"{path}: no secret was found in this file of secrets")
    return [secret(f"{path} #{number}", text) for number, text in enumerate(dict.fromkeys(found), 1)]


def secrets_of(server: Server, directory: str = SECRETS) -> list[Prey]:
    """Every secret on the server, each once."""
    logins = server.logins
    found: dict[tuple[tuple[str, str], ...], Prey] = {}
    for line in server.python(READ, directory).splitlines():
        path, _, content = line.partition("\t")
        for prey in prey_of(path, base64.b64decode(content), logins):
            found.setdefault(prey.forms, prey)
    return list(found.values())
