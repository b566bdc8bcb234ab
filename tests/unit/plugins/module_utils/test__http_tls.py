# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: verified unless the user says otherwise, with a site's own authority, and with a client certificate."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import RequestError, TlsError
from ansible_collections.openmrs.event_log.plugins.module_utils._http import Connection, Transport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Site:
    """Files of a site with its own authority, and a worker that wants client certificates or does not."""

    folder: Path
    open_url: str
    strict_url: str

    def file(self, name: str) -> str:
        return str(self.folder / name)


def issue(folder: Path, name: str, issuer: Any = None, issuer_key: Any = None) -> Any:
    """Write name.pem and name.key; without an issuer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    authority_key = (issuer_key or key).public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key), critical=False)
        .sign(issuer_key or key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    return certificate, key


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class QuietServer(HTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def serve(folder: Path, client_certificates: bool) -> HTTPServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "worker.pem", folder / "worker.key")
    if client_certificates:
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    server = QuietServer(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    authority, authority_key = issue(folder, "ca")
    issue(folder, "worker", authority, authority_key)
    issue(folder, "client", authority, authority_key)
    issue(folder, "stranger")
    servers = [serve(folder, False), serve(folder, True)]
    urls = [f"https://127.0.0.1:{server.server_address[1]}" for server in servers]
    yield Site(folder, *urls)
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_unknown_authority_is_refused_by_default(site: Site) -> None:
    with pytest.raises(TlsError, match=r"TLS failed: .*CERTIFICATE_VERIFY_FAILED") as caught:
        Transport(Connection(site.open_url)).send("GET", "/")
    assert caught.value.transient is False


def test_another_authority_is_refused(site: Site) -> None:
    with pytest.raises(TlsError):
        Transport(Connection(site.open_url, ca_path=site.file("stranger.pem"))).send("GET", "/")


def test_the_sites_own_authority_is_accepted(site: Site) -> None:
    assert Transport(Connection(site.open_url, ca_path=site.file("ca.pem"))).send("GET", "/").status == 200


def test_verification_can_be_turned_off(site: Site) -> None:
    assert Transport(Connection(site.open_url, validate_certs=False)).send("GET", "/").status == 200


def test_a_client_certificate_is_shown(site: Site) -> None:
    connection = Connection(
        site.strict_url,
        ca_path=site.file("ca.pem"),
        client_cert=site.file("client.pem"),
        client_key=site.file("client.key"),
    )
    assert Transport(connection).send("GET", "/").status == 200


def test_without_a_client_certificate_a_strict_worker_refuses(site: Site) -> None:
    with pytest.raises(RequestError):
        Transport(Connection(site.strict_url, ca_path=site.file("ca.pem"))).send("GET", "/")


def test_a_file_that_holds_no_certificate_is_named(site: Site) -> None:
    (site.folder / "empty.pem").write_text("nothing\n")
    with pytest.raises(TlsError):
        Transport(Connection(site.open_url, ca_path=site.file("empty.pem"))).send("GET", "/")
