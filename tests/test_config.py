"""The sections of the configuration."""

import dataclasses
import pickle
from pathlib import Path

import pytest

from proxy.config import Config, Listen, Secret, Upstream

KEY = Secret("sk-planted-secret")


def test_a_config_needs_nothing():
    """Without any word the proxy listens on this machine alone and forwards to OpenAI."""
    config = Config()

    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8080)
    assert config.upstream.base_url == "https://api.openai.com/v1"
    assert config.delivery.url is None
    assert config.data_dir == Path("data")


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
