# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be data is hidden in what databases, converters and parsers say; what helps the person stays."""

from __future__ import annotations

import time

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _scrub as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._trace import known_cause
from hypothesis import given
from hypothesis import strategies as st

NAMES = ("Abebe", "Kebede", "አበበ", "O'Brien", "100-8", "1043")

# What is said, and what is told of it. Words of MySQL 5.7 to 9, Connector/J, Debezium 3, Connect 4.3 and Jackson.
QUOTING = [
    ("Duplicate entry 'Abebe' for key 'person_name.PRIMARY'", "Duplicate entry <hidden> for key 'person_name.PRIMARY'"),
    ("Duplicate entry 'O'Brien' for key 2", "Duplicate entry <hidden> for key 2"),
    (
        r"Data truncation: Incorrect string value: '\xF0\x9F Abebe' for column 'given_name' at row 1",
        "Data truncation: Incorrect string <hidden> for column 'given_name' at row 1",
    ),
    (
        "Incorrect integer value: 'Abebe' for column 'creator' at row 1",
        "Incorrect integer value: <hidden> for column 'creator' at row 1",
    ),
    (
        "Failed to properly convert data value for 'openmrs.person_name.given_name' of type VARCHAR for row [Abebe]:",
        "Failed to properly convert data value for 'openmrs.person_name.given_name' of type VARCHAR for row <hidden>:",
    ),
    (
        "You have an error in your SQL syntax; check the manual for the right syntax to use near 'Abebe' at line 1",
        "You have an error in your SQL syntax; check the manual for the right syntax to use near <hidden> at line 1",
    ),
    (
        "DDL statement couldn't be parsed. Please open a Jira issue with the statement 'ALTER TABLE x COMMENT 'Abebe''",
        "DDL statement couldn't be parsed. Please open a Jira issue with the statement <hidden>",
    ),
    ("line 1:24 mismatched input 'Abebe' expecting {'ADD', 'ALTER'}", "line 1:24 mismatched input <hidden>}"),
    (
        "Unrecognized token 'Abebe': was expecting (JSON String, Number, Array, Object or token 'null', 'true')",
        "Unrecognized token <hidden>)",
    ),
    (' at [Source: (byte[])"{"given_name": "Abebe"}"; line: 1, column: 3]', " at <hidden>"),
    ('For input string: "Abebe"', "For input string: <hidden>"),
    ("Text 'Abebe' could not be parsed at index 0", "Text <hidden> could not be parsed at index 0"),
    ("Invalid value Abebe Kebede for field given_name", "Invalid value <hidden> for field given_name"),
    ("Cannot convert value: Abebe Kebede", "Cannot convert value: <hidden>"),
    ("Cannot parse given_name: Abebe Kebede, again", "Cannot parse given_name: <hidden>, again"),
    ("Struct{person_id=1043,given_name=Abebe}", "Struct<hidden>"),
    ("SourceRecord{sourcePartition={server=openmrs}, value=Struct{a=Abebe}} failed", "SourceRecord<hidden> failed"),
    ("ProducerRecord(topic=openmrs.openmrs.person, value=Abebe)", "ProducerRecord(<hidden>)"),
    ("Error serializing given_name=Abebe Kebede, x", "Error serializing given_name=<hidden>, x"),
    ("Query: INSERT INTO person_name VALUES (1043, Abebe)", "Query: <hidden>"),
    ("Error executing INSERT INTO person_name VALUES (1043, Abebe)", "Error executing INSERT INTO <hidden>"),
    ("update person_name set given_name = Abebe", "update person_name set <hidden>"),
    ("Ignoring ALTER TABLE person_name ADD x text DEFAULT 'Abebe'", "Ignoring ALTER TABLE <hidden>"),
    ("CREATE OR REPLACE DEFINER = a@b VIEW v AS SELECT Abebe", "CREATE OR REPLACE DEFINER = <hidden>"),
    ("SELECT * FROM person_name WHERE given_name = Abebe", "SELECT * FROM <hidden>"),
    ("The value was cut: 'Abebe Keb", "The value was cut: <hidden>"),
    ("row [1043, Abebe, Keb", "row <hidden>"),
    ("abebe.kebede@example.org is refused", "<hidden> is refused"),
    ("the bytes are 0x416265626500", "the bytes are <hidden>"),
    ("\u201cAbebe\u201d and «Kebede»", "<hidden>"),
    ("መረጃ 'አበበ', given_name=አበበ", "መረጃ <hidden>, given_name=<hidden>"),
    ("column.mask.hash.v2.SHA-256.with.salt.Zq8s-word=a", "column.mask.hash.v2.SHA-256.with.salt.<hidden>=a"),
]
# What must be told as it is.
USEFUL = [
    "Access denied for user 'event_log'@'localhost' (using password: YES)",
    "Access denied; you need (at least one of) the RELOAD privilege(s) Error code: 1227; SQLSTATE: 42000.",
    "INSERT command denied to user 'capture'@'%' for table 'person'",
    "Unknown database 'openmrs'",
    "Table 'openmrs.persn' doesn't exist",
    "Data too long for column 'given_name' at row 1",
    "The 'database.hostname' value is invalid: A value is required",
    "The 'snapshot.mode' value is invalid: Value must be one of always, initial, never",
    "Missing required configuration 'file' which has no default value.",
    "Invalid value abc for configuration tasks.max: Not a number of type INT",
    "Unable to connect: Communications link failure",
    "java.net.UnknownHostException: db.example.org: Name or service not known",
    "Connection refused",
    "Couldn't find or create file '/rig/missing/out' for FileStreamSinkTask",
    "Could not find first log file name in binary log index file Error code: 1236; SQLSTATE: HY000.",
    "The db history topic or its content is fully or partially missing. Please check database schema history topic.",
    "Encountered change event for table openmrs.person whose schema isn't known to this connector",
    "The message is 1048900 bytes when serialized which is larger than 1048576, the value of max.request.size.",
    "[Producer clientId=connector-producer-x-0] Error with correlation id 5 : {openmrs.person=LEADER_NOT_AVAILABLE}",
    "[Worker clientId=connect-1, groupId=event-log-connect] Connection to node -1 (localhost/127.0.0.1:9092) failed",
    "[openmrs-connector|task-0] Tolerance exceeded in error handler",
    "[BrokerLifecycleManager id=1] Unable to register the broker because of a timeout",
    "Connector openmrs-connector not found",
    "Error during binlog processing. Last offset stored = null",
    "Converting byte[] to Kafka Connect data failed due to serialization error:",
    "Could not read ${file:/run/event-log/secrets/database.properties:password}",
    "Failed to find any class that implements Connector and which name matches a.B; this worker has c.D, e.F",
    "java.lang.Error: <redacted> and <redacted>",
    "Couldn't find or create file '<redacted>' for FileStreamSinkTask",
    "Partition objects should contain the key 'filename'",
    "The value for the 'position' key in the offset should be a non-negative value",
    "The partition for a sink connector offset must contain the keys 'kafka_topic'",
    "HTTP 404 Not Found",
    "",
]


@pytest.mark.parametrize(("said", "told"), QUOTING, ids=range(len(QUOTING)))
def test_what_may_be_data_is_hidden(said: str, told: str) -> None:
    assert subject.scrub(said) == told
    assert subject.cut(f"org.a.BException: {said}\nnext\n") == f"org.a.BException: {told}".strip()


@pytest.mark.parametrize("said", USEFUL, ids=range(len(USEFUL)))
def test_what_helps_stays(said: str) -> None:
    assert subject.scrub(said) == said


def test_a_statement_of_many_lines_is_hidden_to_its_end() -> None:
    said = "Error with\nINSERT INTO person_name\nVALUES (1,\n Abebe)\n"
    assert subject.scrub(said) == "Error with\nINSERT INTO <hidden>"


def test_who_speaks_is_read_and_what_is_said_is_not() -> None:
    assert subject.scrub("[BrokerServer id=1] It said x=Abebe") == "[BrokerServer id=1] It said x=<hidden>"
    assert subject.scrub("[1, id=Abebe]") == "<hidden>"


def test_marks_in_the_text_open_no_way() -> None:
    assert "Abebe" not in subject.scrub("entry \ue000'\ue001Abebe\ue001'\ue000")


@pytest.mark.parametrize(
    "form", ["'{}'", '"{}"', "`{}`", "[1, {}]", "{{a: {}}}", "x=({})", "value: {}", "INSERT INTO {}"]
)
@given(name=st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12))
def test_no_value_passes_whatever_is_in_it(form: str, name: str) -> None:
    hidden = f"Qz{name}Zq"
    told = subject.scrub("It failed at " + form.format(hidden))
    assert "Qz" not in told
    assert told.startswith("It failed at ")


TRACE = """org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: io.debezium.text.ParsingException: DDL statement couldn't be parsed with the statement 'ALTER TABLE x
ADD y text COMMENT 'Abebe Kebede''
mismatched input 'Abebe' expecting {<EOF>, 'ALTER'}
\tat io.debezium.antlr.ParsingErrorListener.syntaxError(ParsingErrorListener.java:43)
\t... 9 common frames omitted
"""


def test_of_a_trace_classes_and_first_lines_stay() -> None:
    assert subject.cut(TRACE) == (
        "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer\n"
        "Caused by: io.debezium.text.ParsingException: DDL statement couldn't be parsed with the statement <hidden>"
    )
    assert subject.cut("") == ""
    assert subject.cut("a bare word\nand 'Abebe'") == "a bare word"


# Of Debezium 3.5 for: ALTER TABLE traced COMMENT 'of "Abebe Kebede", not Zewditu', which MySQL takes.
SEVERAL = (
    "io.debezium.text.MultipleParsingExceptions: Multiple parsing errors\n"
    "io.debezium.text.ParsingException: DDL statement couldn't be parsed. Please open a GitHub issue at "
    "https://github.com/debezium/dbz/issues with the statement 'ALTER TABLE traced COMMENT 'of 'Abebe', not Zewditu''\n"
    "extraneous input '', not Zewditu'' expecting {<EOF>, '(', ALTER_SYMBOL}\n"
    "\tat io.debezium.antlr.AntlrDdlParser.throwParsingException(AntlrDdlParser.java:335)\n"
)


def test_exceptions_in_a_message_are_told_like_the_others() -> None:
    first, second = subject.cut(SEVERAL).splitlines()
    assert first == "io.debezium.text.MultipleParsingExceptions: Multiple parsing errors"
    assert second.endswith(
        "ParsingException: DDL statement couldn't be parsed. Please open a GitHub issue at "
        "https://github.com/debezium/dbz/issues with the statement <hidden>"
    )


def test_of_many_causes_the_first_and_the_last_stay() -> None:
    trace = "a.E: 0\n" + "".join(f"\tat x\nCaused by: a.E: {number}\n" for number in range(1, 9))
    assert subject.cut(trace).splitlines() == ["a.E: 0", *(f"Caused by: a.E: {number}" for number in (6, 7, 8))]


def test_the_known_causes_are_known_of_a_cut_trace_too() -> None:
    context = "MySqlOffsetContext [sourceInfoSchema=Schema{io.debezium:STRUCT}, " + "x=1, " * 300 + "pos=4]"
    trace = (
        "io.debezium.DebeziumException: The connector is trying to read change stream starting at "
        f"{context}, but this is no longer available on the server. Reconfigure the connector.\n\tat a.B.c(B.java:1)"
    )
    told = subject.cut(trace)
    assert known_cause(told) == known_cause(trace) != ""
    assert told.startswith("io.debezium.DebeziumException: The connector is trying to read change stream starting at ")


@pytest.mark.parametrize("piece", ["a.", "a-b=", "'", "(", "[", "{", "a_b: ", "SELECT ", "@a.", "value "])
def test_a_long_line_is_read_in_no_time_and_told_shortly(piece: str) -> None:
    began = time.monotonic()
    told = subject.scrub(piece * 200_000)
    assert time.monotonic() - began < 5
    assert len(told) <= subject.LONGEST + 10
