"""What cannot be meant together, and what only looks like it."""

import pytest

from proxy.config import Config, Delivery, JournalConfig, Listen, Secret, Upstream
from proxy.contradictions import contradictions

KEY = Secret("sk-planted-secret")
ORIGINS = {
    "upstream.api_key": "A", "upstreams.x.api_key": "X", "delivery.api_key": "D", "analytics.port": "P",
    "upstream.base_url": "U", "upstreams.x.base_url": "B",
}  # fmt: skip


def test_the_defaults_are_meant_together():
    """Nothing is said of a configuration that nobody has changed."""
    assert list(contradictions(Config(), {})) == []


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


#: listen.host, the host in the base URL -> whether that is teelog itself, on one port.
OWN = {
    "the same address": ("127.0.0.1", "127.0.0.1", True),
    "localhost": ("127.0.0.1", "localhost", True),
    "localhost listened on": ("localhost", "[::1]", True),
    "IPv6": ("::1", "[::1]", True),
    "a name under localhost": ("127.0.0.1", "me.localhost", True),
    "everywhere, by loopback": ("0.0.0.0", "127.0.0.1", True),
    "everywhere, by localhost": ("::", "localhost", True),
    "everywhere, by that": ("127.0.0.1", "0.0.0.0", True),
    "another name that is listened on": ("teelog.example", "teelog.example", True),
    "another loopback address": ("127.0.0.1", "127.0.0.2", False),
    "another loopback address, IPv6": ("127.0.0.1", "[::1]", False),
    "another machine": ("127.0.0.1", "10.0.0.1", False),
    "another machine, from everywhere": ("0.0.0.0", "llm.example", False),
    "from one address alone": ("10.0.0.1", "127.0.0.1", False),
}


@pytest.mark.parametrize(("here", "there", "own"), OWN.values(), ids=OWN)
def test_an_upstream_that_is_teelog_itself(here, there, own):
    """A base URL with our own port is ours where the host is, by any name of it; with another port it never is."""

    def found(port, name=""):
        upstream = Upstream(base_url=f"http://{there}:{port}/v1")
        listen = Listen(host=here, port=9000)
        config = Config(listen=listen, **({"upstreams": {name: upstream}} if name else {"upstream": upstream}))
        return [text for _, text in contradictions(config, ORIGINS)]

    assert [text.split(": ")[0] for text in found(9000)] == ["upstream.base_url"] * own
    assert [text.split(": ")[0] for text in found(9000, "x")] == ["upstreams.x.base_url"] * own
    assert found(9001) == []


def test_a_base_url_without_a_port_has_its_scheme_s():
    """Port 80 is meant by http:// alone, and 443 by https://."""
    for scheme, port in (("http", 80), ("https", 443)):
        config = Config(listen=Listen(port=port), upstream=Upstream(base_url=f"{scheme}://localhost/v1"))

        ((_, text),) = contradictions(config, ORIGINS)
        assert "which is teelog itself" in text
