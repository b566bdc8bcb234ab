# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/variables.md from the roles' argument_specs and defaults. Run it after a change of either:

python docs/generate_variables.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "variables.md"

#: Which role's words describe a site-wide variable that several roles read: the first that hands it on as it is.
ORDER = ("event_stack", "event_connector", "kafka_host", "mysql_binlog")
#: Where the words of another role fit a site better.
DESCRIBED_BY = {"event_log_image": "event_images"}

#: Read by playbooks only, so that no role documents them.
OF_PLAYBOOKS = {
    "event_log_packages_releases": (
        "list of str",
        "",
        "For the playbook `packages.yml`: only the sets of these releases, say `[debian-13]`. All without it.",
    ),
    "event_log_packages_refresh": (
        "str",
        "",
        "For the playbook `packages.yml`: any text, say a date. Another one than last time makes the sets anew.",
    ),
    "event_log_packages_cache_dir": (
        "path",
        "",
        "For the playbook `packages.yml`: where downloads for a base image and temporary files go.",
    ),
    "event_log_packages_log": (
        "path",
        "",
        "For the playbook `packages.yml`: file that its output is appended to.",
    ),
    "event_log_purge": (
        "str",
        "",
        "For the playbook `purge_clear_events`, with `-e`: sites whose clear events go. Else it only looks.",
    ),
    "event_log_remove": (
        "str",
        "",
        "For the playbook `remove`, with `-e`: names of the sites to remove, with commas between. Else it only looks.",
    ),
    "event_log_repair": (
        "str",
        "",
        "For the playbooks `repair_...`, with `-e`: sites to repair, with commas between. Else they only look.",
    ),
    "event_log_repair_anyway": (
        "bool",
        "`false`",
        "For the same: repair although nothing wrong can be seen, because somebody knows of it.",
    ),
    "event_log_repair_fill": (
        "str",
        "`auto`",
        "For the same: how what may be missing is made good: `auto`, `full`, `incremental`, `nothing`.",
    ),
    "event_log_serial": (
        "str",
        "`100%`",
        "How many sites are worked on at a time, as a number or a part of all.",
    ),
    "event_log_sample": (
        "bool",
        "`false`",
        "Run a sample OpenMRS database on the host, for demos and tests, and capture that one.",
    ),
}

BEGINNING = """\
<!-- Written by docs/generate_variables.py; change the roles' meta/argument_specs.yml instead. -->

# Variables

A site sets the variables of the first table, in `group_vars` or `host_vars`. Each is read by all roles that need it.
The tables after it list what each role takes; set one of those only where a role must differ. A name that is none of
these is refused before the first change.
"""


class Option(NamedTuple):
    """One variable of a role: what its specification says, and its default as it is written."""

    role: str
    name: str
    spec: Dict[str, Any]
    raw: Any

    @property
    def default(self) -> str:
        if self.spec.get("required"):
            return "**required**"
        if self.spec.get("default") is not None:
            return code(self.spec["default"])
        written = str(self.raw or "")
        return "from other variables" if "{{" in written and not written.endswith("default('') }}") else ""

    @property
    def about(self) -> str:
        said = self.spec["description"]
        text = markup(" ".join(said) if isinstance(said, list) else str(said))
        choices = self.spec.get("choices")
        return f"{text} One of {', '.join(map(code, choices))}." if choices else text

    @property
    def kind(self) -> str:
        kind = str(self.spec.get("type", "str"))
        return f"{kind} of {self.spec['elements']}" if "elements" in self.spec else kind


def code(value: Any) -> str:
    """A value as an inventory would have it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).split("\n...")[0].strip()
    return f"`{text}`"


def markup(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"\b[CVOBMPI]\(((?:openmrs\.event_log\.)?)([^()]*(?:\([^()]*\)[^()]*)*)\)", r"`\2`", text)
    return " ".join(text.split()).replace("|", "\\|")


def options(root: Path) -> Iterator[Option]:
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = path.parent.parent
        defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
        known: Dict[str, Dict[str, Any]] = {}
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            known = {**entry["options"], **known}
        yield from (Option(role.name, name, spec, defaults.get(name)) for name, spec in known.items())


def site_wide(found: List[Option]) -> Dict[str, List[Option]]:
    """The site-wide variables, each with the options that it sets; the one that describes it comes first."""
    names = sorted({name for option in found for name in re.findall(r"\bevent_log_[a-z0-9_]+\b", str(option.raw))})
    sets = {name: [option for option in found if re.search(rf"\b{name}\b", str(option.raw))] for name in names}
    for name, readers in sets.items():
        order = [DESCRIBED_BY.get(name, ORDER[0]), *ORDER, *(option.role for option in readers)]
        handed_on = re.compile(rf"\{{\{{ {name}( \| default\(.*\))?( \| bool)? \}}\}}", re.DOTALL)
        readers.sort(key=lambda option: (not handed_on.fullmatch(str(option.raw)), order.index(option.role)))
    return sets


def table(rows: List[List[str]]) -> str:
    lines = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def page(root: Path = ROOT) -> str:
    found = list(options(root))
    sets = site_wide(found)
    rows = {name: [f"`{name}`", kind, default, about] for name, (kind, default, about) in OF_PLAYBOOKS.items()}
    for name, readers in sets.items():
        rows[name] = [f"`{name}`", readers[0].kind, readers[0].default, readers[0].about]
    parts = [BEGINNING, "## Of a site\n", table([rows[name] for name in sorted(rows)])]
    for role in sorted({option.role for option in found}):
        parts += [f"## {role}\n", table([list(row(option, sets)) for option in found if option.role == role])]
    return "\n".join(parts)


def row(option: Option, sets: Dict[str, List[Option]]) -> Iterator[str]:
    setters = [f"`{name}`" for name, readers in sets.items() if option in readers]
    yield f"`{option.name}`"
    yield option.kind
    yield option.default
    yield f"{option.about} Set by {' and '.join(setters)}." if setters else option.about


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
