# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents name exists: files, headings, commands, variables, messages; and their inventories can be used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _variables

from tests.helpers.documents import ROOT, marked_blocks, readme_inventory, readme_variables
from tests.run.parts import plan

BIN = Path(sys.executable).parent
ROLES = ROOT / "roles"
HOSTS = {"127.0.0.1", "localhost"}
# Words that look like variables of the collection and are none: the collection, roles, "event_log_x" and the like.
METRICS = ROLES / "event_guard/files/event_guard/metrics.py"
#: What looks like a variable and is none: names of roles, figures for Prometheus.
NO_VARIABLE = {
    *("event_log", "event_log_x"),
    *(path.name for path in ROLES.iterdir()),
    *re.findall(r'"(event_log_\w+)"', METRICS.read_text(encoding="utf-8")),
}


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return sorted(ROOT / name for name in set(listed.stdout.split("\0")) - {""} if (ROOT / name).is_file())


DOCUMENTS = documents()
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(document: Path) -> set[str]:
    """The headings as the web pages of repositories name them."""
    prose = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(document: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def known_variables() -> set[str]:
    return _variables.known_variables(ROLES)


def words(document: Path, pattern: str) -> list[str]:
    return re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_documents_are_there() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    wanted = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} | {
        f"docs/{name}.md"
        for name in ("architecture", "first-site", "troubleshooting", "testing", "consuming", "findings")
    }
    assert wanted - names == set()


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@each_document
def test_no_document_names_a_foreign_host(document: Path) -> None:
    named = set(words(document, r"https?://([^/:\s\"'`)]+)"))
    assert {host for host in named - HOSTS if not host.endswith(".example")} == set()


@each_document
def test_variables_that_are_named_exist(document: Path) -> None:
    prefixes = "|".join(sorted(["event_log", *(path.name for path in ROLES.iterdir())]))
    named = {
        word.rstrip("_") for word in words(document, rf"(?<![\w/.])(?:{prefixes})_[a-z0-9_]+\b(?!/)")
    } - NO_VARIABLE
    assert named - known_variables() == set()


@each_document
def test_commands_that_are_named_exist(document: Path) -> None:
    demo = set(re.findall(r"^\s+(\w+) ", (ROOT / "demo.sh").read_text(encoding="utf-8").split("END")[1], re.MULTILINE))
    assert {
        word for word in words(document, r"(?:^|`)\./demo\.sh +([a-z]+)\b") if word not in demo and word != "help"
    } == set()
    for line in words(document, r"`\./test\.sh ([a-z]+)[ `]|^\./test\.sh ([a-z]+) "):
        word = "".join(line)
        assert plan([word])[1] == [], f"./test.sh {word}"
    cli = (ROLES / "event_stack/files/event_log/cli.py").read_text(encoding="utf-8")
    known = set(re.findall(r'add_parser\("(\w+)"', cli))
    assert {"topics", "tail", "groups"} <= known
    used = set(words(document, r"(?:^|`|sudo )event-log ([a-z]+)\b"))
    assert used - known == set()


@each_document
def test_playbooks_roles_and_modules_that_are_named_exist(document: Path) -> None:
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    modules |= {path.stem for kind in ("filter", "callback") for path in (ROOT / "plugins" / kind).glob("*")}
    roles = {path.name for path in ROLES.iterdir()}
    named = set(words(document, r"openmrs\.event_log\.([a-z_]+)\b"))
    assert named - playbooks - modules - roles == set()
    assert set(words(document, r"playbooks/([a-z_]+)\.yml")) - playbooks == set()


def test_every_playbook_is_explained() -> None:
    explained = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "playbooks").glob("*.yml") if path.name not in explained] == []


def test_every_part_of_the_tests_is_explained() -> None:
    from tests.run.parts import PARTS

    page = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    assert [name for name in PARTS if f"| `{name}` |" not in page] == []


@each_document
def test_tests_that_are_named_exist(document: Path) -> None:
    named = set(words(document, r"`(tests/[\w/.-]+\.(?:py|yml|sh))`"))
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def said() -> str:
    """All that the code can say, in one line: strings that are written in pieces are put together."""
    places = [ROOT / "demo.sh", *(ROOT / "demo").glob("*.sh"), *(ROOT / "playbooks").glob("*.yml")]
    for folder in ("plugins", "roles"):
        places += [
            path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yml", ".json") and path.is_file()
        ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in places)
    text = re.sub(r"\"\s*\n\s*f?\"", "", text)
    return re.sub(r"\s+", " ", text)


def quoted_messages() -> list[str]:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    headings = [line for line in re.findall(r"^### (.+)$", page, re.MULTILINE) if line.startswith('"')]
    return [quoted for line in headings for quoted in re.findall(r'"([^"]+)"', line) if quoted != "401"]


@pytest.mark.parametrize("message", quoted_messages())
def test_a_message_that_troubleshooting_quotes_is_one_that_can_come(message: str) -> None:
    pieces = [piece.strip(" .:,?") for piece in message.split("…")]
    pieces = [piece for piece in pieces if len(piece) >= 8]
    assert pieces, f"nothing of {message!r} can be looked for"
    everything = said()
    assert [piece for piece in pieces if piece not in everything] == []


def test_documents_that_messages_name_exist() -> None:
    named = set(re.findall(r"\b(docs/[\w-]+\.md)\b", said()))
    assert "docs/troubleshooting.md" in named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def inventory_of(path: Path) -> dict[str, dict[str, Any]]:
    listed = subprocess.run(
        [str(BIN / "ansible-inventory"), "-i", str(path), "--list"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    variables: dict[str, dict[str, Any]] = json.loads(listed.stdout)["_meta"]["hostvars"]
    return variables


def test_the_inventory_of_the_readme_has_ten_lines_and_parses(tmp_path: Path) -> None:
    text = readme_inventory()
    assert len(text.splitlines()) == 10
    place = tmp_path / "hosts.yml"
    place.write_text(text, encoding="utf-8")
    hosts = inventory_of(place)
    assert len(hosts) == 1
    (variables,) = hosts.values()
    assert variables["ansible_connection"] == "local"
    assert set(readme_variables()) <= set(variables)


def test_the_variables_of_the_readme_are_known_and_enough() -> None:
    variables = readme_variables()
    assert _variables.unknown_variables(variables, str(ROLES)) == []
    assert {"event_log_site", "event_log_capture_password"} <= set(variables)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", variables["event_log_site"])


def test_the_inventory_of_the_readme_reads_its_password_from_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(readme_inventory(), encoding="utf-8")
    (tmp_path / "capture_password").write_text("only-in-this-test\n", encoding="utf-8")
    asked = subprocess.run(
        [str(BIN / "ansible"), "-i", str(tmp_path / "hosts.yml"), "all", "-m", "ansible.builtin.debug",
         "-a", "var=event_log_capture_password"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "only-in-this-test" in asked.stdout


def test_a_marked_block_is_found_by_its_name(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```yaml\na: 1\n```\n\n<!-- test:other -->\n```yaml\nb: 2\n```\n", encoding="utf-8")
    assert marked_blocks(page) == {"other": "b: 2\n"}
