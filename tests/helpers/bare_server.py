"""A bare Debian 12 without systemd, as a container, to try the commands of the README on."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "eventlog-bare-server:bookworm"
USER = "nurse"  # who may use sudo
CHECKOUT = f"/home/{USER}/openmrs-event-log"
PATHS = {  # as Debian's logins set them
    "root": ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"),
    USER: ("PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games", f"HOME=/home/{USER}"),
}
PREPARE = f"""
set -e
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install sudo >/dev/null 2>&1
useradd --create-home --shell /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER}
"""
ARCHIVES = ROOT / ".cache/test/images"  # what the part "images" has built
IMAGES = "/media/images"
SNAPSHOT = r"""
echo '[packages]'; dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n'
echo '[accounts]'; cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
echo '[ports]'; awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 | sort
echo '[network]'; ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward
echo '[processes]'; cat /proc/[0-9]*/comm 2>/dev/null | grep -v -x -e sh -e cat -e grep -e sort | sort
echo '[files]'; find /opt /etc /home /root /srv /usr/local /var /run \
  \( -path /var/lib/apt/lists -o -path /var/lib/dpkg -o -path /var/cache \) -prune -o -print |
  sort
"""


def docker(*arguments: str, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """A docker command, quietly."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and when."""

    code: int
    seconds: float
    longest_silence: float
    megabytes: float  # received by the machine meanwhile
    output: str


@dataclass
class BareServer:
    """One such machine; `log` collects how long each command took."""

    name: str
    logs: Path
    from_archives: bool  # whether images are loaded; else they are built there
    log: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start it anew, with a copy of this checkout; uncommitted files are part of it."""
        self.remove()
        subprocess.run([ROOT / "images/bare-server/build.sh", IMAGE], check=True, capture_output=True)
        shared = yaml.safe_load((ROOT / "molecule/shared/vars/server.yml").read_text())
        privileged = docker("run", "--rm", "--privileged", IMAGE, "/bin/true", check=False).returncode == 0
        rights = ["--privileged"] if privileged else []
        for capability in [] if privileged else shared["server_capabilities"]:
            rights += ["--cap-add", capability]
        for option in [] if privileged else ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"):
            rights += ["--security-opt", option]
        volumes = [
            (self.name, "/var/lib/docker"),
            (ROOT / "images/test-server/entry", "/usr/local/sbin/entry:ro"),
            (ROOT / "images/bare-server/init", "/sbin/init:ro"),
            # A site's own certificate authority, where the machine has one.
            ("/usr/local/share/ca-certificates", "/usr/local/share/ca-certificates:ro"),
        ]
        if self.from_archives:
            volumes.append((ARCHIVES, f"{IMAGES}:ro"))
        docker(
            "run", "--detach", "--name", self.name, "--hostname", self.name, "--cgroupns", "private", *rights,
            "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec",
            *(f"--volume={source}:{target}" for source, target in volumes),
            IMAGE, "/bin/sh", "/usr/local/sbin/entry",
        )  # fmt: skip
        self.ask(PREPARE)
        self.copy_checkout()

    def copy_checkout(self) -> None:
        """The files that are, or could be, in the repository."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True
        ).stdout.split(b"\0")
        names = b"\0".join(name for name in listed if name and (ROOT / name.decode()).exists())
        packed = subprocess.run(
            ["tar", "-c", "--owner=0", "--group=0", "--null", "-T", "-"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            input=names,
        ).stdout
        docker("exec", self.name, "mkdir", "-p", CHECKOUT)
        subprocess.run(["docker", "exec", "-i", self.name, "tar", "-x", "-C", CHECKOUT], input=packed, check=True)
        docker("exec", self.name, "chown", "-R", f"{USER}:{USER}", CHECKOUT)

    def remove(self) -> None:
        """The machine and its images."""
        docker("rm", "--force", "--volumes", self.name, check=False)
        docker("volume", "rm", "--force", self.name, check=False)

    def run(
        self, label: str, *command: str, user: str = USER, seconds: float = 900, interrupt_at: str | None = None
    ) -> Outcome:
        """Run a command in the checkout as from a fresh login of that user, its output into a log of its own.

        With `interrupt_at` it gets a Ctrl-C when it prints that text.
        """
        received = self.received()
        began = last = time.monotonic()
        silence, lines = 0.0, []
        # `timeout` makes a process group whose number is its own: what a terminal sends Ctrl-C to.
        shell = ("sh", "-c", 'echo $$ >/tmp/demo-test.pid; exec timeout "$@"', "sh", str(int(seconds)), *command)
        settings = [f"EVENT_LOG_IMAGES={IMAGES}"] if self.from_archives else []
        login = ("env", "-i", *PATHS[user], "TERM=dumb", *settings)
        argv = ["docker", "exec", "--user", user, "--workdir", CHECKOUT, self.name, *login, *shell]
        with (self.logs / f"demo-{label}.log").open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            )
            assert process.stdout is not None
            for line in process.stdout:
                now = time.monotonic()
                silence, last = max(silence, now - last), now
                lines.append(line)
                file.write(f"{now - began:7.1f} {line}")
                file.flush()
                if interrupt_at and interrupt_at in line:
                    interrupt_at = None
                    self.ask("bash -c 'kill -INT -- -$(cat /tmp/demo-test.pid)'")
            code = process.wait()
        self.ask("rm -f /tmp/demo-test.pid")
        end = time.monotonic()
        megabytes = (self.received() - received) / 1e6
        outcome = Outcome(code, end - began, max(silence, end - last), megabytes, "".join(lines))
        self.log.append(
            f"{label}: exit code {code}, {outcome.seconds:.0f} s, longest silence {outcome.longest_silence:.0f} s, "
            f"{megabytes:.0f} MB received"
        )
        return outcome

    def ask(self, script: str) -> str:
        """What root's shell on the machine prints."""
        return docker("exec", self.name, "env", "-i", *PATHS["root"], "sh", "-c", script).stdout

    def received(self) -> int:
        """Bytes that came over the network so far, those for its containers too."""
        return int(self.ask("cat /sys/class/net/eth0/statistics/rx_bytes"))

    def snapshot(self) -> dict[str, list[str]]:
        """Packages, accounts, ports, network, processes and files, by section."""
        sections: dict[str, list[str]] = {}
        current: list[str] = []
        for line in self.ask(SNAPSHOT).splitlines():
            if line.startswith("[") and line.endswith("]"):
                current = sections.setdefault(line, [])
            else:
                current.append(line)
        return sections
