"""The sections, and what cannot be meant together."""

import dataclasses
import pickle
from pathlib import Path

import pytest

from proxy.config import Config, Delivery, JournalConfig, Listen, Secret, Upstream, contradictions

KEY = Secret("sk-planted-secret")
ORIGINS = {"upstream.api_key": "A", "upstreams.x.api_key": "X", "delivery.api_key": "D", "analytics.port": "P"}


def test_a_config_needs_nothing():
    """Without any word the proxy listens on this machine alone and forwards to OpenAI."""
    config = Config()

    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8080)
    assert config.upstream.base_url == "https://api.openai.com/v1"
    assert config.delivery.url is None
    assert config.data_dir == Path("data")
    assert list(contradictions(config, {})) == []


def test_a_config_is_frozen():
    """A section cannot be changed after it was made."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().listen.port = 1


def test_a_config_travels_to_another_process_and_prints_no_secret():
    """The recorder gets the same configuration, and no print of it shows a key."""
    config = Config(upstream=Upstream(api_key=KEY), listen=Listen(client_keys=(KEY,)))

    again = pickle.loads(pickle.dumps(config))

    assert again == config
    assert again.upstream.api_key.reveal() == "sk-planted-secret"
    assert "planted" not in repr(config)
    assert "planted" not in f"{KEY} {KEY!r} {KEY!s:>9}"


def test_a_secret_compares_by_what_it_hides():
    """Two secrets are equal when their texts are; a text is never equal to a secret; an empty one is false."""
    assert Secret("ключ") == Secret("ключ")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret("")


OPEN = Listen(host="0.0.0.0")
CONTRADICTIONS = {
    "open relay": (Config(listen=OPEN, upstream=Upstream(api_key=KEY)), ["upstream.api_key: "]),
    "open relay by a named upstream": (
        Config(listen=OPEN, upstreams={"x": Upstream(api_key=KEY)}),
        ["upstreams.x.api_key: "],
    ),
    "open relay, twice": (
        Config(listen=Listen(host="::"), upstream=Upstream(api_key=KEY), upstreams={"x": Upstream(api_key=KEY)}),
        ["upstream.api_key: ", "upstreams.x.api_key: "],
    ),
    "a name that is not this machine's": (
        Config(listen=Listen(host="teelog.example.com"), upstream=Upstream(api_key=KEY)),
        ["upstream.api_key: "],
    ),
    "closed by client keys": (
        Config(listen=Listen(host="0.0.0.0", client_keys=(KEY,)), upstream=Upstream(api_key=KEY)),
        [],
    ),
    "closed by loopback": (Config(listen=Listen(host="::1"), upstream=Upstream(api_key=KEY)), []),
    "no key to use": (Config(listen=OPEN), []),
    "replace without a key": (Config(upstream=Upstream(api_key_mode="replace")), ["upstream.api_key_mode: "]),
    "a key for no sink": (Config(delivery=Delivery(api_key=KEY)), ["delivery.api_key: "]),
    "one port for two": (Config(listen=Listen(port=8081)), ["analytics.port: "]),
    "one port for two, everywhere": (Config(listen=Listen(host="0.0.0.0", port=8081)), ["analytics.port: "]),
    "one port, no local server": (Config(listen=Listen(port=8081), delivery=Delivery(url="https://a.example")), []),
    "a record larger than the journal": (
        Config(journal=JournalConfig(max_bytes=1024**2, record_max_bytes=2 * 1024**2)),
        ["journal.record_max_bytes: "],
    ),
}


@pytest.mark.parametrize(("config", "starts"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions(config, starts):
    """What cannot be meant together is named by its key, and shows no secret."""
    found = [text for _, text in contradictions(config, ORIGINS)]

    assert [text[: len(start)] for text, start in zip(found, starts, strict=True)] == starts
    assert "planted" not in "".join(found)
