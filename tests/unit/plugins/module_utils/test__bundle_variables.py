# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes along from an inventory, and what only encrypted."""

from __future__ import annotations

from typing import Any, Dict, Iterable

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._bundle_variables import (
    Inventory,
    Reading,
    Taken,
    names_in,
    secret_options,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError


class Encrypted:
    """Stands for a value that is encrypted in its file."""


READING = Reading(is_template=lambda text: "{{" in text, is_encrypted=lambda value: isinstance(value, Encrypted))


def taken(variables: Dict[str, Any], vaulted: Iterable[str] = (), declared: Iterable[str] = ()) -> Taken:
    return Inventory(variables, vaulted, declared, READING).take(["event_log_", "event_stack_"])


def test_what_the_collection_does_not_read_stays_at_home() -> None:
    assert taken({"event_log_site": "hilltop", "ntp_server": "x"}).clear == {"event_log_site"}


def test_what_a_template_refers_to_goes_along_however_far() -> None:
    variables = {
        "event_log_a": "{{ one }}",
        "one": ["{{ two.x }}"],
        "two": {"x": "{{ three | int }}"},
        "three": 3,
        "no": 4,
    }
    assert taken(variables).clear == {"event_log_a", "one", "two", "three"}


def test_a_circle_ends() -> None:
    variables = {"event_log_a": "{{ one }}", "one": "{{ two }}", "two": "{{ one }}"}
    assert taken(variables).clear == {"event_log_a", "one", "two"}


def test_a_secret_behind_a_circle_is_found() -> None:
    variables = {
        "event_log_a": "{{ one }} {{ two }}",
        "one": "{{ two }}",
        "two": "{{ one }} {{ three }}",
        "three": Encrypted(),
    }
    result = taken(variables)
    assert set(result.secret) == {"event_log_a"}
    assert result.clear == frozenset()


@pytest.mark.parametrize("start", ["event_log_a", "event_log_b", "event_log_c"])
def test_members_of_a_circle_with_a_secret_are_secret_whichever_is_asked_first(start: str) -> None:
    variables = {
        "event_log_a": "{{ event_log_b }}",
        "event_log_b": "{{ event_log_c }} {{ hidden }}",
        "event_log_c": "{{ event_log_a }}",
        "hidden": 1,
    }
    inventory = Inventory(variables, ["hidden"], [], READING)
    assert inventory.reason(start)
    assert set(inventory.take(["event_log_"]).secret) == {"event_log_a", "event_log_b", "event_log_c"}


@pytest.mark.parametrize(
    "value",
    [Encrypted(), {"a": [Encrypted()]}, "{{ vault['x'] }}", ["{% if far %}x{% endif %}"], "{{ lookup('file', '/p') }}",
     "{{ hostvars['other'].x }}", {"user": "x", "password": "y"}, {"a": [{"db_token": "y"}]}],
)  # fmt: skip
def test_secrets_and_what_is_made_of_them_are_known(value: Any) -> None:
    reading = Reading(is_template=lambda text: "{" in text, is_encrypted=READING.is_encrypted)
    variables = {"event_log_a": value, "vault": {"x": 1, "y": 2}, "far": "{{ vault }}"}
    result = Inventory(variables, ["vault"], [], reading).take(["event_log_"])
    assert set(result.secret) == {"event_log_a"}
    assert "vault" not in result.clear


def test_a_name_that_says_secret_is_believed_and_so_is_a_declaration() -> None:
    variables = {"event_log_capture_password": "clear", "event_stack_salt": "x", "event_log_secrets_dir": "/s"}
    result = taken(variables, declared=["event_stack_salt"])
    assert set(result.secret) == {"event_log_capture_password", "event_stack_salt"}
    assert result.clear == {"event_log_secrets_dir"}


MASK = "column.mask.hash.v2.SHA-256.with.salt.s4lt-XyZ"


@pytest.mark.parametrize(
    "value",
    [{"config": {MASK: "openmrs.person"}}, {"schema.history.internal.producer.sasl.jaas.config": "x"},
     {"vault_api_key": "x"}, {"a": [{"ssl.keystore_key": "x"}]}, "https://person:word-3XyZ@proxy.example:3128",
     ["jdbc:mysql://db.example/openmrs?user=a&password=word"], {"a": 'login required username="a" password="b";'},
     {"mask_salt": "x"}],
)  # fmt: skip
def test_what_no_output_shows_of_a_connector_is_a_secret_here_too(value: Any) -> None:
    result = taken({"event_log_overrides": value})
    assert (set(result.secret), result.clear) == ({"event_log_overrides"}, frozenset())
    assert "XyZ" not in str(result.secret)


@pytest.mark.parametrize(
    "value",
    ["http://127.0.0.1:8083", {"event_log_secrets_dir": "/s"}, {"snapshot.mode": "initial", "password.check": False},
     "x\n" * 9000, {"database.password.file": "/run/secrets/x"}],
)  # fmt: skip
def test_what_only_speaks_of_secrets_stays_readable(value: Any) -> None:
    assert taken({"event_log_a": value}).clear == {"event_log_a"}


def test_the_way_to_the_server_stays_at_home() -> None:
    variables = {
        "event_log_a": "{{ ansible_user }} {{ inventory_hostname }} {{ zone }}",
        "ansible_user": "u",
        "zone": 1,
    }
    assert taken(variables).clear == {"event_log_a", "zone"}


def test_text_that_is_no_template_refers_to_nothing() -> None:
    assert taken({"event_log_a": "vault", "vault": 1}, ["vault"]).clear == {"event_log_a"}
    assert names_in("no {braces}") == set()


def test_a_broken_template_is_an_error_in_words() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        names_in("{{ a b }}")


def test_the_options_that_are_kept_out_of_logs_are_the_declared_ones() -> None:
    specification = {"argument_specs": {"main": {"options": {"a": {"no_log": True}, "b": {}}}, "other": {}}}
    assert secret_options(specification) == {"a"}
