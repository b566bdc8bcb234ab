# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: texts of the control node, with what is wrong where one cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = r"""
name: text_files
author: OpenMRS Event Log contributors (@openmrs)
version_added: "0.1.0"
short_description: Read files of the control node, encrypted ones too
description:
  - Returns the text of each file as it is, no template in it. What the vault has encrypted comes decrypted.
  - A file that cannot be read is no error. It is told in words, so that a role can tell of all of them at once.
options:
  _terms:
    description: Paths. A relative one is below the directory of the inventory. C(~) is the home directory.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Tell which files cannot be read
  ansible.builtin.debug:
    msg: "{{ query('openmrs.event_log.text_files', 'connectors/openmrs.json', 'connectors/archive.json')
      | selectattr('problem') }}"
"""

RETURN = r"""
_raw:
  description: The files, in the order of their paths.
  type: list
  elements: dict
  contains:
    path: {description: The whole path., type: str}
    text: {description: "What it holds, empty if it cannot be read.", type: str}
    problem: {description: "Why it cannot be read and what to do, empty if it can.", type: str}
"""

REMEDIES = (
    ("vault", "Give the vault's password: --ask-vault-pass, or --vault-password-file FILE."),
    ("", "Correct the path, or the file's owner and mode."),
)


class LookupModule(LookupBase):
    def run(
        self, terms: List[Any], variables: Optional[Mapping[str, Any]] = None, **kwargs: Any
    ) -> List[Dict[str, str]]:
        self.set_options(var_options=variables, direct=kwargs)
        return [self._read(str(term), variables or {}) for term in terms]

    def _read(self, given: str, variables: Mapping[str, Any]) -> Dict[str, str]:
        path = Path(variables.get("inventory_dir") or ".", Path(given).expanduser()).absolute()
        found = {"path": str(path), "text": "", "problem": ""}
        try:
            text = str(self._loader.get_text_file_contents(str(path)))
            text.encode("utf-8")
            found["text"] = text
        except AnsibleFileNotFound:
            found["problem"] = "is not there, on the machine that Ansible runs on. Correct the path, or remove it."
        except UnicodeEncodeError:
            found["problem"] = "is no text in UTF-8. Save it as such."
        except AnsibleError as error:
            cause = error.__cause__
            why = str(getattr(cause, "strerror", None) or error).rstrip(".")
            remedy = next(remedy for word, remedy in REMEDIES if word in why.lower())
            found["problem"] = f"cannot be read: {why}. {remedy}"
        return found
