"""Stand-ins for Kafdrop and Kowl, for machines that reach no registry: they listen where they are told, and no more.

They are made on a test server from its own files. What the role gives to the real programs is compared in unit tests.
"""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.bad_input import Case
from tests.helpers.server import Server

REAL = {"kafdrop": "obsidiandynamics/kafdrop:4.2.0", "kowl": "quay.io/cloudhut/kowl:v1.5.0"}

#: What an inventory can say wrong about the pages.
REFUSED = [
    Case("page that nobody knows", ("event_stack_uis", "akhq", "kafdrop, kowl"), {"event_stack_uis": ["akhq"]}),
    Case(
        "one port for two",
        ("event_stack_kowl_port is 9092: that port is event_log_bootstrap too", "Set one of them to another port"),
        {"event_stack_uis": ["kowl"], "event_stack_kowl_port": 9092},
    ),
    Case(
        "page that must run and has no image",
        ("event_stack_uis_required is true", REAL["kafdrop"], "There is no archive", "images.yml", "event_stack_uis"),
        {
            "event_stack_uis": ["kafdrop"],
            "event_stack_uis_required": True,
            "event_stack_kafdrop_image": REAL["kafdrop"],
        },
    ),
]

IMAGE = "stand-in-page:good"
ILL = "stand-in-page:ill"

# As Kafdrop it takes address and port from the environment. As Kowl it reads the file, and is healthy only if the
# broker lets it in with the login that stands there.
PROGRAM = r"""
import http.server, json, os, socket, struct, sys

path = os.environ.get("CONFIG_FILEPATH")
config = json.load(open(path)) if path else {}
if config:
    where = (config["server"]["listenAddress"], config["server"]["listenPort"])
    health = "/admin/health"
else:
    where = (os.environ["SERVER_ADDRESS"], int(os.environ["SERVER_PORT"]))
    health = "/actuator/health"


def call(broker, key, version, body):
    request = struct.pack(">hhih", key, version, 1, 8) + b"stand-in" + body
    broker.sendall(struct.pack(">i", len(request)) + request)
    answer = b""
    while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
        answer += broker.recv(4096) or sys.exit("the broker hung up")
    return struct.unpack(">h", answer[8:10])[0]


# With Kafka's own protocol: SaslHandshake, then SaslAuthenticate.
def login():
    sasl = config["kafka"]["sasl"]
    host, port = config["kafka"]["brokers"][0].split(":")
    mechanism = sasl["mechanism"].encode()
    word = b"\0" + sasl["username"].encode() + b"\0" + sasl["password"].encode()
    with socket.create_connection((host, int(port)), timeout=5) as broker:
        errors = [
            call(broker, 17, 1, struct.pack(">h", len(mechanism)) + mechanism),
            call(broker, 36, 0, struct.pack(">i", len(word)) + word),
        ]
    if any(errors):
        raise OSError(f"the broker refuses the login: {errors}")
    return sasl["username"]


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path == health and os.environ.get("STAND_IN") != "ill"
        try:
            said = {"account": login()} if config and good else {"page": "a stand-in"}
        except OSError as error:
            good, said = False, {"error": str(error)}
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_words):
        pass


http.server.ThreadingHTTPServer(where, Page).serve_forever()
"""
# Kowl's image has wget; a test server has none.
WGET = """#!/usr/bin/python3
import sys, urllib.request
urllib.request.urlopen(sys.argv[-1], timeout=5)
"""
BUILD = r"""
set -e
mkdir -p /var/tmp/stand-in/usr/local/bin
cat > /var/tmp/stand-in/stand-in.py
cd /
tar -cf /var/tmp/stand-in.tar bin lib lib64 usr/lib64 usr/bin/bash usr/bin/grep usr/bin/env usr/bin/python3* \
  usr/lib/python3* usr/lib/*-linux-gnu/ld-*.so* usr/lib/*-linux-gnu/lib*.so*
tar -rf /var/tmp/stand-in.tar -C /var/tmp/stand-in .
for kind in good ill; do
  docker import -c 'ENTRYPOINT ["python3", "-u", "/stand-in.py"]' -c "ENV STAND_IN=$kind" /var/tmp/stand-in.tar \
    stand-in-page:$kind
done
rm -r /var/tmp/stand-in /var/tmp/stand-in.tar
"""


def make(server: Server) -> None:
    """Make both images on the server: one that is healthy and one that never is."""
    server.sh("mkdir -p /var/tmp/stand-in/usr/local/bin && cat > /var/tmp/stand-in/usr/local/bin/wget", stdin=WGET)
    server.sh("chmod 755 /var/tmp/stand-in/usr/local/bin/wget")
    server.sh(BUILD, stdin=PROGRAM)


ASK = """
import json, sys, urllib.error, urllib.request
method, url = sys.argv[1:]
request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        print(json.dumps([answer.status, dict(answer.headers), answer.read().decode("utf-8", "replace")]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, dict(error.headers), error.read().decode("utf-8", "replace")]))
"""


def ask(server: Server, url: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a page, asked for on the server itself."""
    status, headers, body = json.loads(server.python(ASK, method, url))
    return status, headers, body


def containers(server: Server, *names: str) -> dict[str, Any]:
    """Those of the containers that there are, as Docker describes them."""
    found = json.loads(server.sh(f"docker container inspect {' '.join(names)} 2>/dev/null || true") or "[]")
    return {entry["Name"].lstrip("/"): entry for entry in found}


def listening(server: Server, port: int) -> set[str]:
    """The addresses that something listens on with this port."""
    lines = server.sh("ss -Hltn").splitlines()
    return {line.split()[3] for line in lines if line.split()[3].endswith(f":{port}")}
