# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret, and that nothing shows it."""

from __future__ import annotations

import html
import json
from typing import Dict
from urllib.parse import quote

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _redact as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import CHANGED, REDACTED, Secrets

AWKWARD = 'pa"ss\\w<rd&1'
SALTED = "column.mask.hash.v2.SHA-256.with.salt."


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("database.password", True), ("database.ssl.keystore.password", True), ("sasl.jaas.config", True),
        ("producer.override.sasl.jaas.config", True), ("aws.secret.access.key", True), ("api.key", True),
        ("basic.auth.user.info", True), ("DATABASE.PASSWORD", True), ("auth.token", True), ("ssl.keystore.key", True),
        ("db.credentials", True), ("ssl.key.passphrase", True), ("vault.secret.id", True), ("secret_id", True),
        ("aws.access.key.id", False), ("transaction.id", False),
        ("tasks.max", False), ("database.user", False), ("key.converter", False), ("snapshot.mode", False),
        ("database.password.file", False), ("credentials.provider.class", False), ("secret.enabled", False),
        ("sasl.oauthbearer.token.endpoint.url", False), ("message.key.columns", False), ("tombstones.on.delete", False),
    ],
)  # fmt: skip
def test_usual_names(key: str, secret: bool) -> None:
    assert Secrets().key_is_secret(key) is secret


def test_declared_keys_and_the_users_patterns() -> None:
    secrets = Secrets(frozenset({"wallet"}), subject.compile_patterns(["patient", "^exact$"]))
    assert [key for key in ("wallet", "a.PATIENT.b", "exact", "inexact", "other") if secrets.key_is_secret(key)] == [
        "wallet",
        "a.PATIENT.b",
        "exact",
    ]


def test_a_broken_pattern_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"sensitive_keys: '\(' is not a regular expression"):
        subject.compile_patterns(["("])


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("word-of-pass", True), ("1", True), ("", False), ("${file:/a:b}", False), ("${env:A}", False),
        ("${file:/a:b}${file:/a:c}", False), ("x${file:/a:b}", True), ("${file:/a:b} ", True), ("********", False),
        ("[hidden]", False), ("${x}", True), ("true", False),
    ],
)  # fmt: skip
def test_what_a_secret_key_holds(value: str, held: bool) -> None:
    assert Secrets().holds_secret("database.password", value) is held


def test_a_login_in_an_address_is_a_secret_whatever_the_key() -> None:
    assert Secrets().holds_secret("connection.url", "jdbc:mysql://root:pw123456@db/openmrs")
    assert not Secrets().holds_secret("connection.url", "jdbc:mysql://db:3306/openmrs")


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("jdbc:mysql://h/db?user=x&password=hunter2secret", "hunter2secret"),
        ("jdbc:mysql://h/db?useSSL=true&trustCertificateKeyStorePassword=hunter2secret&x=1", "hunter2secret"),
        ("jdbc:sqlserver://h;user=x;PWD=hunter2secret;y=1", "hunter2secret"),
        ("jdbc:mysql://address=(host=h)(user=x)(password=hunter2secret)/db", "hunter2secret"),
        ("https://h/hook?access_token=hunter2secret", "hunter2secret"),
        ("mysql://root:hunter/2secret@db/openmrs", "hunter/2secret"),
        ("mysql://root:hunter%2F2secret@db/openmrs", "hunter/2secret"),
        ("mysql://root:hunter2 secret@db/openmrs", "hunter2 secret"),
    ],
)
@pytest.mark.parametrize("key", ["connection.url", "schema.history.internal.jdbc.url", "other"])
def test_a_login_in_an_address_is_never_told(key: str, address: str, word: str) -> None:
    secrets = Secrets().knowing(*Secrets().found_in({key: address}))
    assert secrets.config_shown({key: address}) == {key: REDACTED}
    assert word not in secrets.scrub(f"Access denied with {word} at {address}")


@pytest.mark.parametrize(
    "address",
    [
        "jdbc:mysql://h/db?user=x&password=${file:/run/secrets/x:password}",
        "mysql://root:${file:/run/secrets/x:password}@db/openmrs",
        "jdbc:mysql://h:3306/db?user=x&useSSL=true",
        "jdbc:mysql://h/db?password=",
    ],
)
def test_an_address_without_a_secret_is_shown(address: str) -> None:
    assert Secrets().config_shown({"connection.url": address}) == {"connection.url": address}


def test_values_and_salts_are_found() -> None:
    config = {"database.password": "pw-123456", SALTED + "CzQMA0cB5K": "t.c", "tasks.max": "1", "x": "${file:/a:b}"}
    assert Secrets().found_in(config) == {"pw-123456", "CzQMA0cB5K"}


def test_shown_before_and_after() -> None:
    secrets = Secrets()
    before = {
        "database.password": "old-word",
        "same.secret": "equal-word",
        "tasks.max": "1",
        "ref.password": "${f:a:b}",
    }
    after = {"database.password": "new-word", "same.secret": "equal-word", "tasks.max": "2", "ref.password": "${f:a:c}"}
    assert secrets.config_shown(before)["database.password"] == REDACTED
    assert secrets.config_shown(after, before) == {
        "database.password": CHANGED,
        "ref.password": "${f:a:c}",
        "same.secret": REDACTED,
        "tasks.max": "2",
    }


@pytest.mark.parametrize(("old", "shown"), [(None, REDACTED), ("********", REDACTED), ("${f:a:b}", CHANGED)])
def test_shown_where_there_was_nothing_a_mask_or_a_reference(old: str, shown: str) -> None:
    before: Dict[str, str] = {} if old is None else {"database.password": old}
    assert Secrets().config_shown({"database.password": "new-word"}, before) == {"database.password": shown}


def test_a_changed_salt_is_seen_as_a_change_and_two_salts_stay_two_lines() -> None:
    before, after = {SALTED + "first-salt": "a"}, {SALTED + "other-salt": "a", SALTED + "third-salt": "b"}
    assert Secrets().config_shown(before) == {SALTED + REDACTED: "a"}
    assert Secrets().config_shown(after, before) == {SALTED + CHANGED: "a", SALTED + CHANGED + " #2": "b"}
    assert Secrets().config_shown(before, before) == {SALTED + REDACTED: "a"}


def test_a_secret_inside_another_value_or_key_is_hidden_there_too() -> None:
    secrets = Secrets().knowing("pw-123456")
    assert secrets.config_shown({"connection.url": "jdbc:x?p=pw-123456"}) == {"connection.url": f"jdbc:x?p={REDACTED}"}


@pytest.mark.parametrize(
    "said",
    [
        "Access denied: " + AWKWARD,
        json.dumps({"message": AWKWARD}),
        html.escape(AWKWARD),
        "http://x/?p=" + quote(AWKWARD),
    ],
)
def test_scrubbed_however_the_server_writes_it(said: str) -> None:
    shown = Secrets().knowing(AWKWARD).scrub(said)
    assert REDACTED in shown
    assert "rd&1" not in shown
    assert "rd&amp;1" not in shown
    assert "rd%261" not in shown


def test_resolved_values_in_validation_errors_are_scrubbed() -> None:
    said = "Invalid value s3cret from file for configuration database.password: too short; " + (
        "Invalid value 3306x for configuration database.port: Not a number"
    )
    shown = Secrets().scrub(said)
    assert "s3cret" not in shown
    assert "Invalid value 3306x for configuration database.port" in shown


@pytest.mark.parametrize(
    "said",
    [
        "jdbc:mysql://db/?user=u&password=abc123&x=1",
        'password="abc123"',
        '{"password": "abc123"}',
        json.dumps({"sasl.jaas.config": 'Plain required username="u" password="abc123";'}),
        json.dumps(json.dumps({"password": "abc123"})),
    ],
)
def test_assignments_are_scrubbed(said: str) -> None:
    assert "abc123" not in Secrets().scrub(said)


def test_words_about_a_password_stay() -> None:
    said = "database.password: A value is required. The password is missing."
    assert Secrets().scrub(said) == said


def test_a_trace_of_5_mb_is_short_and_clean_in_no_time() -> None:
    trace = (
        "java.lang.Error: pw-123456\n" + "\tat a.b.c(D.java:1) pw-123456 Invalid value\n" * 120000 + "Caused by: end"
    )
    assert len(trace) > 5_000_000
    shown = Secrets().knowing("pw-123456").scrub(trace)
    assert len(shown) < 9000
    assert "pw-123456" not in shown
    assert shown.startswith("java.lang.Error: <redacted>")
    assert shown.endswith("Caused by: end")
    assert "characters left out" in shown


def test_short_secrets_and_salts_are_refused() -> None:
    config = {"database.password": "12345", "api.key": "123456", SALTED + "abc": "t.c", "x.password": "${f:a:b}"}
    told = Secrets().too_short(config)
    assert len(told) == 2
    assert told[0].startswith(SALTED + REDACTED + ": a salt of fewer than 6")
    assert told[1].startswith("database.password: a secret of fewer than 6 characters")
    assert "12345" not in " ".join(told)
