# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that hold for every configuration: a second call has nothing to do, and nothing secret is ever told."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple
from urllib.parse import quote

from ansible_collections.openmrs.event_log.plugins.module_utils._connect_api import ConnectApi, Deadline
from ansible_collections.openmrs.event_log.plugins.module_utils._connect_run import ConnectorRun, Order
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import BadAnswerError, EventLogError, PlanError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.fake_connect import FakeConnect
from tests.unit.plugins.module_utils.scripted_http import FakeClock

KEYS = st.text("abcxyz.-_", min_size=1, max_size=12).filter(lambda key: key not in ("name", "connector.class"))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20).filter(lambda text: not text.startswith("***") and "hidden" not in text.lower()),
    st.sampled_from(["${file:/run/secrets/x:y}", "true", "1", " 1", "1.0"]),
)
CONFIGS = st.dictionaries(KEYS, SCALARS, max_size=8).map(lambda config: {"connector.class": "C", **config})
STATES = st.sampled_from(
    [None, "RUNNING RUNNING", "RUNNING FAILED", "FAILED RUNNING", "FAILED FAILED", "PAUSED PAUSED", "PAUSED FAILED",
     "STOPPED", "RUNNING RUNNING FAILED", "FAILED/PAUSED PAUSED", "FAILED/PAUSED FAILED"]
)  # fmt: skip
WANTED = st.sampled_from(["running", "paused", "stopped", "present", "absent"])
# No common words, so that a secret found in the output is one that leaked; awkward ones for JSON, HTML and URLs.
SECRETS = st.builds("Zq{}{}".format, st.text("qZ7\"\\<&%ä'/ ", min_size=3, max_size=12), st.integers(1000, 9999))
ADDRESSES: Dict[str, Callable[[str], str]] = {
    "connection.url": lambda secret: f"jdbc:x://u:{secret}@h",
    "schema.history.internal.jdbc.url": lambda secret: f"jdbc:x://h/d?user=u&password={quote(secret, safe='')}",
}
SECRET_KEYS = [
    "vault.secret.id",
    "database.password",
    "sasl.jaas.config",
    "wallet",
    "my.patient.key",
    "x.api.key",
    *ADDRESSES,
]
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Told:
    """One call, and everything that leaves it."""

    def __init__(self, fake: FakeConnect, **options: Any) -> None:
        self.hidden: FrozenSet[str] = frozenset()
        self.shown: List[Optional[Mapping[str, str]]] = []
        order = Order("n", **{"sensitive_keys": ("patient",), **options})
        api = ConnectApi(fake, Deadline(FakeClock(), order.wait_timeout))  # type: ignore[arg-type]
        run = ConnectorRun(order, api, self._veil)
        self.error: Optional[EventLogError] = None
        try:
            self.result = run.execute()
        except EventLogError as error:
            self.error = error
            self.result = run.failure(error)

    def _veil(self, values: FrozenSet[str], shown: Optional[Mapping[str, str]]) -> None:
        self.hidden = values
        self.shown.append(shown)

    def everything(self) -> str:
        return json.dumps([self.result, self.shown], ensure_ascii=False)


def fake_with(config: Dict[str, Any], states: Optional[str]) -> FakeConnect:
    fake = FakeConnect(("wallet",))
    if states is not None:
        fake.register("n", {key: str(value) for key, value in config.items()}, states)
    fake.register("foreign", {"connector.class": "C"}, "RUNNING FAILED")
    return fake


@quick
@given(before=CONFIGS, after=CONFIGS, states=STATES, wanted=WANTED, heal=st.booleans(), restart=st.booleans())
def test_the_plan_after_the_plan_is_empty(
    *, before: Dict[str, Any], after: Dict[str, Any], states: Optional[str], wanted: str, heal: bool, restart: bool
) -> None:
    fake = fake_with(before, states)
    foreign = dict(fake.connectors["foreign"])
    options = {"state": wanted, "config": after, "restart_failed": heal}
    planned = Told(fake, check_mode=True, restart=restart, **options)
    assert fake.writes == [], "check mode wrote"
    first = Told(fake, restart=restart, **options)
    if isinstance(first.error, PlanError):
        assert fake.writes == [], "refused, and yet written"
    assume(first.error is None)
    assert planned.result["actions"] == first.result["actions"], "check mode told another story"
    assert planned.result["diff"] == first.result["diff"]
    fake.requests.clear()
    second = Told(fake, **options)
    assert second.error is None
    assert (second.result["changed"], second.result["actions"]) == (False, [])
    assert second.result["diff"]["before"] == second.result["diff"]["after"]
    assert len(fake.requests) <= 3
    assert fake.connectors["foreign"] == foreign, "a foreign connector was touched"


def leaks(secret: str, text: str) -> bool:
    return any(
        form in text for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    )


@quick
@given(
    config=CONFIGS,
    old=st.lists(st.tuples(st.sampled_from(SECRET_KEYS), SECRETS), max_size=3),
    new=st.lists(st.tuples(st.sampled_from(SECRET_KEYS), SECRETS), min_size=1, max_size=3),
    salts=st.lists(SECRETS, max_size=2),
    states=STATES,
    wanted=WANTED,
    check=st.booleans(),
    invalid=st.booleans(),
)
def test_no_secret_is_ever_told(
    *,
    config: Dict[str, Any],
    old: List[Tuple[str, str]],
    new: List[Tuple[str, str]],
    salts: List[str],
    states: Optional[str],
    wanted: str,
    check: bool,
    invalid: bool,
) -> None:
    def with_secrets(pairs: List[Tuple[str, str]]) -> Dict[str, Any]:
        return {**config, **{key: ADDRESSES[key](word) if key in ADDRESSES else word for key, word in pairs}}

    def in_use(pairs: List[Tuple[str, str]]) -> List[str]:
        """Return what is secret in a configuration: the values, and the words within the addresses."""
        held = with_secrets(pairs)
        return [str(held[key]) for key, _ in pairs] + [word for key, word in dict(pairs).items() if key in ADDRESSES]

    salted = {f"column.mask.hash.v2.SHA-256.with.salt.{salt}": "t.c" for salt in salts}
    before, after = with_secrets(old), {**with_secrets(new), **salted}
    secrets = in_use(new) + (in_use(old) if states else []) + salts
    fake = fake_with(before, states)
    fake.trace = "java.lang.Error: " + " and ".join(secrets)
    if invalid:
        fake.findings = {key: f"Invalid value {after[key]} for configuration {key}: no" for key, _ in new}
    told = Told(fake, state=wanted, config=after, check_mode=check, restart_failed=not invalid)
    for secret in secrets:
        if wanted != "absent" or secret not in in_use(new) + salts:
            assert not leaks(secret, told.everything()), secret
            assert secret in told.hidden


@quick
@given(config=CONFIGS, secret=SECRETS, word=st.sampled_from(["Zq", "out", "reach"]))
def test_no_secret_is_told_where_the_worker_cannot_be_asked(config: Dict[str, Any], secret: str, word: str) -> None:
    class Gone(FakeConnect):
        def send(self, method: str, path: str, body: Optional[bytes] = None, timeout: Optional[float] = None) -> Any:
            raise BadAnswerError(f"{word}: {secret}", method, path, 200, secret)

    told = Told(Gone(), config={**config, "database.password": secret, "wallet": "coins-" + secret})
    assert told.error is not None
    assert not leaks(secret, told.everything())
    assert told.shown == [None]
