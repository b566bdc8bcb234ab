# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that were seen of real workers, and what they mean."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import ApiError, BadAnswerError, BusyError

from tests.unit.plugins.module_utils.connect_answers import INFO, api_of
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer


def test_a_worker_that_is_starting_knows_of_no_connector_and_is_waited_for(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    """Seen of Connect 4.3 and 3.9: 404 from the server below, before Connect has hung its paths into it."""
    jetty = b'{"url":"/connectors/n","status":"404","message":"Not Found"}'
    worker.expect("GET", INFO, raw=jetty, status=404, content_type="application/json")
    worker.expect("GET", INFO, raw=b"", status=404, content_type="application/json")
    worker.expect("GET", INFO, {"config": {"a": "b"}, "type": "source"})
    found = api_of(worker, clock).connector("n")
    assert found is not None and found.config == {"a": "b"}
    assert clock.pauses == 2


def test_who_always_answers_404_is_told_at_the_deadline(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, raw=b"", status=404, content_type="text/plain")
    with pytest.raises(BusyError, match="begun to start; or does its interface not begin at url"):
        api_of(worker, clock, seconds=0).connector("n")


def test_a_name_that_the_server_below_does_not_take(worker: ScriptedServer, clock: FakeClock) -> None:
    page = b"<html><title>Error 400 Ambiguous URI path separator</title></html>"
    worker.expect("GET", "/connectors/a%2Fb", raw=page, status=400, content_type="text/html")
    with pytest.raises(BadAnswerError, match=r"takes no name with / \\ or % .*\(Ambiguous URI path separator\)"):
        api_of(worker, clock).connector("a/b")


def test_an_unknown_class_is_told_in_short(worker: ScriptedServer, clock: FakeClock) -> None:
    desc = "PluginDesc{klass=class org.A, name='org.A', version='1', location='classpath'}, PluginDesc{name='org.B'}"
    words = "Failed to find any class that implements Connector and which name matches X, available connectors are: "
    worker.fails("PUT", "/connectors/n/config", 500, "org.apache.ConnectException: " + words + desc)
    with pytest.raises(ApiError, match=r"status 500: Failed to find .* matches X; this worker has org.A, org.B$"):
        api_of(worker, clock).update("n", {})


CUT = b'{"name": "n", "config": {"wallet": "coins-123456", "sasl.jaas.config": "P password=\\"pw-123456\\";'


def test_half_a_configuration_is_not_shown(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, raw=CUT, content_type="application/json")
    with pytest.raises(BadAnswerError, match=r"status 200: broken JSON$") as caught:
        api_of(worker, clock).connector("n")
    assert "123456" not in str(caught.value.details())


def test_nor_is_one_in_another_form(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, {"wallet": "coins-123456"})
    with pytest.raises(BadAnswerError, match="expected an object with config in the answer") as caught:
        api_of(worker, clock).connector("n")
    assert "123456" not in str(caught.value.details())


def test_a_web_page_is_shown(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, raw=b"<html>Log in", content_type="text/html")
    with pytest.raises(BadAnswerError, match="a web page instead of JSON") as caught:
        api_of(worker, clock).connector("n")
    assert caught.value.response == "<html>Log in"
