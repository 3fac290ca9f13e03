"""Where values come from, and what is said when they cannot be used."""

from pathlib import Path

import pytest

from proxy.config import Secret
from proxy.config_sources import INKEEP_URL, RESERVED_NAMES, load
from proxy.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    """Writes a configuration file and gives its path."""

    def write(text):
        file = tmp_path / "teelog.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def faults(flags=None, environ=None, file=None):
    with pytest.raises(ConfigError) as refused:
        load(flags or {}, environ or {}, file)
    return refused.value.faults


def test_nothing_is_needed():
    """Without flags, environment and file every value is the default, and says so."""
    loaded = load({}, {}, None)

    assert loaded.config.listen.port == 8080
    assert set(loaded.origins.values()) == {"default"}
    assert {"data_dir", "listen.port", "log.format"} <= set(loaded.origins)


def test_flags_go_before_environment_before_file_before_defaults(toml):
    """The nearest word counts, and each value remembers whose it was."""
    file = toml('[listen]\nport = 1\nhost = "::1"\ndrain_seconds = 5\n[journal]\ndurability = "power"\n')
    environ = {"TEELOG_LISTEN__PORT": "2", "TEELOG_LISTEN__HOST": "localhost", "TEELOG_DATA_DIR": "there"}

    loaded = load({"port": "3", "upstream": None, "data_dir": None}, environ, file)

    listen, origins = loaded.config.listen, loaded.origins
    assert (listen.port, origins["listen.port"]) == (3, "flag --port")
    assert (listen.host, origins["listen.host"]) == ("localhost", "environment TEELOG_LISTEN__HOST")
    assert (listen.drain_seconds, origins["listen.drain_seconds"]) == (5.0, "file teelog.toml")
    assert (listen.keepalive_seconds, origins["listen.keepalive_seconds"]) == (75.0, "default")
    assert (loaded.config.data_dir, origins["data_dir"]) == (Path("there"), "environment TEELOG_DATA_DIR")
    assert loaded.config.journal.durability == "power"


def test_every_flag_names_its_key():
    """The three flags set the upstream, the data folder and the port."""
    loaded = load({"upstream": "http://vllm:8000/v1/", "data_dir": Path("d"), "port": 0}, {}, None)

    assert loaded.config.upstream.base_url == "http://vllm:8000/v1"
    assert loaded.config.data_dir == Path("d")
    assert loaded.config.listen.port == 0
    assert loaded.origins["data_dir"] == "flag --data-dir"


def test_lists_and_tables_in_the_environment():
    """A list is written with commas or as JSON, a table as JSON; an empty variable is an empty list or no value."""
    loaded = load(
        {},
        {
            "TEELOG_LISTEN__CLIENT_KEYS": "one, two",
            "TEELOG_LISTEN__ALLOWED_HOSTS": '["a.example", "b.example"]',
            "TEELOG_CONVERSATION__ID_HEADERS": "",
            "TEELOG_PRIVACY__PATTERNS": '{"order": "ORD-[0-9]+"}',
            "TEELOG_PRIVACY__REDACT": "yes",
            "TEELOG_UPSTREAM__API_KEY": "",
        },
        None,
    )

    assert loaded.config.listen.client_keys == (Secret("one"), Secret("two"))
    assert loaded.config.listen.allowed_hosts == ("a.example", "b.example")
    assert loaded.config.conversation.id_headers == ()
    assert loaded.config.privacy.patterns == {"order": "ORD-[0-9]+"}
    assert loaded.config.privacy.redact is True
    assert loaded.config.upstream.api_key is None


def test_named_upstreams_meet_in_file_and_environment(toml):
    """`[upstreams.my-vllm]` and `TEELOG_UPSTREAMS__MY_VLLM__…` are one; a variable alone makes one too."""
    file = toml('[upstreams.my-vllm]\nbase_url = "http://vllm:8000/v1"\n')
    environ = {
        "TEELOG_UPSTREAMS__MY_VLLM__API_KEY": "sk-x",
        "TEELOG_UPSTREAMS__OTHER__BASE_URL": "https://other.example/v1",
    }

    loaded = load({}, environ, file)

    assert set(loaded.config.upstreams) == {"my-vllm", "other"}
    assert loaded.config.upstreams["my-vllm"].base_url == "http://vllm:8000/v1"
    assert loaded.config.upstreams["my-vllm"].api_key == Secret("sk-x")
    assert loaded.origins["upstreams.my-vllm.api_key"] == "environment TEELOG_UPSTREAMS__MY_VLLM__API_KEY"
    assert loaded.origins["upstreams.my-vllm.ca_file"] == "default"


def test_upstream_base_url_names_the_upstream_and_openai_base_url_is_never_read(toml):
    """The short name counts before the file and after the long one; what users set to us is not for us."""
    file = toml('[upstream]\nbase_url = "http://file.example/v1"\n')
    short = {"UPSTREAM_BASE_URL": "http://short.example/v1", "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}
    long = short | {"TEELOG_UPSTREAM__BASE_URL": "http://long.example/v1"}

    assert load({}, {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}, None).config == load({}, {}, None).config
    assert load({}, short, file).config.upstream.base_url == "http://short.example/v1"
    assert load({}, short, file).origins["upstream.base_url"] == "environment UPSTREAM_BASE_URL"
    assert load({}, long, file).config.upstream.base_url == "http://long.example/v1"
    assert load({}, {"UPSTREAM_BASE_URL": ""}, file).config.upstream.base_url == "http://file.example/v1"


OWN = '[delivery]\nurl = "http://analytics.internal:8081"\n'
INKEEP_SCENES = {
    "alone": ({}, "", INKEEP_URL, "ik"),
    "empty": ({"INKEEP_API_KEY": ""}, "", None, None),
    "another sink": ({}, OWN, "http://analytics.internal:8081", None),
    "another sink with its key": ({}, OWN + 'api_key = "own"\n', "http://analytics.internal:8081", "own"),
    "Inkeep by name": ({}, f'[delivery]\nurl = "{INKEEP_URL}"\n', INKEEP_URL, "ik"),
    "before the file": ({}, '[delivery]\napi_key = "old"\n', INKEEP_URL, "ik"),
    "after the long name": ({"TEELOG_DELIVERY__API_KEY": "long"}, "", INKEEP_URL, "long"),
    "local on purpose": ({"TEELOG_DELIVERY__URL": ""}, "", None, None),
    "a host that only looks like it": (
        {},
        '[delivery]\nurl = "https://inkeep.com.example.org"\n',
        "https://inkeep.com.example.org",
        None,
    ),
}


@pytest.mark.parametrize(("environ", "text", "url", "key"), INKEEP_SCENES.values(), ids=INKEEP_SCENES)
def test_inkeep_api_key(toml, environ, text, url, key):
    """Inkeep's key alone delivers to Inkeep, and is never given to another sink."""
    loaded = load({}, {"INKEEP_API_KEY": "ik"} | environ, toml(text))

    assert loaded.config.delivery.url == url
    assert loaded.config.delivery.api_key == (Secret(key) if key else None)


def test_all_faults_are_named_at_once(toml):
    """Every fault says which key, what was found and where, and what is allowed; one does not hide the next."""
    file = toml(
        'data_dri = "x"\n'
        "[listen]\nport = 70000\nprot = 1\nclient_keys = 5\n"
        '[lisen]\nport = 1\n[upstream]\nbase_url = "api.openai.com"\napi_key = "sk-planted"\n'
        '[journal]\ndurability = "forever"\n[privacy.patterns]\nbad = "("\n'
        '[conversation]\nid_headers = ["Authorization"]\ntenant = "team"\n'
    )

    found = faults({"port": "eighty"}, {"TEELOG_LISTEN_HOST": "0.0.0.0", "TEELOG_LOG__LEVEL": "loud"}, file)

    assert [line.split(": ")[0] for line in found] == [
        "data_dri",
        "listen.prot",
        "lisen",
        "TEELOG_LISTEN_HOST",
        "listen.port",
        "listen.client_keys",
        "upstream.base_url",
        "conversation.id_headers",
        "conversation.tenant",
        "privacy.patterns",
        "journal.durability",
        "log.level",
    ]
    assert "listen.prot: unknown (file teelog.toml); the nearest known one is listen.port" in found
    assert "data_dri: unknown (file teelog.toml); the nearest known one is data_dir" in found
    assert "lisen: unknown (file teelog.toml); the nearest known one is listen" in found
    assert "TEELOG_LISTEN_HOST: unknown environment variable; the nearest known one is TEELOG_LISTEN__HOST" in found
    assert 'listen.port: found "eighty" (flag --port); allowed: a whole number from 0 to 65535' in found
    assert "listen.client_keys: found *** (file teelog.toml); allowed: a list" in found
    assert (
        'log.level: found "loud" (environment TEELOG_LOG__LEVEL); allowed: "debug" | "info" | "warning" | "error"'
    ) in found


def test_no_fault_shows_a_secret(toml):
    """Keys, and what stands in a URL where keys stand, are masked; values of unknown keys are not shown."""
    file = toml(
        'delivery = "sk-planted"\nupstreams = "sk-planted"\n[listen]\nadmin_key = ["sk-planted"]\n'
        'admin_kee = "sk-planted"\n[upstream]\nbase_url = "https://sk-planted@example.com/v1?key=sk-planted"\n'
    )

    found = faults({}, {"TEELOG_UPSTREAM__API_KEY": "sk-planted\nx", "TEELOG_KEY": "sk-planted"}, file)

    assert len(found) == 7
    assert "planted" not in "\n".join(found)


def test_an_open_relay_stops_the_start():
    """A key of ours on a port that others reach, with no client keys, is named as what it is."""
    environ = {"TEELOG_LISTEN__HOST": "0.0.0.0", "TEELOG_UPSTREAM__API_KEY": "sk-planted"}

    (found,) = faults({}, environ)

    assert found.startswith("upstream.api_key: found *** (environment TEELOG_UPSTREAM__API_KEY)")
    assert "open relay" in found
    assert load({}, environ | {"TEELOG_LISTEN__CLIENT_KEYS": "team-key"}, None).config.upstream.api_key


def test_a_contradiction_is_not_said_of_a_broken_value(toml):
    """When the client keys cannot be read, nobody is told that there are none."""
    file = toml('[listen]\nhost = "0.0.0.0"\nclient_keys = "one"\n[upstream]\napi_key = "sk-x"\n')

    (found,) = faults({}, {}, file)

    assert found.startswith("listen.client_keys")


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "A", "a__b", "-a", '"a.b"', '"a/b"', '""'])
def test_an_upstream_cannot_have_every_name(toml, name):
    """The name is the first part of a path, and must not be one of ours."""
    (found,) = faults({}, {}, toml(f'[upstreams.{name}]\nbase_url = "http://x.example"\n'))

    assert "found this name" in found


def test_a_named_upstream_needs_an_address(toml):
    """A named upstream without a base_url would go to OpenAI unasked."""
    assert faults({}, {}, toml("[upstreams.x]\n")) == [
        "upstreams.x.base_url: found none; allowed: a URL, since a named upstream has no default"
    ]


def test_an_unknown_key_of_a_named_upstream_is_named(toml):
    """Sections of named upstreams are as strict as the others."""
    (found,) = faults({}, {}, toml('[upstreams.x]\nbase_url = "http://x.example"\nbase_uri = ""\n'))

    assert found.startswith("upstreams.x.base_uri: unknown")
    assert found.endswith("base_url")


UNUSED = {
    "another sink": ({"TEELOG_DELIVERY__URL": "https://sink.example"}, True),
    "another sink with its key": (
        {"TEELOG_DELIVERY__URL": "https://sink.example", "TEELOG_DELIVERY__API_KEY": "planted-too"}, False,
    ),
    "Inkeep": ({"TEELOG_DELIVERY__URL": "https://api.analytics.inkeep.com"}, False),
    "no sink named": ({}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSED)
def test_a_key_that_goes_nowhere_is_told(name):
    """INKEEP_API_KEY beside another sink without a key is not used, and that is said with what to set, never its value."""
    environ, told = UNUSED[name]

    assert load({}, environ | {"INKEEP_API_KEY": " "}, None).unused == ()
    unused = load({}, environ | {"INKEEP_API_KEY": "planted"}, None).unused
    assert len(unused) == told
    for said in unused:
        assert "INKEEP_API_KEY is set but goes to Inkeep's address only, not to https://sink.example" in said
        assert "set delivery.api_key (TEELOG_DELIVERY__API_KEY)" in said
        assert "planted" not in said


def test_kubernetes_service_variables_are_not_ours():
    """A Kubernetes service called teelog puts variables with our prefix into every pod; they stop nothing."""
    environ = {
        "TEELOG_SERVICE_HOST": "10.0.0.1",
        "TEELOG_SERVICE_PORT": "8080",
        "TEELOG_SERVICE_PORT_HTTP": "8080",
        "TEELOG_PORT": "tcp://10.0.0.1:8080",
        "TEELOG_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "TEELOG_PORT_8080_TCP_PROTO": "tcp",
        "TEELOG_PROXY_SERVICE_HOST": "10.0.0.1",
        "TEELOG_PROXY_PORT": "tcp://10.0.0.1:8080",
    }

    assert load({}, environ, None).config == load({}, {}, None).config
    assert faults({}, {"TEELOG_PORT": "8080"})[0].startswith("TEELOG_PORT: unknown")


def test_a_file_that_cannot_be_read_is_a_fault_among_the_others(tmp_path, toml):
    """A missing file, a folder, other bytes than UTF-8, broken TOML and bottomless TOML are named with the path given."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for file in (tmp_path / "none.toml", tmp_path, binary, toml("[listen\n"), toml(f"port = {'[' * 5000}")):
        found = faults({"port": "x"}, {}, file)

        assert [line.split(": ")[0] for line in found] == [f"--config {file}", "listen.port"]
