"""README's "Running it" against the code: what `docker run`, compose, the pod and the unit name is there."""

import re

import pytest

from proxy import relay_process
from proxy.cli import parser
from proxy.config import Config
from proxy.config_sources import load
from tests.e2e.process import ROOT

SECTION = re.search(r"(?ms)^## Running it\n(.*?)^## ", (ROOT / "README.md").read_text())[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BLOCKS = dict(
    zip(("docker", "compose", "pod", "unit"), re.findall(r"(?ms)^```(?:sh|yaml|ini)\n(.*?)^```", SECTION), strict=True)
)
#: What the chat service is told; teelog reads none of it.
THEIRS = {"OPENAI_BASE_URL", "OPENAI_API_KEY"}
GRACE = {
    "docker": r"--stop-timeout (\d+)",
    "compose": r"stop_grace_period: (\d+)s",
    "pod": r"terminationGracePeriodSeconds: (\d+)",
    "unit": r"TimeoutStopSec=(\d+)",
}
#: How each sets a variable: its name, and its value where that stands there.
SETTING = {
    "docker": r"-e (\w+)=(\S+)",
    "compose": r"(?m)^ +([A-Z_]+): (\S+)",
    "pod": r"- name: ([A-Z_]+)\n +(?:value: (\S+))?",
    "unit": r"Environment=(\w+)=(\S+)",
}
each = pytest.mark.parametrize("name", BLOCKS)


def image(instruction: str) -> str:
    return re.search(rf"(?m)^{instruction} (.+)$", DOCKERFILE)[1]


@each
def test_its_settings_are_a_configuration(name):
    """Every variable is one that teelog reads, or the chat service's; together they load without a fault."""
    found = {key: value or "something" for key, value in re.findall(SETTING[name], BLOCKS[name])}
    ours = {key: value for key, value in found.items() if key not in THEIRS}

    assert ours
    assert all(key.startswith("TEELOG_") or key == "INKEEP_API_KEY" for key in ours)
    origins = load({}, ours, None).origins.values()
    assert sum(origin.startswith("environment ") for origin in origins) >= len(ours)


@each
def test_it_gives_the_drain_its_time(name):
    """What would kill teelog waits longer than streams, journal and recorder may take to end."""
    (seconds,) = re.findall(GRACE[name], BLOCKS[name])

    assert (
        int(seconds)
        > Config().listen.drain_seconds + relay_process.JOURNAL_END_SECONDS + relay_process.RECORDER_END_SECONDS
    )
    assert f"{seconds} s" in SECTION
    assert f"{seconds} s" in DOCKERFILE


@each
def test_its_ports_are_the_ones_listened_on(name):
    """Ports are the defaults of the proxy and of the local server; the chat service's base URL ends with /v1."""
    config = Config()

    assert set(re.findall(r":(\d{4,5})\b", BLOCKS[name])) <= {str(config.listen.port), str(config.analytics.port)}
    for url in re.findall(r"http://\S+", BLOCKS[name]):
        assert re.fullmatch(rf"http://(teelog|127\.0\.0\.1):{config.listen.port}/v1", url)


def test_every_block_of_a_container_mounts_the_image_s_folder():
    """The data folder, the user and the key's place are the image's."""
    assert image("VOLUME") == "/data"
    assert "-v teelog-data:/data " in BLOCKS["docker"]
    assert "cat /data/analytics.key" in BLOCKS["docker"]
    assert "- teelog-data:/data\n" in BLOCKS["compose"]
    assert "mountPath: /data}" in BLOCKS["pod"]
    user = image("USER").split(":")[0]
    assert f"fsGroup: {user}\n" in BLOCKS["pod"]
    assert SECTION.count(f"user {user}") == 2


def test_the_pod_is_a_native_sidecar_whose_probes_run_in_it():
    """It is an init container that goes on, listens to the pod alone, and is asked by a command that exists."""
    begins, container = BLOCKS["pod"].index("initContainers:"), BLOCKS["pod"].index("      containers:")
    sidecar = BLOCKS["pod"][begins:container]
    commands = re.findall(r"exec: \{command: \[(.+)\]\}", sidecar)

    assert "restartPolicy: Always\n" in sidecar
    assert "value: 127.0.0.1\n" in sidecar
    assert "httpGet" not in sidecar
    assert re.findall(r"(\w+Probe):", sidecar) == ["startupProbe", "readinessProbe"]
    assert commands == ["teelog, health"] * 2
    assert all(parser().parse_args(words.split(", ")[1:]).command == "health" for words in commands)


def test_how_it_goes_is_asked_by_a_command_that_exists():
    """In a container, in compose and in the pod the same command says how it goes; the key for others is a setting."""
    asked = re.findall(r"(?:exec teelog|-c teelog --) teelog ([a-z]+)", SECTION)

    assert [parser().parse_args([command]).command for command in asked] == ["status"] * 3
    assert "set\n`TEELOG_LISTEN__ADMIN_KEY`" in SECTION


def test_compose_says_what_to_leave_out():
    """INKEEP_API_KEY is alone below its `environment`, so that without it both lines go."""
    lines = BLOCKS["compose"].splitlines()
    at = lines.index("    environment:")

    assert "INKEEP_API_KEY" in lines[at + 1]
    assert "leave these two lines out" in lines[at + 1]
    assert lines[at + 2] == "    volumes:"


def test_compose_waits_for_the_image_s_own_health_check():
    """`service_healthy` needs a health check; the image brings one."""
    assert "condition: service_healthy" in BLOCKS["compose"]
    assert image("HEALTHCHECK").endswith('CMD ["teelog", "health"]')


def test_the_unit_starts_a_command_that_exists_in_its_own_folder():
    """The command is the one that the text installs, the data folder the one that systemd makes."""
    unit = dict(re.findall(r"(?m)^(\w+)=(.*)$", BLOCKS["unit"]))
    program, *arguments = unit["ExecStart"].split()

    assert program == "/opt/teelog/bin/teelog"
    # DynamicUser and ProtectHome keep the unit's user from a python3 of somebody's own
    assert "`/usr/bin/python3 -m venv /opt/teelog && /opt/teelog/bin/pip install ." in SECTION
    assert parser().parse_args(arguments).command == "serve"
    assert unit["Environment"] == f"TEELOG_DATA_DIR=/var/lib/{unit['StateDirectory']}"
    assert f"`/var/lib/{unit['StateDirectory']}/analytics.key`" in SECTION
    assert unit["EnvironmentFile"].removeprefix("-") in SECTION.split("```ini")[0]
    # the recorder must outlive the signal, and what exits with 2 waits for a person
    assert unit["KillMode"] == "mixed"
    assert unit["RestartPreventExitStatus"] == "2"
