# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foresees a plan where nobody can log in yet, because the driver is only predicted: from the server's program and its
files alone. A variable that was set at run time is not seen.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure as plans
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as places
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_run as run
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Present
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import defaults
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError, Seen
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import parse_server

BLIND = "Foreseen from the server's files alone, for nobody could log in without the database driver."


def foresee(login: Login, options: Options, host: Host) -> dict[str, Any]:
    """What `ensure` would say in check mode, as far as files tell."""
    place = host.find(options.container, login.port) if options.container or places.local(login.host) else None
    if place is None:
        raise ConfigureError(
            f"No database server of this host listens on port {login.port}, and without the database driver nothing "
            "else can be foreseen. Run without check mode, or install PyMySQL first."
        )
    help_text = host.help(place)
    told = re.search(r"\bVer (\S+)", help_text)
    server = parse_server(told.group(1)) if told else None
    if server is None:
        raise ConfigureError(f"{place.program} does not tell its version.")
    started = {name: value for name, value in defaults(help_text).items() if name in plans.NAMES}
    present = Present(Source(server=server, variables=started), started)
    seen = Seen(server, present, login, place, (BLIND,), help_text)
    files = look.files_of(seen, place, options.settings_dir)
    # It is taken to run with what its files say.
    source = plans.next_source(present, files.entries_with(files.existing))
    seen = replace(seen, present=replace(present, source=source))
    request = replace(options.request, further={})
    plan = plans.plan(seen.present, request, files.existing, files.entries_with, files.path)
    return run.foreseen(seen, files, plan, options)
