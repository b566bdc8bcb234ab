# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a configuration out of what Ansible prints and logs, and the connection that options describe."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.openmrs.event_log.plugins.module_utils import _argspec as subject


class Module:
    """What a veil needs of AnsibleModule."""

    def __init__(self, **params: Any) -> None:
        self.params: Dict[str, Any] = {"config": None, "url_password": None, **params}
        # As Ansible leaves it behind: every value of every no_log option.
        self.no_log_values = {"1", "true", "openmrs", "pw-123456"}


def test_nothing_of_a_configuration_is_shown_until_it_is_known_what_may_be() -> None:
    module = Module(config={"a": "1", "database.password": "pw-123456"}, url_password="login-word")
    veil = subject.ConfigVeil(module)
    assert veil.config == {"a": "1", "database.password": "pw-123456"}
    assert module.params["config"] == {"2 properties": "<redacted>"}
    assert module.no_log_values == {"login-word"}, "ordinary values blank out the rest of the output"
    veil(frozenset({"pw-123456"}), None)
    assert module.params["config"] == {"2 properties": "<redacted>"}
    assert module.no_log_values == {"login-word", "pw-123456"}
    veil(frozenset({"pw-123456"}), {"a": "1", "database.password": "<redacted>"})
    assert module.params["config"] == {"a": "1", "database.password": "<redacted>"}


def test_a_missing_configuration_stays_missing() -> None:
    module = Module()
    veil = subject.ConfigVeil(module)
    veil(frozenset(), {})
    assert (veil.config, module.params["config"]) == (None, None)


def test_the_connection_is_what_the_options_say() -> None:
    params = {option: details.get("default") for option, details in subject.connect_options().items()}
    made = subject.connection({**params, "url": "https://h", "url_username": "u", "url_password": "p", "timeout": 7})
    assert (made.url, made.username, made.password, made.timeout) == ("https://h", "u", "p", 7.0)
    assert made.validate_certs is True


def test_values_that_are_hidden_but_for_those_too_short() -> None:
    module = Module()
    subject.hide_values(module)(frozenset({"coins-1234", "short"}))
    assert module.no_log_values == {"1", "true", "openmrs", "pw-123456", "coins-1234"}
