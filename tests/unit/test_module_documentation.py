"""A module's documentation and the arguments that it really takes are the same."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import RequestError

from tests.unit.role_files import ROOT

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
GROUP = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]["connect"]
COMPARED = ("type", "required", "default", "choices", "elements")


class CaughtSpecError(Exception):
    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments


def real_spec(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{name}")

    def catch(*_args: Any, **arguments: Any) -> None:
        raise CaughtSpecError(arguments)

    monkeypatch.setattr(module, "AnsibleModule", catch)
    with pytest.raises(CaughtSpecError) as caught:
        module.main()
    return caught.value.arguments


def documentation(name: str) -> dict[str, Any]:
    """The module's documentation, with its fragments put in."""
    module = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{name}")
    documented: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)
    fragments = documented.get("extends_documentation_fragment", [])
    for fragment in [fragments] if isinstance(fragments, str) else fragments:
        path, _, attribute = fragment.removeprefix("openmrs.event_log.").partition(".")
        loaded = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.doc_fragments.{path}")
        content = yaml.safe_load(getattr(loaded.ModuleDocFragment, (attribute or "documentation").upper()))
        for part in ("options", "attributes"):
            documented[part] = {**content.get(part, {}), **documented.get(part, {})}
    return documented


def differences(documented: dict[str, Any], real: dict[str, Any], path: str = "") -> list[str]:
    found = [f"{path}{name}: in one and not the other" for name in set(documented) ^ set(real)]
    for name in sorted(set(documented) & set(real)):
        for key in COMPARED:
            fallback = {"type": "str", "required": False}.get(key)
            said, meant = documented[name].get(key, fallback), real[name].get(key, fallback)
            if (list(said) if isinstance(said, (list, tuple)) else said) != (
                list(meant) if isinstance(meant, (list, tuple)) else meant
            ):
                found.append(f"{path}{name}.{key}: documented {said!r}, really {meant!r}")
        found += differences(
            documented[name].get("suboptions", {}) or {}, real[name].get("options", {}) or {}, f"{path}{name}."
        )
    return found


def test_there_are_modules() -> None:
    assert "connector" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_documented_arguments_are_the_real_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = documentation(name).get("options", {})
    assert differences(documented, real_spec(name, monkeypatch)["argument_spec"]) == []


@pytest.mark.parametrize("name", MODULES)
def test_documentation_is_complete(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = documentation(name)
    assert documented["module"] == name
    assert documented["version_added"]
    assert {"check_mode", "diff_mode", "platform"} <= set(documented["attributes"])
    supported = documented["attributes"]["check_mode"]["support"] in ("full", "partial")
    assert bool(real_spec(name, monkeypatch).get("supports_check_mode")) == supported
    module = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{name}")
    examples = yaml.safe_load(module.EXAMPLES)
    assert examples, "no example"
    assert all(task.get("name") for task in examples)
    assert yaml.safe_load(module.RETURN) is not None


def returned(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.openmrs.event_log.plugins.modules.{name}")
    values: dict[str, Any] = yaml.safe_load(module.RETURN)
    return values


def alike(value: dict[str, Any]) -> dict[str, Any]:
    """What all modules say of a value that they all return; an example is each one's own."""
    return {key: said for key, said in value.items() if key != "sample"}


@pytest.mark.parametrize("name", GROUP)
def test_modules_for_connect_document_a_failed_request_alike(name: str) -> None:
    """No fragment can hold what is returned, so that each of them has it in its own text."""
    failed = list(RequestError("").details())
    assert {key: alike(returned(name).get(key, {})) for key in failed} == {
        key: alike(returned("connector")[key]) for key in failed
    }


def test_a_difference_would_be_seen() -> None:
    documented = {"a": {"type": "str", "default": "x"}, "b": {"type": "int"}}
    assert differences(documented, {"a": {"default": "y"}, "b": {"type": "int"}}) == [
        "a.default: documented 'x', really 'y'"
    ]
    assert differences(documented, {"a": {"default": "x"}}) == ["b: in one and not the other"]


def test_fragments_are_used() -> None:
    used = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins/modules").glob("*.py"))
    names = [path.stem for path in Path(ROOT / "plugins/doc_fragments").glob("*.py") if path.stem != "__init__"]
    assert [name for name in names if f"openmrs.event_log.{name}" not in used] == []
