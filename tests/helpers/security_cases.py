# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would give patient data or a secret away, as cases of bad input."""

from __future__ import annotations

from tests.helpers.bad_input import Case
from tests.helpers.records import ROOT

PASSWORDS = ROOT / "tests/integration/passwords"
ELSEWHERE = "192.0.2.10"


def password(name: str) -> str:
    """A template as an inventory must have it, for a secret in plain text is refused by itself."""
    return f"{{{{ lookup('ansible.builtin.file', '{PASSWORDS / name}') }}}}"


SECURITY = [
    Case(
        "listener, password and plain secret that are refused",
        (
            f"event_log_bootstrap is '{ELSEWHERE}:9092', which is not an address of this host alone",
            "Write 127.0.0.1:9092.",
            "docs/consuming.md",
            "event_stack_broker_settings has advertised.listeners",
            "event_stack_worker_settings has admin.listeners",
            "event_log_capture_password is a password of 8 characters (not shown here) that is easily guessed",
            "openssl rand -hex 16",
            "event_log_connect_password is plain text (not shown)",
            "ansible-vault encrypt_string --prompt --name event_log_connect_password",
        ),
        {
            "event_log_bootstrap": f"{ELSEWHERE}:9092",
            "event_stack_broker_settings": {"advertised.listeners": f"BROKER://{ELSEWHERE}:9092"},
            "event_stack_worker_settings": {"admin.listeners": "http://:9000"},
            "event_log_capture_password": password("default"),
            "event_log_connect_password": "Plain-in-the-inventory-7",
        },
    ),
    Case(
        "user of nobody in the list of rights",
        ("event_log_kafka_acls, nobody is no user", "event_log_kafka_users", "Add the user there"),
        {"event_log_kafka_acls": [{"user": "nobody", "tables": ["person"]}]},
    ),
    Case(
        "masked column that the table does not have",
        ("event_connector_masked_columns has person_name.nick", "has no such column", "given_name", "Correct the name"),
        {
            "event_log_sample": False,
            "event_log_patient_data": "masked",
            "event_connector_masked_columns": ["person_name.nick"],
        },
    ),
    # One by one
    Case(
        "web service beyond loopback",
        (f"event_log_connect_url is 'http://{ELSEWHERE}:8083'", "Write http://127.0.0.1:8083.", "docs/uis.md"),
        {"event_log_connect_url": f"http://{ELSEWHERE}:8083"},
        long=True,
    ),
    Case(
        "setting that undoes the logins",
        ("event_stack_broker_settings has allow.everyone.if.no.acl.found", "event_log_kafka_acls"),
        {
            "event_log_broker_logins": "required",
            "event_stack_broker_settings": {"allow.everyone.if.no.acl.found": True},
        },
        long=True,
    ),
    Case(
        "default password",
        ("event_log_capture_password is a password of 8 characters", "one of the first that anybody tries"),
        {"event_log_capture_password": password("default")},
        long=True,
    ),
    Case(
        "password of a consumer that is none",
        ("event_log_kafka_users[laboratory].password is a password of 8 characters",),
        {"event_log_kafka_users": [{"name": "laboratory", "password": password("default")}]},
        long=True,
    ),
    Case(
        "plain secret",
        ("event_log_capture_password is plain text (not shown)", "ansible-vault encrypt_string", "hosts.yml, line "),
        {"event_log_capture_password": "Plain-in-the-inventory-7"},
        long=True,
    ),
    Case(
        "secret of a plain variable",
        ("word, of which event_log_capture_password is made, is plain text (not shown)",),
        {"event_log_capture_password": "{{ word }}", "word": "Plain-in-the-inventory-7"},
        long=True,
    ),
    Case(
        "masked column of a table that is not captured",
        ("event_connector_masked_columns has obs.value_text", "is not captured", "event_log_tables"),
        {"event_log_patient_data": "masked", "event_connector_masked_columns": ["obs.value_text"]},
        long=True,
    ),
]
