# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of Kafka Connect means: its content, or a typed error. Pure: nothing of Ansible.

Workers tell a rebalance from a real conflict, and what may be tried again, by their words only.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    AlreadyExistsError,
    ApiError,
    BadAnswerError,
    BusyError,
    NotFoundError,
    RequestError,
    TimedOutError,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Response

# What Jetty 12, which Connect has had since 4.0, says of a path in which such a character stands encoded.
_REFUSED_PATH = re.compile(r"(Ambiguous URI|Suspicious Path)[ A-Za-z]*", re.IGNORECASE)

# "Failed to find any class that implements Connector and which name matches X, available connectors are: PluginDesc{…"
_UNKNOWN_CLASS = re.compile(r".{0,200}?(Failed to find any class .{0,500}?), available \w+ are:?", re.DOTALL)
# The last is of a worker that could not pass a request on to its leader, which has died or is leaving.
_UNCLEAR = ("request timed out", "timed out while", "io error trying to forward rest request")
_PLUGIN = re.compile(r"name='([^']+)'")


def content_of(method: str, url: str, response: Response) -> Any:
    """Return the content of a good answer; everything else becomes an error that says what came instead."""
    status, text = response.status, response.text()
    try:
        content = json.loads(text) if text.strip() else None
    except ValueError:
        content, is_json = None, False
    else:
        is_json = True
    if 200 <= status < 300 and is_json:
        return content
    said = str(content["message"]) if isinstance(content, dict) and content.get("message") else None
    # Connect's own words name what is not found. These are the server's below it, which begins to answer while the
    # worker is still starting: taken for Connect's, they would say that no connector is registered.
    if status == 404 and (said or text).strip().lower() in ("", "not found"):
        words = "not found, as of a worker that has just begun to start; or does its interface not begin at url?"
        raise BusyError(_sentence(method, url, status, words), method, url, status, text)
    if said is not None or status in (401, 403, 503):  # what a login filter or a server in front says is no JSON
        raise _api_error(method, url, status, said if said is not None else text)
    # The rest of a configuration, cut off somewhere, before anybody knows what is secret in it: not shown.
    kept = text if is_json or not 200 <= status < 300 or _is_page(response) else None
    raise BadAnswerError(_sentence(method, url, status, _what_came(response, is_json)), method, url, status, kept)


def _sentence(method: str, url: str, status: int, words: str) -> str:
    return f"{method} {url}: status {status}: {words}"


def _what_came(response: Response, is_json: bool) -> str:
    refused = _REFUSED_PATH.search(response.text()) if response.status == 400 else None
    if refused:
        return f"the worker takes no name with / \\ or % in it, as Connect 4 and later do not ({refused.group()})"
    if 300 <= response.status < 400:
        return "a redirect to %s; is there a proxy or a login page between?" % (response.location or "nowhere")
    if _is_page(response):
        return "a web page instead of JSON; is there a proxy between, or another service at this address?"
    return "an answer that is not Kafka Connect's" if is_json else "broken JSON"


def _is_page(response: Response) -> bool:
    return "html" in response.content_type.lower() or response.text().lstrip()[:1] == "<"


def _api_error(method: str, url: str, status: int, words: str) -> RequestError:
    """Tell what is transient from what is not, by the worker's own words."""
    low = words.lower()
    kind, said = ApiError, _in_short(words)
    if status == 401:
        said = f"the worker does not accept the login; are url_username and url_password right? ({said.strip()})"
    elif status == 404 and low.startswith("http 404"):  # the answer to a path that the worker does not have
        said += "; does the worker's REST interface begin at url, and is the worker new enough?"
    elif status == 404:
        kind = NotFoundError
    elif status == 409 and "already exists" in low:
        kind = AlreadyExistsError
    elif _busy(status, low):
        kind = BusyError
    elif status == 503 or (status == 500 and low.startswith(_UNCLEAR)):
        kind = TimedOutError
    error = kind(_sentence(method, url, status, said), method, url, status, words)
    error.quoted = (said,)
    return error


def _in_short(words: str) -> str:
    """Return what a worker says, without the page that it writes about each plugin that it does have."""
    unknown = _UNKNOWN_CLASS.match(words)
    if unknown:
        have = ", ".join(dict.fromkeys(_PLUGIN.findall(words[unknown.end() :])))
        words = f"{unknown.group(1)}; this worker has {have or 'none'}"
    return words if len(words) < 2000 else words[:2000] + " [...]"


def _busy(status: int, low: str) -> bool:
    """Return whether the worker says that it did nothing, and may do it in a moment."""
    if status == 409:
        return any(word in low for word in ("rebalanc", "momentarily", "conflicting operation"))
    if status == 500:
        # The last two: offsets of tasks that have not stopped everywhere yet.
        return any(word in low for word in ("rebalance is expected", "stopped completely yet", "zombie fencing"))
    # What one worker shows as stopped another may not have heard of yet.
    return status == 400 and "must be in the stopped state" in low
