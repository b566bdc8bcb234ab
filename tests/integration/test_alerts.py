# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules under promtool: each fires for its fault and for nothing that is well."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs/examples/event-log-alerts.yml"
ALERTS = [rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]]
MINUTES = 2000
#: Everything well; promtool's clock begins at 0, so that moments are minutes of the test: 0+60xN is "now".
WELL = {
    **{f'event_log_verdict{{verdict="{one}"}}': f"0x{MINUTES}" for one in ("busy", "held", "ill", "down")},
    'event_log_verdict{verdict="ok"}': f"1x{MINUTES}",
    'event_log_connector_running{connector="openmrs-connector"}': f"1x{MINUTES}",
    "event_log_heartbeat_timestamp_seconds": f"0+60x{MINUTES}",
    "event_log_binlog_oldest_timestamp_seconds": f"-1209600x{MINUTES}",
    "event_log_disk_days": f"90x{MINUTES}",
    'event_log_disk_bytes{what="free"}': f"50x{MINUTES}",
    'event_log_disk_bytes{what="size"}': f"100x{MINUTES}",
    "event_log_gaps": f"0x{MINUTES}",
    "event_log_guard_timestamp_seconds": f"0+60x{MINUTES}",
}
#: What is otherwise, which alerts that makes, and after how many minutes at the earliest and at the latest.
FAULTS: list[tuple[dict[str, str], list[str], int, int]] = [
    ({'event_log_verdict{verdict="down"}': f"1x{MINUTES}"}, ["EventLogDown"], 9, 11),
    ({'event_log_verdict{verdict="ill"}': f"1x{MINUTES}"}, ["EventLogIll"], 14, 16),
    ({'event_log_verdict{verdict="held"}': f"1x{MINUTES}"}, ["EventLogHeld"], 1439, 1441),
    (
        {'event_log_connector_running{connector="openmrs-connector"}': f"0x{MINUTES}"},
        ["EventLogConnectorStopped"],
        14,
        16,
    ),
    ({"event_log_heartbeat_timestamp_seconds": f"0x{MINUTES}"}, ["EventLogBehind"], 19, 22),
    (
        {
            "event_log_heartbeat_timestamp_seconds": f"0x{MINUTES}",
            "event_log_binlog_oldest_timestamp_seconds": f"-7200x{MINUTES}",
        },
        ["EventLogBehind", "EventLogBinlogRunsOut"],
        128,
        132,
    ),
    ({"event_log_disk_days": f"13.5x{MINUTES}"}, ["EventLogDiskFillsUp"], 359, 361),
    ({'event_log_disk_bytes{what="free"}': f"4x{MINUTES}"}, ["EventLogDiskFull"], 4, 6),
    ({"event_log_gaps": f"1x{MINUTES}"}, ["EventLogGap"], -1, 1),
    ({"event_log_guard_timestamp_seconds": f"0x{MINUTES}"}, ["EventLogGuardSilent"], 19, 22),
]


def promtool(folder: Path, cases: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("promtool") or pytest.skip("no promtool here (Debian package prometheus)")
    tests = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}
    (folder / "tests.yml").write_text(yaml.safe_dump(tests))
    command = [tool, "test", "rules", str(folder / "tests.yml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def case(series: dict[str, str], alert: str, minute: int, fires: bool) -> dict[str, Any]:
    """Whether an alert is on at a minute."""
    count = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": count, "eval_time": f"{minute}m", "exp_samples": samples}],
    }


def test_every_alert_is_provoked_below() -> None:
    assert sorted({alert for _, alerts, _, _ in FAULTS for alert in alerts}) == sorted(ALERTS)


def test_prometheus_takes_the_rules() -> None:
    tool = shutil.which("promtool") or pytest.skip("no promtool here (Debian package prometheus)")
    done = subprocess.run([tool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


@pytest.mark.parametrize(("changed", "alerts", "before", "after"), FAULTS, ids=[fault[1][-1] for fault in FAULTS])
def test_an_alert_fires_in_its_time_and_no_other_does(
    tmp_path: Path, changed: dict[str, str], alerts: list[str], before: int, after: int
) -> None:
    series = {**WELL, **changed}
    cases = [case(series, alert, after, alert in alerts) for alert in ALERTS]
    if before >= 0:
        cases.append(case(series, alerts[-1], before, False))
    done = promtool(tmp_path, cases)
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_all_is_well_none_fires(tmp_path: Path) -> None:
    done = promtool(tmp_path, [case(WELL, alert, MINUTES - 1, False) for alert in ALERTS])
    assert done.returncode == 0, done.stdout + done.stderr
