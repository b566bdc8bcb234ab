# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules for Kafka Connect share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the connection to a worker."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the REST interface of a Kafka Connect worker, as seen from the managed host.
      - Any worker of a group will do; it forwards what another has to do.
      - Proxies of the environment are not used for addresses of the managed host itself (loopback).
    type: str
    required: true
  url_username:
    description:
      - User of the worker's basic login. Sent with the first request.
    type: str
  url_password:
    description:
      - Password of the worker's basic login.
    type: str
  validate_certs:
    description:
      - Whether the worker's certificate is verified, where O(url) begins with C(https).
    type: bool
    default: true
  ca_path:
    description:
      - File on the managed host with the certificates (PEM) that the worker's certificate is verified against.
    type: path
  client_cert:
    description:
      - File on the managed host with the certificate (PEM) that is shown to the worker. May hold the key too.
    type: path
  client_key:
    description:
      - File on the managed host with the key (PEM) of O(client_cert).
    type: path
  timeout:
    description:
      - Seconds that one request may take. What did not answer in time is tried again as long as the module may.
    type: int
    default: 30
  show_traces:
    description:
      - Traces of a worker's tasks and what it says of errors can quote rows, which are patients' data. With V(false),
        of a trace the classes of its exceptions are returned, each with the first line of its message; and in all that
        the worker says, what may be data is V(<hidden>) - what is quoted, in brackets or braces, assigned or said to be
        a value, and the text of statements. Names of tables, columns, users and properties stay.
      - A name that stands in a sentence of a converter or transform by itself is not recognised.
      - V(true) returns all of it, without secrets, long ones shortened. For one run, by somebody who may see data.
      - What Kafka Connect itself answers to others who know its login is out of reach - its REST interface shows traces
        in full.
    type: bool
    default: false
attributes:
  action_group:
    description: Use C(group/openmrs.event_log.connect) in C(module_defaults) to set the options of the connection once.
    support: full
    membership:
      - openmrs.event_log.connect
"""
