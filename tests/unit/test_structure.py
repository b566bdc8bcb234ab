"""The rules that every role keeps, checked on the roles as data."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.unit.role_files import ROOT, Role, flat, roles, tracked_files

ROLES = roles()
each_role = pytest.mark.parametrize("role", ROLES, ids=str)

IMPORTS = {"import_tasks", "include_tasks", "import_role", "include_role", "meta"}
TASK_KEYWORDS = {
    "name",
    "when",
    "tags",
    "vars",
    "loop",
    "block",
    "become",
    "check_mode",
    "apply",
    "loop_control",
    "no_log",
}

# Longer than a file should be, and why it stays in one piece.
LONG_FILES = {
    "LICENSE": "the licence, word for word",
    "CHANGELOG.md": "generated",
    "changelogs/changelog.yaml": "generated",
    "docs/troubleshooting.md": "generated",
    "docs/variables.md": "generated",
}
LONGEST = 320  # "about 300"

# Hosts of packages. Machines name their own mirrors, so no file names one. In pieces: this file is read too.
PACKAGE_HOSTS = [
    "debian." + "org/debian",
    "deb." + "debian",
    "security." + "debian",
    "archive." + "ubuntu",
    "pypi." + "org",
    "python" + "hosted",
    "repo1." + "maven",
    "repo." + "maven",
    "central." + "sonatype",
    "npmjs." + "org",
    "registry-1." + "docker",
    "index." + "docker",
    "hub." + "docker",
    "quay." + "io",
    "ghcr." + "io",
    "gcr." + "io",
]


#: Facts that roles hand to the playbooks, documented in their README.
OUTPUTS = {
    "event_images_reference",
    "event_images_uis_there",
    "event_images_zookeeper_reference",
    "event_stack_predicted",
    "fleet_status_said",
    "mysql_binlog_seen",
    "offline_packages_predicted",
    *(f"{role}_removal" for role in ("event_guard", "event_stack", "kafka_host", "openmrs_sample")),
}

#: What a site says of the stack once, and other roles must know too: they take it over in their defaults.
SHARED = {
    "event_stack_kafdrop_image",
    "event_stack_kowl_image",
    "event_stack_mode",
    "event_stack_uis",
    "event_stack_uis_required",
}

#: The only images that come ready-made from elsewhere, each pinned.
PINNED = ("quay." + "io/cloudhut/kowl:v1.5.0",)


def test_there_are_roles() -> None:
    assert len(ROLES) >= 7


@each_role
def test_a_role_has_its_files(role: Role) -> None:
    wanted = ["README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml"]
    assert [name for name in wanted if not (role.path / name).is_file()] == []


@each_role
def test_main_is_a_table_of_contents(role: Role) -> None:
    path = role.path / "tasks" / "main.yml"
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    for task in flat(path, yaml.safe_load(text)):
        actions = {key.removeprefix("ansible.builtin.") for key in task.body} - TASK_KEYWORDS
        assert actions <= IMPORTS, f"{task} does work of its own: {sorted(actions - IMPORTS)}"


@each_role
def test_every_default_is_documented_and_every_option_has_a_default(role: Role) -> None:
    optional = {name for name, option in role.options.items() if not option.get("required")}
    assert set(role.defaults) - set(role.options) == set(), "defaults without a specification"
    assert optional - set(role.defaults) == set(), "options that are neither required nor have a default"


@each_role
def test_every_option_says_what_it_is(role: Role) -> None:
    for entry, spec in role.entry_points.items():
        assert spec.get("short_description"), f"{entry} has no short_description"
    for name, option in role.options.items():
        assert option.get("type"), f"{name} has no type"
        assert option.get("description"), f"{name} has no description"


def rendered_default(role: Role, name: str) -> tuple[bool, Any]:
    """Whether the default means something without an inventory, and what."""
    try:
        return True, role.render(role.defaults[name])
    except AnsibleError:
        return False, None


@each_role
def test_defaults_are_what_the_specification_says(role: Role) -> None:
    for name, option in role.options.items():
        if name not in role.defaults:
            continue
        known, value = rendered_default(role, name)
        if not known:
            assert "default" not in option, (
                f"{name}: the default needs the inventory or facts, the specification says otherwise"
            )
            continue
        if "default" in option:
            assert option["default"] == value, f"{name}: default {value!r}, specification {option['default']!r}"
        else:
            assert value in (None, "", [], {}), f"{name}: default {value!r} is not in the specification"


@each_role
def test_defaults_have_the_specified_type(role: Role) -> None:
    checked = 0
    for name, option in role.options.items():
        known, value = rendered_default(role, name) if name in role.defaults else (False, None)
        if not known or value is None:
            continue
        spec = {key: content for key, content in option.items() if key in ("type", "elements", "choices", "options")}
        if value == "" and "choices" in spec:
            continue
        result = ArgumentSpecValidator({name: spec}).validate({name: value})
        assert result.error_messages == [], f"{name}: {result.error_messages}"
        checked += 1
    assert checked or not role.defaults


@each_role
def test_what_a_task_registers_hides_no_variable_of_its_role(role: Role) -> None:
    fixed = {name for path in (role.path / "vars").glob("*.yml") for name in yaml.safe_load(path.read_text()) or {}}
    registered = {task.body["register"] for task in role.tasks() if "register" in task.body}
    assert registered & (fixed | set(role.defaults)) == set()


@each_role
def test_variables_carry_the_name_of_their_role(role: Role) -> None:
    assert [name for name in {*role.defaults, *role.options} if not name.startswith(f"{role.name}_")] == []
    for path in sorted((role.path / "vars").glob("*.yml")):
        names = set(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        assert [name for name in names if not name.startswith(f"__{role.name}_")] == [], path
    for task in role.tasks():
        facts = task.body.get("ansible.builtin.set_fact", {})
        names = {*task.body.get("vars", {}), *facts, task.body.get("register", "")} - {"cacheable", ""}
        imported = any(f"ansible.builtin.{word}" in task.body for word in ("import_role", "include_role"))
        # Ansible's own, about the connection of the one task, are nobody's.
        wrong = [name for name in names - OUTPUTS if not name.startswith((f"__{role.name}_", "ansible_"))]
        assert imported or wrong == [], f"{task}: {wrong}"


@each_role
def test_a_role_never_overwrites_its_inputs(role: Role) -> None:
    for task in role.tasks():
        written = {*task.body.get("ansible.builtin.set_fact", {}), task.body.get("register", "")}
        assert written & set(role.options) == set(), str(task)


@each_role
def test_a_role_reads_nobody_elses_variables(role: Role) -> None:
    others = {name for other in ROLES if other.name != role.name for name in other.options} - SHARED
    for path, text in role.texts():
        mentioned = set(re.findall(r"\b[a-z][a-z0-9_]+\b", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)))
        assert mentioned & others == set(), f"{path}: variables of another role"
        if path.parent.name != "defaults":
            site = {word for word in re.findall(r"\{\{[^}]*\bevent_log_\w+", text) if "__" not in word}
            assert site == set(), f"{path}: site-wide variables are read in defaults only"


@each_role
def test_a_role_knows_nothing_of_the_inventory(role: Role) -> None:
    for path, text in role.texts():
        found = re.findall(
            r"\bgroups\s*[\[.]|\bgroup_names\b|\bhostvars\b|\bansible_play_hosts\b|\binventory_hostname\s*==", text
        )
        assert found == [], f"{path}: {found}"


def site_defaults(text: str) -> dict[str, str]:
    """Each site-wide variable of a file of defaults with what follows its name: the fallback, quotes made alike."""
    found: dict[str, str] = {}
    for match in re.finditer(r"\b(event_log_[a-z0-9_]+)\b\s*(\|\s*default\()?", text):
        fallback = ""
        if match[2]:
            depth, end = 1, match.end()
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            fallback = text[match.end() : end - 1].replace('"', "'")
        if found.setdefault(match[1], fallback) != fallback:
            found[match[1]] = f"{found[match[1]]} and {fallback}"
    return found


def test_a_site_wide_variable_has_the_same_default_everywhere() -> None:
    seen: dict[str, dict[str, list[str]]] = {}
    for role in ROLES:
        text = re.sub(
            r"^\s*#.*$", "", (role.path / "defaults/main.yml").read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        for name, fallback in site_defaults(text).items():
            seen.setdefault(name, {}).setdefault(fallback, []).append(role.name)
    assert "event_log_home" in seen, "the roles read no site-wide variables at all?"
    different = {name: fallbacks for name, fallbacks in seen.items() if len(fallbacks) > 1}
    assert different == {}


def test_what_roles_take_over_from_the_stack_has_the_same_default() -> None:
    stack = {name: value for role in ROLES if role.name == "event_stack" for name, value in role.defaults.items()}
    assert set(stack) >= SHARED
    seen = 0
    for role in (role for role in ROLES if role.name != "event_stack"):
        for name, value in role.defaults.items():
            shared = re.match(r"\{\{ (event_stack_\w+) \| default\(", str(value))
            if shared:
                assert role.render(value) == stack[shared[1]], f"{name} and {shared[1]}"
                seen += 1
    assert seen


@each_role
def test_every_notified_handler_exists(role: Role) -> None:
    handlers: set[str] = set()
    for handler in role.tasks("handlers"):
        listened = handler.body.get("listen", [])
        handlers |= {handler.body.get("name", ""), *([listened] if isinstance(listened, str) else listened)}
    notified: set[str] = set()
    for task in role.tasks("tasks"):
        names = task.body.get("notify", [])
        notified |= {names} if isinstance(names, str) else set(names)
    assert notified - handlers == set()


def test_the_action_groups_name_modules_that_exist() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    groups = runtime["action_groups"]
    assert groups
    for group, members in groups.items():
        names = [member for member in members if isinstance(member, str)]
        assert names, group
        missing = [name for name in names if not (ROOT / "plugins/modules" / f"{name.split('.')[-1]}.py").is_file()]
        assert missing == [], group


def test_no_file_is_too_long_to_read() -> None:
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in tracked_files()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST and name not in LONG_FILES} == {}


def test_no_file_names_a_package_host() -> None:
    found = []
    for name in tracked_files():
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace").lower()
        for image in PINNED:
            text = text.replace(image, "")
        found += [f"{name}: {host}" for host in PACKAGE_HOSTS if host in text]
    assert found == []


def test_no_line_end_is_written_where_ansible_keeps_the_backslash() -> None:
    # In block scalars and plain ones Ansible doubles it: an expression's '\\n' is two characters there, in quotes one.
    expression = re.compile(r"""^(?!.*").*(\{\{|\{%|\|).*'[^']*\\n""")
    wrong = [
        f"{name}:{number}"
        for name in tracked_files()
        if name.endswith(".yml") and name.startswith(("roles/", "playbooks/", "molecule/"))
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if expression.match(line) and "dpkg-query" not in line
    ]
    assert wrong == []


def test_no_folder_is_a_stub() -> None:
    empty = [name for name in tracked_files() if (ROOT / name).stat().st_size == 0]
    assert [name for name in empty if not name.endswith("__init__.py")] == []


def test_every_playbook_is_in_the_documented_form() -> None:
    """Each play has a name that says what happens, and playbooks name no host."""
    playbooks = sorted((ROOT / "playbooks").glob("*.yml"))
    assert playbooks
    for path in playbooks:
        for play in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert play.get("name"), path
