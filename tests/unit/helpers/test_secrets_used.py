# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every secret of every kind of file is known to the hunt, and a file of which none is known is a fault."""

from __future__ import annotations

import pytest

from tests.helpers.hunt import NoHuntError
from tests.helpers.secrets_used import prey_of, texts

ONE, TWO = "q8sZ4mP2xkL0", "7hTq0pWv3nEa"
JAAS = f"""KafkaServer {{
  org.apache.kafka.common.security.plain.PlainLoginModule required
  username="event-log" password="{ONE}" user_event-log="{TWO}";
}};
"""
CLIENT = f"""security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="event-log" password="{ONE}";
"""


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("admin/client.properties", CLIENT.replace("word=", r"word\="), [ONE]),
        ("connect_password", f"{ONE}\n", [ONE]),
        ("broker_passwords/event-log", ONE, [ONE]),
        ("connect/rest-01234567.properties", f"event-log={ONE}\n", [ONE]),
        ("connect/connector-a-01234567.properties", f"username=event_log\npassword={ONE}\n", [ONE]),
        ("connect/salt-01234567.properties", f"salt={ONE}\n", [ONE]),
        ("broker/jaas-01234567.conf", JAAS, [ONE, TWO]),
        ("admin/client.properties", CLIENT, [ONE]),
        ("kowl/kowl-01234567.yaml", f'{{"sasl": {{"username": "event-log-kowl", "password": "{ONE}"}}}}', [ONE]),
    ],
)  # fmt: skip
def test_the_secrets_of_a_file_are_known(path: str, content: str, expected: list[str]) -> None:
    assert texts(f"/opt/event-log/secrets/{path}", content) == expected
    assert len(prey_of(path, content.encode(), logins=True)) == len(expected)


def test_a_file_without_a_known_secret_is_a_fault() -> None:
    content = b"security.protocol=PLAINTEXT\n"
    assert prey_of("/s/connect/broker.properties", content, logins=True) == []
    assert prey_of("/s/command/client.properties", content, logins=False) == []
    only_a_file = b'KafkaConnect {\n  some.Module required file="${event.log.rest.login}";\n};\n'
    assert prey_of("/s/connect/jaas-connect-01234567.conf", only_a_file, logins=False) == []
    with pytest.raises(NoHuntError):
        prey_of("/s/command/client.properties", content, logins=True)
    with pytest.raises(NoHuntError):
        prey_of("/s/new/file", content, logins=False)


def test_a_key_that_is_no_text_is_known() -> None:
    assert len(prey_of("/s/connect/.version-key", bytes(range(128, 160)), logins=False)) == 1
