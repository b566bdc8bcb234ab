# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules share that speak to a connector and, as the capture account, to its database."""

from __future__ import annotations


class ModuleDocFragment:
    """The login to the source database, beside that to the worker."""

    DOCUMENTATION = r"""
options:
  database_login:
    description: How to log in to the source database as the capture account.
    type: dict
    required: true
    suboptions:
      login_host: {description: Host of the database., type: str, default: 127.0.0.1}
      login_port: {description: Its port., type: int, default: 3306}
      login_user: {description: The capture account., type: str, required: true}
      login_password: {description: Its password., type: str, required: true}
      connect_timeout: {description: Seconds to wait for the connection., type: int, default: 10}
      ssl_mode:
        description: Whether the connection is encrypted, in the words of Debezium's C(database.ssl.mode).
        type: str
        choices: [disabled, preferred, required, verify_ca, verify_identity]
        default: preferred
      ca_cert: {description: Authority that signed the server's certificate., type: path}
requirements:
  - PyMySQL >= 0.9
"""
