# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log tail``: what it shows, the end of its container, and the words for every fault."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import containers, tail
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.errors import EventLogError
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

RECORD = 'CreateTime:1700000000123\\tPartition:0\\tOffset:%d\\t{"id":%d}\\t{"op":"c"}\\n'
TOPIC = "openmrs.openmrs.person"


def one(number: int) -> str:
    return "printf '" + RECORD % (number, number) + "'\n"


FOREVER = "trap 'echo stopped > \"$FAKE_DIR/stopped\"; exit 143' TERM\n" + one(7) + "while :; do sleep 0.05; done\n"


@pytest.fixture
def person(host: Host) -> Host:
    host.topic(f"{TOPIC}-0", Made(0, 5))
    return host


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def wait_until_called(host: Host, verb: str, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(call.startswith(verb) for call in host.calls()):
            return True
        time.sleep(0.02)
    return False


def removals(host: Host) -> list[str]:
    """Which containers were asked to go, and how often, by what came after all else."""
    calls = [call for call in host.calls() if not call.startswith("ps ")]
    last = next((number for number, call in enumerate(reversed(calls)) if not call.startswith("rm ")), len(calls))
    return calls[len(calls) - last :]


def wait_for(path: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_record_becomes_one_json_object_with_key_and_value_as_written() -> None:
    line = b'CreateTime:1700000000123\tPartition:2\tOffset:41\t{"person_id":7}\t{"op":"u","after":{"n":1.10}}'
    shown = tail.as_json_line(line)
    assert shown is not None
    assert '"value": {"op":"u","after":{"n":1.10}}' in shown
    assert json.loads(shown) == {
        "timestamp": "2023-11-14T22:13:20.123Z",
        "partition": 2,
        "offset": 41,
        "key": {"person_id": 7},
        "value": {"op": "u", "after": {"n": 1.1}},
    }


def test_tombstone_and_missing_key_are_null() -> None:
    shown = tail.as_json_line(b"NO_TIMESTAMP\tPartition:0\tOffset:0\tnull\tnull")
    assert shown is not None
    assert json.loads(shown) == {"timestamp": None, "partition": 0, "offset": 0, "key": None, "value": None}


@pytest.mark.parametrize("raw", [b"plain \x1b[31mtext", b"not\xffutf8", b'{"broken": '])
def test_value_that_is_no_json_becomes_a_string(raw: bytes) -> None:
    shown = tail.as_json_line(b"CreateTime:0\tPartition:0\tOffset:0\tkey\t" + raw)
    assert shown is not None
    assert "\x1b" not in shown
    assert json.loads(shown)["value"] == raw.decode("utf-8", "replace")


def test_control_characters_in_a_name_do_not_reach_the_terminal_and_other_scripts_stay_readable() -> None:
    value = '{"name":"አበበ \u009b31m \u2028"}'
    shown = tail.as_json_line(f"CreateTime:0\tPartition:0\tOffset:0\tnull\t{value}".encode())
    assert shown is not None
    assert "አበበ" in shown
    assert not any(bad in shown for bad in "\u009b\u2028")
    assert json.loads(shown)["value"] == json.loads(value)


@pytest.mark.parametrize("line", [b"", b"[2024-01-01] WARN something\tPartition:0\tOffset:1\t", b"Processed a total"])
def test_other_lines_are_no_record(line: bytes) -> None:
    assert tail.as_json_line(line) is None


def test_reading_begins_where_the_log_ends_now(person: Host) -> None:
    start = tail.find_start(person.chosen, "person")
    assert start == tail.Start(TOPIC, 0, 5)
    line = " ".join(tail.consumer_arguments(person.chosen, start, tail.Wish("person", maximum=3, timeout=1.5)))
    assert "--partition 0 --offset 5 " in line
    assert "--max-messages 3 --timeout-ms 1500" in line
    assert "--offset earliest" in " ".join(
        tail.consumer_arguments(person.chosen, start, tail.Wish("person", from_start=True))
    )


def test_several_partitions_are_read_together(person: Host) -> None:
    person.topic(f"{TOPIC}-1", Made(0))
    start = tail.find_start(person.chosen, "person")
    assert start == tail.Start(TOPIC)
    assert "--partition" not in tail.consumer_arguments(person.chosen, start, tail.Wish("person"))
    assert "--from-beginning" in tail.consumer_arguments(person.chosen, start, tail.Wish("person", from_start=True))


def test_broker_is_asked_for_topics_when_the_directory_cannot_be_read(
    person: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(_: Path) -> None:
        raise EventLogError("no")

    def listing(_settings: object, _purpose: str, arguments: list[str]) -> str:
        asked.append(arguments[0])
        return f"__consumer_offsets\n{TOPIC}\n"

    monkeypatch.setattr(tail, "list_partitions", refuse)
    monkeypatch.setattr(tail, "output_of", listing)
    assert tail.find_start(person.chosen, "person") == tail.Start(TOPIC)
    assert asked == ["org.apache.kafka.tools.TopicCommand"]


def test_events_go_to_stdout_and_words_to_stderr(person: Host) -> None:
    person.play(one(5) + "echo chatter\n" + one(6) + "echo 'Processed a total of 2 messages' >&2\n")
    done = person.run("tail", "person", "--max", "2")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [5, 6]
    assert done.stderr.startswith(f"Reading {TOPIC} (from now on")
    assert "chatter" not in done.stderr
    run = next(call for call in person.calls() if call.startswith("create "))
    assert f"--topic {TOPIC} --partition 0 --offset 5" in run
    assert not any(call.startswith("rm ") for call in person.calls()), "--rm does it"


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--max", "2"), 3), (("--max", "1"), 0)])
def test_timeout_is_told_and_means_failure_only_when_events_were_counted_on(
    person: Host, arguments: tuple[str, ...], code: int
) -> None:
    person.play(one(5) + "echo 'Error processing message, terminating: x.TimeoutException' >&2\n")
    done = person.run("tail", "person", "--timeout", "2", *arguments)
    assert done.returncode == code
    assert ("No event for 2 s; 1 shown." in done.stderr) == (arguments != ("--max", "1"))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["int", "term", "hup"]
)
def test_ctrl_c_and_signals_stop_the_container_and_leave_no_trace(
    person: Host, number: signal.Signals, code: int
) -> None:
    person.play(FOREVER)
    with person.start("tail", "person") as process:
        assert json.loads(first_line(process))["offset"] == 7
        process.send_signal(number)
        _, words = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Traceback" not in words
    assert wait_for(person.root / "stopped")
    name = next(call for call in person.calls() if call.startswith("create ")).split("--name ")[1].split()[0]
    assert removals(person) == [f"rm --force {name}"]


def test_reader_that_goes_away_ends_it_at_once_though_no_event_comes(person: Host) -> None:
    person.play(FOREVER)
    with person.start("tail", "person") as process:
        first_line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert wait_for(person.root / "stopped")


def test_ctrl_c_while_docker_makes_the_container_waits_for_it_and_removes_it(person: Host) -> None:
    (person.root / "slow-create").write_text("")
    person.play('echo started > "$FAKE_DIR/started"\n')
    with person.start("tail", "person") as process:
        assert wait_until_called(person, "create ")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        (person.root / "slow-create").unlink()
        _, words = process.communicate(timeout=20)
    assert (process.returncode, b"Traceback" in words) == (130, False)
    assert (person.root / "created").exists()
    assert not (person.root / "started").exists()
    (removal,) = removals(person)
    assert removal.startswith("rm --force event-log-tail-")


def test_tool_that_ignores_the_end_is_killed_and_removed(person: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    person.play("trap '' TERM\necho up\nwhile :; do sleep 0.05; done\n")
    monkeypatch.setattr(containers, "_STOP_SECONDS", 0.2)
    for key in ("PATH", "FAKE_DIR"):
        monkeypatch.setenv(key, person.environ[key])
    with containers.ToolContainer(person.chosen, "tail", ["x"]) as tool:
        assert tool.stdout.readline() == b"up\n"
    assert tool.process is not None
    assert tool.process.returncode == -signal.SIGKILL
    assert removals(person) == [f"rm --force {tool.name}"]


def test_container_that_is_still_there_after_its_removal_is_removed_again(person: Host) -> None:
    (person.root / "stubborn").write_text("")
    person.play(FOREVER)
    with person.start("tail", "person") as process:
        first_line(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert len(removals(person)) == 2


def test_failure_of_the_tool_is_told_with_its_last_words(person: Host) -> None:
    person.play("echo 'Exception in thread main: no room' >&2; echo '\tat a.b.c(D.java:1)' >&2; exit 1\n")
    done = person.run("tail", "person")
    assert done.returncode == 1
    assert "ended with exit code 1: Exception in thread main: no room" in done.stderr
    assert "D.java" not in done.stderr


def test_unreadable_event_is_a_failure_though_the_tool_ends_with_0(person: Host) -> None:
    person.play("echo 'ERROR Error processing message, terminating consumer process: KafkaException: zstd' >&2\n")
    done = person.run("tail", "person")
    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert "zstd" in done.stderr


def test_broker_that_goes_away_meanwhile_is_told_once(person: Host) -> None:
    warning = "echo 'WARN Connection to node 1 (x/127.0.0.1:9092) could not be established.' >&2\n"
    person.play(warning * 3 + one(5))
    done = person.run("tail", "person", "--max", "1")
    assert done.stderr.count("does not answer at 127.0.0.1") == 1


def test_stopped_stack_names_the_command_that_starts_it(person: Host, broker_port: int) -> None:
    path = Path(person.environ["EVENT_LOG_SETTINGS"])
    path.write_text(path.read_text().replace(f":{broker_port}", ":1"))
    for command in (("tail", "person"), ("groups",)):
        done = person.run(*command)
        assert done.returncode == 1
        assert "Kafka does not answer at 127.0.0.1:1" in done.stderr
        assert "systemctl start event-log" in done.stderr or "docker compose --project-directory" in done.stderr


def test_unknown_table_is_wrong_usage_and_lists_the_topics(person: Host) -> None:
    done = person.run("tail", "persons")
    assert (done.returncode, done.stdout) == (2, "")
    assert TOPIC in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("tail", "person", "--max", "0"), ("tail", "person", "--timeout", "-1"), ("tail",), (), ("look",)],
)
def test_wrong_arguments_are_wrong_usage(host: Host, arguments: tuple[str, ...]) -> None:
    done = host.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: event-log")


def test_help_tells_what_a_person_must_know(host: Host) -> None:
    assert "exit codes" in host.run("--help").stdout
    assert "markers of the transactions count too" in " ".join(host.run("topics", "--help").stdout.split())
    assert "tombstone" in host.run("tail", "--help").stdout
