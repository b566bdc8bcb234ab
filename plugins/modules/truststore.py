#!/usr/bin/python
# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: truststore
short_description: A Java truststore made of certificates in PEM, whose name changes with its content
version_added: "0.1.0"
author: OpenMRS Event Log contributors (@openmrs)
description:
  - Reads the certificates of O(ca_cert) and writes them as a truststore of type JKS into a directory that a container
    mounts, under the name C(STEM-XXXXXXXX.jks). Neither Java nor OpenSSL is needed for it.
  - The 8 hex digits are the beginning of the SHA-256 of the file. The same certificates always make the same file.
  - Whoever refers to the file by its name sees another authority as an ordinary change of that reference,
    in check mode too.
  - The truststore has no password, as its content is public. Its readers need none to open it.
  - Files of former versions stay, as a running task may still read them. O(keep) bounds them.
attributes:
  check_mode:
    support: full
    description: Reads the certificates and foretells the file's name.
  diff_mode:
    support: none
    description: The name of the file is in the result.
  platform:
    support: full
    platforms: posix
    description: Needs Python 3.8 or later on the target, nothing else.
options:
  ca_cert:
    description:
      - File on the host with the certificates of the authorities to trust, in PEM.
      - Anything else in it, a private key say, does not get into the truststore.
    type: path
    required: true
  directory:
    description: Directory of the truststore, made with mode V(0500) and the owner of the file when it is missing.
    type: path
    required: true
  stem:
    description: First part of the file's name.
    type: str
    default: truststore
  owner:
    description: Numeric uid that may read the file, and nobody else but root.
    type: int
    required: true
  group:
    description: Numeric gid of the file.
    type: int
    required: true
  keep:
    description: How many versions to keep, the newest first. The wanted one is always kept.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Let the worker trust the hospital's own authority
  openmrs.event_log.truststore:
    ca_cert: /etc/ssl/hospital-ca.pem
    directory: /opt/event-log/secrets/connect
    owner: 1001
    group: 1001
  register: database_authority
"""

RETURN = r"""
filename:
  description: Name of the file inside O(directory).
  returned: success
  type: str
  sample: truststore-5f3c09ab.jks
path:
  description: The whole path on the host.
  returned: success
  type: str
  sample: /opt/event-log/secrets/connect/truststore-5f3c09ab.jks
fingerprints:
  description: SHA-256 fingerprints of the certificates in it.
  returned: success
  type: list
  elements: str
  sample: ["0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9"]
removed:
  description: Names of former versions that were removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import (
    DIRECTORY_MODE,
    FILE_MODE,
    drop_versions,
    keep_directory,
    keep_file,
    other_versions,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._truststore import (
    CertificateTextError,
    certificates,
    fingerprint,
    jks,
    truststore_name,
)


def ensure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    directory, owner = Path(params["directory"]), (params["owner"], params["group"])
    trusted = certificates(Path(params["ca_cert"]).read_bytes())
    content = jks(trusted)
    path = directory / truststore_name(params["stem"], content)
    changed = keep_directory(directory, DIRECTORY_MODE, owner, check_mode)
    changed |= keep_file(path, content, FILE_MODE, owner, check_mode)
    others = other_versions(path, params["stem"], ".jks")
    removed = [one.name for one in drop_versions(others, params["keep"], check_mode)]
    return {
        "changed": changed or bool(removed),
        "filename": path.name,
        "path": str(path),
        "fingerprints": [fingerprint(der) for der in trusted],
        "removed": removed,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ca_cert": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "stem": {"type": "str", "default": "truststore"},
            "owner": {"type": "int", "required": True},
            "group": {"type": "int", "required": True},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    try:
        result = ensure(module.params, module.check_mode)
    except CertificateTextError as error:
        module.fail_json(msg=f"{module.params['ca_cert']} cannot be used: {error}")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
