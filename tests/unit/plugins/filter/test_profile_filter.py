# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter in front of the table of sizes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import profile as plugin


def test_a_profile_is_all_that_the_documentation_names() -> None:
    (returned,) = yaml.safe_load(plugin.RETURN).values()
    found = plugin.FilterModule().filters()["profile"]("auto", 3916)
    assert set(found) == set(returned["contains"])
    samples = {name: value.get("sample") for name, value in returned["contains"].items()}
    assert found == samples


@pytest.mark.parametrize(("wanted", "memory_mb"), [("auto", 0), ("huge", 5000), ("auto", "much")])
def test_wrong_input_is_an_error_of_the_filter(wanted: str, memory_mb: Any) -> None:
    with pytest.raises(AnsibleFilterError):
        plugin.profile(wanted, memory_mb)
