# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can do what at a broker: many attempts of Kafka's own tools, as a process of some account of the host.

attempts = {"as nobody": Attempt(login("PLAINTEXT"), "…ConsoleConsumer", ("--topic", "t"))}
tried = attempt(server, attempts)
assert tried["as nobody"].refused
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from tests.helpers.server import Server

CLIENTS = "127.0.0.1:9092"
CONTROLLER = "127.0.0.1:9093"
ADMIN = "127.0.0.1:9094"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
TOPICS = "org.apache.kafka.tools.TopicCommand"
ACLS = "org.apache.kafka.tools.AclCommand"
CONFIGS = "kafka.admin.ConfigCommand"
QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"
DIRECTORY = "/run/access-attempts"
NOBODY = 65534
LIMITS = {
    "request.timeout.ms": "4000",
    "default.api.timeout.ms": "6000",
    "max.block.ms": "6000",
    "retries": "1",
    "delivery.timeout.ms": "8000",
    "socket.connection.setup.timeout.ms": "3000",
}
MODULES = {"PLAIN": "plain.PlainLoginModule", "SCRAM": "scram.ScramLoginModule"}
# How a broker says no; and a client that was cut off, for it spoke before it had logged in.
REFUSALS = re.compile(
    r"(Sasl|Topic|Group|Cluster|Security)?(Authentication|Authorization)(Failed)?(Exception| failed)|not authorized"
    r"|SaslAuthenticationException|UnsupportedSaslMechanism|TimeoutException|disconnected|Timed out"
)


@dataclass(frozen=True)
class Attempt:
    """One tool with one login. `settings` are the lines of its client.properties."""

    settings: Mapping[str, str]
    main: str
    words: tuple[str, ...]
    at: str = CLIENTS
    stdin: str = ""
    patient: bool = False  # what must succeed, or must be told why not, may take long on a busy machine

    @property
    def script(self) -> str:
        """A shell script beside its client.properties."""
        where = "--bootstrap-controller" if self.at == CONTROLLER else "--bootstrap-server"
        command = ("kafka-class", self.main, where, self.at, "--command-config", "$0.properties", *self.words)
        quoted = " ".join(word if word.startswith("$0") else shlex.quote(word) for word in command)
        return f"printf %s {shlex.quote(self.stdin)} | timeout 100 {quoted}\n"

    @property
    def properties(self) -> str:
        settings = {**({} if self.patient else LIMITS), **self.settings}
        return "".join(f"{key}={value}\n" for key, value in settings.items())


@dataclass(frozen=True)
class Tried:
    code: int
    output: str

    @property
    def events(self) -> int:
        """Lines that are events; what is read from a topic of events."""
        return len(re.findall(r'^\{"before":', self.output, re.MULTILINE))

    @property
    def denied(self) -> bool:
        """The broker knew who asked, and said that this account may not; a time that ran out is none."""
        return bool(re.search(r"AuthorizationException|[Aa]uthorization failed|[Nn]ot authorized", self.output)) and (
            self.events == 0
        )

    @property
    def refused(self) -> bool:
        """The broker said no, and nothing was read."""
        return bool(REFUSALS.search(self.output)) and self.events == 0


def login(protocol: str, mechanism: str = "", user: str = "", password: str = "") -> dict[str, str]:
    """The settings of a client."""
    if not mechanism:
        return {"security.protocol": protocol}
    module = f"org.apache.kafka.common.security.{MODULES[mechanism.partition('-')[0]]}"
    jaas = f'{module} required username="{user}" password="{password}";'
    return {"security.protocol": protocol, "sasl.mechanism": mechanism, "sasl.jaas.config": jaas}


def reading(topic: str, *words: str, seconds: int = 12) -> tuple[str, ...]:
    """The words that read one event; it is the time that an attempt takes which gets nothing."""
    limit = str(seconds * 1000)
    return ("--topic", topic, "--from-beginning", "--max-messages", "1", "--timeout-ms", limit, *words)


ALL = r"""
cd {directory} && ls *.sh | sed 's/[.]sh$//' | xargs -P 4 -I@ sh -c 'sh -c ". {directory}/@.sh" {directory}/@ \
  >/tmp/@.out 2>&1; echo "$?" >/tmp/@.code'
for one in *.sh; do one=${{one%.sh}}; echo "===== $one $(cat /tmp/$one.code)"; cat /tmp/$one.out; done
"""


def attempt(server: Server, attempts: Mapping[str, Attempt], uid: int = NOBODY) -> dict[str, Tried]:
    """Try them all as that account, in a container that shares the host's network as any process of the host does."""
    names = {f"a{number}": label for number, label in enumerate(attempts)}
    server.sh(f"rm -rf {DIRECTORY} && mkdir -m 700 {DIRECTORY}")
    try:
        for name, label in names.items():
            server.sh(f"umask 077; cat > {DIRECTORY}/{name}.sh", stdin=attempts[label].script)
            server.sh(f"umask 077; cat > {DIRECTORY}/{name}.properties", stdin=attempts[label].properties)
        server.sh(f"chown -R {uid}:{uid} {DIRECTORY}")
        told = server.exec(
            "docker", "run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp:exec,size=256m,mode=1777",
            "--user", f"{uid}:{uid}", "--volume", f"{DIRECTORY}:{DIRECTORY}:ro",
            "--entrypoint", "sh", server.settings["image"], "-c", ALL.format(directory=DIRECTORY), timeout=300,
        )  # fmt: skip
    finally:
        server.sh(f"rm -rf {DIRECTORY}")
    found = {}
    for part in told.split("===== ")[1:]:
        head, _, output = part.partition("\n")
        name, code = head.split()
        found[names[name]] = Tried(int(code), output)
    assert set(found) == set(attempts), told
    return found
