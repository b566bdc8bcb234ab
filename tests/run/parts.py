"""What the test driver can run: parts and their steps, as data."""

from __future__ import annotations

from dataclasses import replace

from tests.run.steps import PLAYBOOK, PYTEST, Part, Step, cases, check, scenario

DEFAULT_SERVER = "eventlog-test-default"  # of the scenario `default`; other parts look at it too

# Files of tests/integration that have a part of their own; all others belong to the part "integration".
OWN_PARTS = (
    "tests/integration/test_images.py",
    "tests/integration/test_installed.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_removal.py",
    "tests/integration/workers",
    "tests/integration/databases",
    "tests/integration/hospital",
    "tests/integration/zookeeper",
    "tests/integration/secure",
    "tests/integration/repair",
    "tests/integration/server_faults",
)

LINT = Part(
    "lint",
    "style and metadata: YAML, Ansible, Python, shell, documentation",
    3,
    10,
    (
        check("yamllint", "yamllint", "--strict", "."),
        check("ruff check", "ruff", "check", "."),
        check("ruff format", "ruff", "format", "--check", "."),
        check("mypy", "mypy", "plugins", "tests", "bench", "roles/event_guard/files/event_guard"),
        check("shellcheck", "bash", "tests/run/shellcheck.sh"),
        check("plugin documentation", "antsibull-docs", "lint-collection-docs", "--plugin-docs", "."),
        check("changelog", "antsibull-changelog", "lint"),
        check("playbook syntax", "bash", "tests/run/syntax.sh"),
        check("ansible-test sanity, and the artefact", "bash", "tests/run/sanity.sh", "offline"),
        check("ansible-lint", "ansible-lint", "--offline", "--strict"),
    ),
)
# Two workers: one for each core of the smallest machine. By file, so that what a file sets up is set up once.
BY_FILE = ("--numprocesses=2", "--dist=loadfile")
PLAYS = ("tests/unit/roles", "tests/unit/playbooks")
UNIT = Part(
    "unit",
    "modules, filters, documents, how it all hangs together",
    3,
    10,
    (cases("unit", "tests/unit", *(f"--ignore={path}" for path in PLAYS), *BY_FILE),),
)
# Most of these run a role with ansible-playbook, on hosts that are only made up: seconds each, not milliseconds.
ROLES = Part(
    "roles",
    "roles, playbooks and the host command, on made-up hosts",
    10,
    20,
    (cases("roles", *PLAYS, *BY_FILE),),
)
ENGINE = Part(
    "engine",
    "a Docker engine, by the collection's own role",
    0.5,
    15,
    (check("docker_engine on this machine", *PLAYBOOK, "tests/run/engine.yml"),),
)
IMAGES = Part(
    "images",
    "builds the images and the archives that carry them",
    8,
    30,
    (
        replace(
            check("build", *PLAYBOOK, "tests/run/images.yml"),
            gives=(("EVENT_LOG_TEST_IMAGES", "built"),),  # so that the scenarios need not look whether they are
        ),
        # Here, so that no two parts make the same one at the same time.
        check("servers of the tests", *PLAYBOOK, "tests/run/databases.yml", "tests/run/hospital.yml"),
        cases("image contents", "tests/integration/test_images.py"),
    ),
    docker=True,
    after=("engine",),
    chained=True,
)
# They all need what the part "images" makes.
BUILT = ("engine", "images")
MOLECULE = Part(
    "molecule",
    "a Debian 13 server: check mode, converge, idempotence, host checks",
    8,
    30,
    scenario("default"),
    docker=True,
    after=BUILT,
    servers=(DEFAULT_SERVER,),
    chained=True,
)
INTEGRATION = Part(
    "integration",
    "change events, bad input, databases, the host command",
    13.5,
    45,
    (cases("integration", "tests/integration", *(f"--ignore={path}" for path in OWN_PARTS)),),
    docker=True,
    after=(*BUILT, "molecule"),
    servers=(DEFAULT_SERVER, "eventlog-test-prepared"),
)
WORKERS = Part(
    "workers",
    "the modules for Connect on real workers of two versions, and as ansible-test runs them",
    6.5,
    20,
    (cases("workers", "tests/integration/workers"),),
    docker=True,
    after=BUILT,
)
DATABASES = Part(
    "databases",
    "MySQL 5.7, 9.7 and MariaDB 10.11 (long: five versions) made ready, read through one event log; odd ones refused",
    10.5,
    35,
    (*scenario("databases"), cases("databases", "tests/integration/databases")),
    docker=True,
    after=BUILT,
    servers=(
        "eventlog-test-stack",
        "eventlog-test-mysql-9.7",
        "eventlog-test-mariadb-10.11",
        "eventlog-test-mariadb-11.8",
    ),
    chained=True,
)
HOSPITAL = Part(
    "hospital",
    "servers without internet, reached by SSH only: set up, rebooted, upgraded, cut off",
    17,
    40,
    (*scenario("hospital"), cases("hospital", "tests/integration/hospital")),
    docker=True,
    after=BUILT,
    servers=("eventlog-test-clinic", "eventlog-test-district", "eventlog-test-offline"),
    chained=True,
)
ZOOKEEPER = Part(
    "zookeeper",
    "a stack with ZooKeeper and a broker of Kafka 3.9: the same checks, stopped, made anew, without its disk",
    8,
    25,
    (*scenario("zookeeper"), cases("zookeeper", "tests/integration/zookeeper")),
    docker=True,
    after=BUILT,
    servers=("eventlog-test-zookeeper",),
    chained=True,
)
SECURE = Part(
    "secure",
    "logins switched on while somebody writes; who gets nothing, what is found nowhere, secrets made anew",
    21,
    45,
    (*scenario("secure"), cases("secure", "tests/integration/secure")),
    docker=True,
    after=BUILT,
    servers=("eventlog-test-secure",),
    chained=True,
)
FAULTS = Part(
    "faults",
    "power cut, processes killed and frozen, databases restored, a disk that fills: nothing is lost; who is alerted",
    10.5,
    30,
    (
        cases("faults", "tests/faults", "--ignore=tests/faults/alerts"),
        cases("alerts", "tests/faults/alerts"),  # a site of its own, of the same names
    ),
    docker=True,
    after=BUILT,
)
# Not in the default run: its modules are tried there on real workers, by the part "workers", and faults by "faults".
REPAIR = Part(
    "repair",
    "tables read again and added, an upgrade, a gap, a restored database; a whole server that is broken",
    30,
    60,
    (
        cases("repair", "tests/integration/repair"),
        cases("repair on MariaDB", "tests/integration/repair", "--repair-database=mariadb-11.8"),
        cases("server faults", "tests/integration/server_faults"),
    ),
    docker=True,
    after=BUILT,
    servers=("eventlog-test-repair", "eventlog-test-repair-mariadb-11.8", "eventlog-test-faults"),
)
INSTALLED = Part(
    "installed",
    "the built artefact, installed elsewhere; and the event log taken off its server, which nobody needs after that",
    3.5,
    20,
    (
        cases("installed", "tests/integration/test_installed.py"),
        cases("removal", "tests/integration/test_removal.py"),
    ),
    docker=True,
    after=(*BUILT, "molecule", "integration"),  # which breaks and mends the server that this one looks at
    servers=(DEFAULT_SERVER, "eventlog-test-bare"),
)
DEMO = Part(
    "demo",
    "./demo.sh on a bare machine: interrupted, up, down, up, purge",
    8.5,
    25,
    (cases("demo", "tests/integration/test_demo.py"),),
    docker=True,
    after=BUILT,
)
SANITY = Part(
    "sanity",
    "ansible-test sanity with every test it has (needs hosts that are not always in reach)",
    10,
    60,
    (check("ansible-test sanity", "bash", "tests/run/sanity.sh", "all"),),
)

NEWEST = Part(
    "newest",
    "the sample database on MySQL 9 of Debian's unstable suite",
    6,
    30,
    (
        check("build", *PLAYBOOK, "tests/run/newest.yml"),
        Step(
            "sample on MySQL 9",
            (*PYTEST, "tests/integration/test_sample_database.py"),
            kind="pytest",
            env=(("EVENT_LOG_TEST_SAMPLE_IMAGE", "openmrs-sample-db-9:tests"),),
        ),
    ),
    docker=True,
    after=(*BUILT, "integration"),  # the same test file, whose containers have the same names
    chained=True,
)

PARTS = {
    part.name: part
    for part in (
        LINT,
        UNIT,
        ROLES,
        ENGINE,
        IMAGES,
        MOLECULE,
        INTEGRATION,
        INSTALLED,
        DATABASES,
        ZOOKEEPER,
        SECURE,
        WORKERS,
        HOSPITAL,
        FAULTS,
        DEMO,
        REPAIR,
        SANITY,
        NEWEST,
    )
}
# Two run at a time: what others wait for comes early, and so does what takes long.
DEFAULT = (
    "lint",
    "unit",
    "engine",
    "images",
    "roles",
    "molecule",
    "secure",
    "hospital",
    "integration",
    "databases",
    "demo",
    "zookeeper",
    "workers",
    "faults",
    "installed",
)
GROUPS = {
    "": DEFAULT,
    "quick": ("lint", "unit"),
    "full": (*DEFAULT, "repair", "sanity", "newest"),
}


def plan(words: list[str]) -> tuple[list[Part], list[str]]:
    """The parts that the words of the command line mean, in order, and the words that mean nothing.

    After `molecule` may stand names of scenarios.
    """
    chosen: list[Part] = []
    unknown: list[str] = []
    for word in words or [""]:
        if word in GROUPS:
            chosen += [PARTS[name] for name in GROUPS[word]]
        elif word in PARTS:
            chosen.append(PARTS[word])
        elif chosen and chosen[-1].name == "molecule":
            named = () if chosen[-1] is MOLECULE else chosen[-1].steps
            chosen[-1] = replace(MOLECULE, steps=(*named, *scenario(word)), chained=False)
        else:
            unknown.append(word)
    if any(part.docker for part in chosen) and ENGINE not in chosen:
        first = next(number for number, part in enumerate(chosen) if part.docker)
        chosen.insert(first, ENGINE)
    return list(dict.fromkeys(chosen)), unknown
