# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All secrets are made anew under load, the former are nowhere; no secret and no name is where it does not belong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.helpers import hunt_stack
from tests.helpers.hunt import Find, Forms, Prey, secret
from tests.helpers.places import Place, everywhere, hunt, watched
from tests.helpers.playbooks import Outcome, play
from tests.helpers.sample_names import PROGRAM, ROWS, names
from tests.helpers.sample_writes import going
from tests.helpers.secrets_used import secrets_of
from tests.helpers.server import Server
from tests.helpers.writes import Writes
from tests.integration.secure.conftest import Secure

CAPTURE, WAREHOUSE = "Rotated=in:1/run'after\"all", "Also-rotated/and=odd"
BAIT = "b8Zq-planted-Hc4w"
# In every place that a hunt looks at, and under names by which it is taken away again.
PLANT = r"""
set -e
docker run -d --name test-bait --label bait={bait} --env BAIT={bait} --network none --entrypoint sh --user 1001 \
  {image} -c 'echo {bait}; sleep 300; true'
printf 'FROM {image}\nLABEL bait={bait}\n' | DOCKER_BUILDKIT=0 docker build -q -t test-bait -
docker volume create --label bait={bait} test-bait
systemd-cat -t test-bait echo {bait}
cp -p /opt/event-log/compose.yaml /root/compose.yaml
sed -i 's/^    healthcheck:/    hostname: {bait}\n&/' /opt/event-log/compose.yaml
for file in /etc/test-bait /tmp/test-bait /opt/event-log/config/test-bait /run/hunt/processes; do
  mkdir -p "$(dirname "$file")" && echo {bait} > "$file"
done
chmod 600 /tmp/test-bait /opt/event-log/config/test-bait
"""
TOPICS = ("openmrs.", "schema-changes.", "__debezium-heartbeat")  # where events, and so names, belong


# What does not change with the passwords: keys of names, and what the site itself says.
NOT_MADE_HERE = ("/.version-key", "/database-", "/connector-", "/salt")


@dataclass(frozen=True)
class Rotation:
    """A run, while somebody wrote, that has made the host's own secrets anew and has given the database's account and a
    consumer new passwords.
    """

    outcome: Outcome
    before: Dict[str, Prey]
    login: str
    secrets: List[Prey]
    names: List[Prey]
    processes: Place
    load: Writes


def own(server: Server) -> Dict[str, Prey]:
    """The secrets that the host has made, by what they are."""
    return {prey.label: prey for prey in secrets_of(server) if not any(part in prey.label for part in NOT_MADE_HERE)}


@pytest.fixture(scope="module")
def rotation(server: Server, site: Secure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotation]:
    directory = tmp_path_factory.mktemp("rotation")
    used = [*secrets_of(server), secret("former database password", site.capture)]
    used.append(secret("former password of warehouse", site.warehouse))
    before, login = own(server), server.login
    site.rotate(CAPTURE, WAREHOUSE)
    load = going(server)
    sample = names(server)  # entered before the run, so that the run is hunted through for them
    with watched(server) as processes:
        outcome = play(directory, server, site.variables, "-vvv", "--diff", playbook="openmrs.event_log.rotate_secrets")
        assert outcome.code == 0, outcome.messages or outcome.output[-3000:]
        load.more(5)
    known = {prey.forms for prey in used}
    used += [prey for prey in secrets_of(server) if prey.forms not in known]
    used += [secret("database password", CAPTURE), secret("password of warehouse", WAREHOUSE)]
    yield Rotation(outcome, before, login, used, sample, processes, load)
    load.stop()


def test_new_passwords_are_one_run_and_no_event_is_lost(server: Server, rotation: Rotation) -> None:
    """Nor was any while logins were switched on: the writer began before the scenario's converge."""
    changed = {task for _host, task in rotation.outcome.changed}
    assert changed, "the run changed nothing"
    assert rotation.load.wait(180) > 50
    status, told = server.request("GET", "/connectors/openmrs-connector/status")
    assert status == 200
    assert [task["state"] for task in told["tasks"]] == ["RUNNING"]


def test_new_secrets_are_in_use_and_the_former_are_nowhere(server: Server, rotation: Rotation) -> None:
    after = own(server)
    former = {prey.forms for prey in rotation.before.values()}
    assert [label for label, prey in after.items() if prey.forms in former] == []
    assert any("broker_passwords/" in label for label in after)
    assert server.login != rotation.login
    assert server.request("GET", "/connectors", login=rotation.login)[0] == 401
    # In no file at all, not even where secrets are.
    everything = server.sh("cat $(find /opt/event-log/secrets -type f)")
    assert Forms(list(rotation.before.values())).found("the directory of secrets", everything) == []
    assert server.sh("event-log status").startswith("Running: ")


# The scenario's own second run shows the same in every run.
@pytest.mark.full
def test_the_same_run_again_changes_nothing(server: Server, site: Secure, rotation: Rotation, tmp_path: Path) -> None:
    again = play(tmp_path, server, site.variables)
    assert (again.code, again.changed) == (0, []), again.output[-3000:]


def test_no_secret_is_in_the_output_of_the_run(rotation: Rotation) -> None:
    assert len(rotation.secrets) > 10
    assert "PLAY RECAP" in rotation.outcome.output
    assert Forms(rotation.secrets).found("Ansible's output", rotation.outcome.output) == []


def test_no_secret_is_in_what_the_worker_answers(server: Server, rotation: Rotation) -> None:
    assert hunt_stack.in_answers(server, Forms(rotation.secrets)) == []


def test_no_secret_is_in_any_topic(server: Server, rotation: Rotation) -> None:
    assert hunt_stack.in_topics(server, Forms(rotation.secrets)) == []


def test_no_secret_is_anywhere_on_the_server(server: Server, rotation: Rotation) -> None:
    assert hunt(server, Forms(rotation.secrets), (*everywhere(), rotation.processes)) == []


def test_no_name_is_outside_of_the_topics_of_events(server: Server, rotation: Rotation) -> None:
    forms = Forms(rotation.names)
    assert len(rotation.names) == 20
    assert forms.found("Ansible's output", rotation.outcome.output) == []
    assert hunt_stack.in_answers(server, forms) == []
    assert hunt_stack.in_topics(server, forms, exclude=TOPICS) == []
    assert server.sh(f"stat -c %a {ROWS}").strip() == "750", "others enter the database's directory"
    assert hunt(server, forms, (*everywhere([PROGRAM, ROWS]), rotation.processes)) == []
    # In the full profile they are in the topics: what proves that the hunt knows them.
    assert len({find.label for find in hunt_stack.in_topics(server, forms)}) == 20


def labels(found: List[Find]) -> List[str]:
    return sorted({find.where.split(" /")[0] for find in found})


def test_the_hunt_finds_what_is_planted_in_every_place(server: Server, rotation: Rotation) -> None:
    """All the empty answers of this file are worth something only with this one."""
    topic, forms = "test-bait", Forms([secret("bait", BAIT)])
    plant = PLANT.format(image=server.settings["image"], bait=BAIT)
    config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "topic": BAIT}
    try:
        server.sh(plant)
        server.kafka("org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic, "--partitions", "1")
        producer = ("--topic", topic, "--compression-codec", "zstd")
        server.kafka("org.apache.kafka.tools.ConsoleProducer", *producer, stdin=f"{'x' * 200} {BAIT}\n" * 20)
        created = server.request(
            "POST", "/connectors", {"name": "test-bait", "config": config, "initial_state": "STOPPED"}
        )
        assert created[0] == 201, created
        answers, topics = hunt_stack.in_answers(server, forms), hunt_stack.in_topics(server, forms)
        elsewhere = hunt(server, forms, (*everywhere(), rotation.processes))
    finally:
        server.request("DELETE", "/connectors/test-bait")
        server.sh(
            "docker rm -f test-bait; docker rmi -f test-bait; docker volume rm test-bait; mv /root/compose.yaml"
            " /opt/event-log/compose.yaml; rm -f /etc/test-bait /tmp/test-bait /opt/event-log/config/test-bait",
            check=False,
        )
    assert {"Connect's answer to GET", "Connect's answer to PUT"} <= set(labels(answers))
    read = [find for find in topics if find.where == "topics, read by a consumer"]
    assert read
    expected = {place.name for place in everywhere()} | {rotation.processes.name}
    assert set(labels(elsewhere)) == expected


@pytest.fixture(scope="module", autouse=True)
def nothing_left(server: Server) -> Iterator[None]:
    yield
    server.sh("rm -rf /run/hunt")
