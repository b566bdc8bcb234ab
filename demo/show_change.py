"""Changes a patient's name in the sample database and shows the event as it arrives in Kafka."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

from demo.sample_database import Name, SampleDatabaseError, rename_a_patient

TAIL = ["/usr/local/bin/event-log", "tail", "person_name", "--from-start"]
TOPIC = "openmrs.openmrs.person_name"
DEADLINE = 120.0
INTERVAL = 10.0
QUIET = 1.0  # seconds without an event after which the consumer has caught up
SHOWN = ("person_name_id", "person_id", "given_name", "family_name", "changed_by", "date_changed")


class NothingCameError(Exception):
    """No event within the deadline."""


@dataclass(frozen=True)
class Arrival:
    """An event, and when it was read."""

    event: Dict[str, Any]
    at: float


class Consumer:
    """`event-log tail`, read without blocking; ends with the `with` block."""

    def __init__(self) -> None:
        self._lines: queue.Queue[Optional[Arrival]] = queue.Queue()

    def __enter__(self) -> Consumer:
        self._process = subprocess.Popen(TAIL, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(Arrival(json.loads(line), time.time()))
        self._lines.put(None)

    def next(self, seconds: float) -> Optional[Arrival]:
        """The next event, or None when none came for so long."""
        try:
            arrival = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if arrival is None:
            raise NothingCameError("the consumer ended by itself, see above")
        return arrival

    def arrivals(self, waiting_for: str) -> Iterator[Arrival]:
        """Events as they come, with a sign of life in between; ends at the deadline."""
        began = time.time()
        while time.time() < began + DEADLINE:
            arrival = self.next(INTERVAL)
            if arrival:
                yield arrival
            else:
                print(f"... waiting for {waiting_for}: {time.time() - began:.0f} s", flush=True)
        raise NothingCameError(f"{waiting_for} did not come within {DEADLINE:.0f} s")


def is_the_change(event: Dict[str, Any], name: Name) -> bool:
    """Is this the update that was just made?"""
    value = event.get("value") or {}
    after = value.get("after") or {}
    return (
        value.get("op") == "u"
        and after.get("person_name_id") == name.person_name_id
        and after.get("given_name") == name.new_given
        and (value.get("before") or {}).get("given_name") == name.given
    )


def table(event: Dict[str, Any]) -> List[str]:
    """Before and after, side by side; what differs is marked."""
    value = event["value"]
    lines = [f"    {'':16} {'before':20} after"]
    for column in SHOWN:
        before, after = (str(value[side].get(column)) for side in ("before", "after"))
        lines.append(f"  {'*' if before != after else ' '} {column:16} {before:20} {after}")
    return lines


def main() -> None:
    """Consume, change, show."""
    with Consumer() as consumer:
        count = 0
        for _ in consumer.arrivals("the events of the first copy"):
            count = 1
            break
        while consumer.next(QUIET):
            count += 1
        print(f"{TOPIC} holds {count} events so far; the consumer waits for the next one.", flush=True)
        name = rename_a_patient()
        changed_at = time.time()
        print(f"MySQL:  {name.sql}", flush=True)
        for arrival in consumer.arrivals("the event of this change"):
            if is_the_change(arrival.event, name):
                value = arrival.event["value"]
                source = value["source"]
                print(
                    f"Kafka:  the event arrived {max(0.0, arrival.at - changed_at) * 1000:.0f} ms after the commit "
                    f"(op {value['op']}, binlog {source['file']} at {source['pos']})"
                )
                print("\n".join(table(arrival.event)))
                return


if __name__ == "__main__":
    try:
        main()
    except (NothingCameError, SampleDatabaseError, OSError) as error:
        sys.exit(f"show_change: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
