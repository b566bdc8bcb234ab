# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the capture account's module returns. Pure, and without a secret: of a password it only says whether it fits."""

from __future__ import annotations

from typing import Any

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account as plans
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account import Account, Desired, Plan
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_account_sql import granted
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import describe_finding
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server

_PASSWORDS = {plans.FINE: "as wanted", plans.LOCKED: "as wanted", plans.EXPIRED: "expired"}


def report(server: Server, plan: Plan, current: Account, desired: Desired) -> dict[str, Any]:
    """The module's result."""
    return {
        "changed": bool(plan.actions),
        "account": desired.account,
        "actions": list(plan.actions),
        "grants": list(granted(server, desired)) if desired.present else [],
        "surplus": [plans.describe_grant(entry) for entry in plan.surplus],
        "findings": [describe_finding(finding) for finding in plan.findings],
        "diff": {"before": _before(current, desired), "after": _after(server, plan, current, desired)},
    }


def _before(current: Account, desired: Desired) -> dict[str, Any]:
    if not current.exists:
        return {"account": desired.account, "state": "absent"}
    return {
        "account": desired.account,
        "state": "present",
        "password": _PASSWORDS.get(current.login, "another") if desired.present else "not looked at",
        "locked": current.locked or current.login == plans.LOCKED,
        "password_expires": current.expires or current.login == plans.EXPIRED,
        "require_tls": current.tls_required,
        "grants": [plans.describe_grant(entry) for entry in current.grants.entries if not entry.revoked],
    }


def _after(server: Server, plan: Plan, current: Account, desired: Desired) -> dict[str, Any]:
    before = _before(current, desired)
    if not plan.actions:
        return before
    if not desired.present:
        return {"account": desired.account, "state": "absent"}
    gone = [plans.describe_grant(entry) for entry in plan.revokes]
    added = [f"{', '.join(right.privileges)} ON {right.database}.{right.table}" for right in plan.grants]
    tls = current.tls_required if desired.require_tls is None else desired.require_tls
    return {
        "account": desired.account,
        "state": "present",
        "password": "as wanted",
        "locked": False,
        "password_expires": False,
        "require_tls": tls,
        "grants": [*(line for line in before.get("grants", []) if line not in gone), *added],
    }
