# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site that is broken, as a playbook finds it: a home with what site.yml writes there, and an inventory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict

from event_log.settings import ENVIRONMENT_VARIABLE

from tests.helpers.fault_site import CAPTURE, DATABASE_PORT, LOGIN, PREFIX, SIGNALS, STACK, TABLES, Site
from tests.helpers.playbooks import Outcome, play_all
from tests.helpers.worker_rig import images
from tests.helpers.workers import UID


class Home:
    """One connector of the site and the files that playbooks read about it."""

    def __init__(self, site: Site, name: str, directory: Path) -> None:
        self.directory = directory
        self.guard = directory / "data" / "guard"
        self.site, self.name = site, name
        self.home = home = directory / "home"
        for part in ("config", "secrets/command"):
            (home / part).mkdir(parents=True)
        for parent in [directory, *directory.parents][:3]:  # the tool's user must get through pytest's directories
            parent.chmod(parent.stat().st_mode | 0o011)
        settings = {
            "image": images()["event log"], "bootstrap": STACK.bootstrap, "data_dir": str(site.root / "broker" / "log"),
            "project": PREFIX.rstrip("-"), "uid": UID, "gid": UID, "database": "openmrs", "topic_prefix": name,
            "progress_dir": str(directory / "progress"),
        }  # fmt: skip
        address = f"127.0.0.1:{DATABASE_PORT}"
        source = {"address": address, "version": "8.0.12", "flavour": "mysql", "signal_table": SIGNALS.name}
        (home / "config/event-log.json").write_text(json.dumps(settings), encoding="utf-8")
        (home / "config/source.json").write_text(json.dumps(source), encoding="utf-8")
        (home / "secrets/connect_password").write_text(LOGIN[1], encoding="utf-8")
        (home / "secrets/command/client.properties").write_text("security.protocol=PLAINTEXT\n", encoding="utf-8")
        (directory / "capture").write_text(CAPTURE[1], encoding="utf-8")
        self._variables: Dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "event_log_site": "broken",
            "event_log_home": str(home),
            "event_log_data_dir": str(directory / "data"),
            "event_log_connector_name": name,
            "event_log_topic_prefix": name,
            "event_log_connect_url": f"http://127.0.0.1:{STACK.connect_port}",
            "event_log_connect_user": LOGIN[0],
            "event_log_database_port": DATABASE_PORT,
            "event_log_capture_user": CAPTURE[0],
            "event_log_capture_password": f"{{{{ lookup('ansible.builtin.file', '{directory / 'capture'}') }}}}",
            "event_log_tables": list(TABLES),
        }

    def guarded(self, interval: int) -> Dict[str, str]:
        """Write what the guard of a host goes by too; the environment in which it and the host command find that."""
        config = self.home / "config"
        capture = {
            "connector": self.name, "topic_prefix": self.name, "host": "127.0.0.1", "port": DATABASE_PORT,
            "user": CAPTURE[0], "password_file": str(self.site.root / "secrets" / "database.properties"),
            "ssl_mode": "preferred",
        }  # fmt: skip
        for name, more in (("event-log.json", {"guarded": True}), ("source.json", {"capture": capture})):
            known = json.loads((config / name).read_text(encoding="utf-8"))
            (config / name).write_text(json.dumps({**known, **more}), encoding="utf-8")
        chosen = {"directory": str(self.guard), "interval": interval}
        (config / "guard.json").write_text(json.dumps(chosen), encoding="utf-8")
        return {ENVIRONMENT_VARIABLE: str(config / "event-log.json")}

    def play(self, playbook: str, *words: str) -> Outcome:
        """Run one of the collection's playbooks for the site."""
        return play_all(
            self.directory / "run", {"broken": self._variables}, *words, playbook=f"openmrs.event_log.{playbook}"
        )
