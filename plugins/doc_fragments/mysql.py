# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules for the source database share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the login to a MySQL or MariaDB server."""

    DOCUMENTATION = r"""
options:
  login_host:
    description: Name or address of the database server, seen from where the module runs.
    type: str
    default: 127.0.0.1
  login_port:
    description: TCP port of the database server.
    type: int
    default: 3306
  login_unix_socket:
    description:
      - Socket to log in through instead of O(login_host) and O(login_port), for example C(/run/mysqld/mysqld.sock).
      - There an administrator whose account asks the operating system who he is needs no password.
    type: path
  login_user:
    description: Account to log in with.
    type: str
    default: root
  login_password:
    description: Its password. Not needed where the server knows the account by the socket.
    type: str
  connect_timeout:
    description: Seconds to wait for the connection.
    type: int
    default: 10
  ssl_mode:
    description:
      - Whether the connection is encrypted, in the words of Debezium's C(database.ssl.mode).
      - V(preferred) uses TLS if the server offers it, and does without where the server's TLS is too old for this host.
      - V(verify_ca) and V(verify_identity) need O(ca_cert), unless the system's own authorities are meant.
    type: str
    choices: [disabled, preferred, required, verify_ca, verify_identity]
    default: preferred
  ca_cert:
    description: File with the certificate of the authority that signed the server's. Used when O(ssl_mode) verifies.
    type: path
  client_cert:
    description: File with a certificate of the account, for servers that ask for one.
    type: path
  client_key:
    description: File with the key of O(client_cert).
    type: path
requirements:
  - PyMySQL >= 0.9
  - cryptography (for C(caching_sha2_password) without TLS)
  - PyNaCl (for accounts of MariaDB with C(ed25519))
attributes:
  action_group:
    description: Use C(group/openmrs.event_log.mysql) in C(module_defaults) to set the options of the login once.
    support: full
    membership:
      - openmrs.event_log.mysql
"""
