# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PyMySQL (0.9 and later) needs to be told so that the mode of TLS decides, and nothing that PyMySQL prefers.

Imports the standard library and PyMySQL only: the guard runs this very file on the host.
"""

from __future__ import annotations

import ssl
from typing import Any, Optional

try:
    import pymysql
    from pymysql.constants import CLIENT
except ImportError:
    pymysql = None  # type: ignore[assignment]

DISABLED = "disabled"
PREFERRED = "preferred"
REQUIRED = "required"
VERIFY_CA = "verify_ca"
VERIFY_IDENTITY = "verify_identity"


def driver_class(ssl_mode: str) -> Any:
    """PyMySQL up to 1.1 silently goes on without TLS where the server has none, 1.2 tries TLS by itself: here the mode
    decides, between the greeting and the login."""

    base: Any = pymysql.connections.Connection

    class _Driver(base):
        plugin = ""

        def _process_auth(self, plugin_name: Any, *rest: Any) -> Any:
            self.plugin = bytes(plugin_name).decode("ascii", "replace")
            return super()._process_auth(plugin_name, *rest)

        def _get_server_information(self) -> None:
            super()._get_server_information()
            self.plugin = str(self._auth_plugin_name or "")
            offered = bool(self.server_capabilities & CLIENT.SSL)
            if not offered and ssl_mode not in (DISABLED, PREFERRED):
                raise pymysql.err.OperationalError(2026, "the server offers no TLS")
            if not offered or ssl_mode == DISABLED:
                self.ssl = False
                self.client_flag &= ~CLIENT.SSL

    return _Driver


def tls_context(
    ssl_mode: str, ca_cert: Optional[str] = None, client_cert: Optional[str] = None, client_key: Optional[str] = None
) -> ssl.SSLContext:
    """What a connection is encrypted with; OSError or ValueError where the files cannot be used."""
    verify = ssl_mode in (VERIFY_CA, VERIFY_IDENTITY)
    # The system's authorities take a while to load, and only who verifies needs them.
    context = ssl.create_default_context(cafile=ca_cert) if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = ssl_mode == VERIFY_IDENTITY
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        # The certificates that MySQL makes for itself lack key usage fields that Python 3.13 insists on.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if client_cert:
        context.load_cert_chain(client_cert, client_key)
    return context
