"""Which proxy the environment names for which server."""

from __future__ import annotations

import pytest

from proxy.config import Config, Delivery, Proxy, Secret, Upstream
from proxy.config_sources import load
from proxy.errors import ConfigError
from proxy.proxies import ways

HTTPS, HTTP = "https://llm.example/v1", "http://llm.example:8000/v1"
P = "http://proxy.example:3128"
FOUND = {
    "https": (HTTPS, {"HTTPS_PROXY": P}, "HTTPS_PROXY"),
    "http": (HTTP, {"HTTP_PROXY": P}, "HTTP_PROXY"),
    "other-scheme": (HTTPS, {"HTTP_PROXY": P}, None),
    "lower-case-first": (HTTPS, {"https_proxy": P, "HTTPS_PROXY": "http://other:1"}, "https_proxy"),
    "lower-case-empty": (HTTPS, {"https_proxy": "", "HTTPS_PROXY": P}, None),
    "empty": (HTTPS, {"HTTPS_PROXY": ""}, None),
    "no-proxy-name": (HTTPS, {"HTTPS_PROXY": P, "NO_PROXY": "localhost, llm.example"}, None),
    "no-proxy-domain": (HTTPS, {"HTTPS_PROXY": P, "no_proxy": ".example"}, None),
    "no-proxy-case": (HTTPS, {"HTTPS_PROXY": P, "NO_PROXY": "LLM.Example"}, None),
    "no-proxy-part-of-a-name": (HTTPS, {"HTTPS_PROXY": P, "NO_PROXY": "m.example"}, "HTTPS_PROXY"),
    "no-proxy-port": (HTTP, {"HTTP_PROXY": P, "NO_PROXY": "llm.example:8000"}, None),
    "no-proxy-other-port": (HTTP, {"HTTP_PROXY": P, "NO_PROXY": "llm.example:80"}, "HTTP_PROXY"),
    "no-proxy-all": (HTTPS, {"HTTPS_PROXY": P, "NO_PROXY": "*"}, None),
    "no-proxy-nothing": (HTTPS, {"HTTPS_PROXY": P, "NO_PROXY": " , ."}, "HTTPS_PROXY"),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_variable_that_counts(name):
    """Scheme, spelling and NO_PROXY decide; without `trust_env` the same variable is named as ignored."""
    url, environ, variable = FOUND[name]
    trusting = ways(Config(upstream=Upstream(base_url=url, trust_env=True)), environ)
    wary = ways(Config(upstream=Upstream(base_url=url)), environ)

    assert trusting.trusted == ({"upstream": Proxy(variable, "proxy.example", 3128)} if variable else {})
    assert (wary.trusted, wary.ignored) == ({}, (variable,) if variable else ())
    assert trusting.ignored == trusting.faults == wary.faults == ()


VALUES = {
    P: Proxy("HTTPS_PROXY", "proxy.example", 3128),
    "proxy.example": Proxy("HTTPS_PROXY", "proxy.example", 80),
    "proxy.example:3128/": Proxy("HTTPS_PROXY", "proxy.example", 3128),
    "http://[::1]:3128": Proxy("HTTPS_PROXY", "::1", 3128),
    "http://us%40er:p%3Aw@proxy.example:1": Proxy(
        "HTTPS_PROXY", "proxy.example", 1, Secret("Basic dXNAZXI6cDp3")
    ),
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_how_a_proxy_may_be_written(value):
    """With or without scheme, port and credentials, which may be percent-encoded."""
    config = Config(upstream=Upstream(trust_env=True))

    assert ways(config, {"HTTPS_PROXY": value}).trusted == {"upstream": VALUES[value]}


@pytest.mark.parametrize("value", ["socks5://u:planted@h:1", "https://planted@h:1", "http://:1", "http://h:planted"])
def test_a_proxy_that_cannot_be_used_stops_the_start(value):
    """What is no http:// proxy is a fault without its value, and none where nobody asks for it."""
    with pytest.raises(ConfigError) as error:
        load({}, {"HTTPS_PROXY": value, "TEELOG_UPSTREAM__TRUST_ENV": "true"}, None)

    (fault,) = error.value.faults
    assert fault.startswith(
        "HTTPS_PROXY: found *** (environment), which upstream.trust_env asks to use; allowed: http://"
    )
    assert "planted" not in fault
    assert load({}, {"HTTPS_PROXY": value}, None).ignored_proxies == ("HTTPS_PROXY",)


def test_each_server_has_its_own_way():
    """Upstreams and sink are trusted one by one; a variable that several ignore is named once."""
    config = Config(
        upstream=Upstream(base_url=HTTPS),
        upstreams={"side": Upstream(base_url=HTTPS, trust_env=True), "other": Upstream(base_url=HTTPS)},
        delivery=Delivery(url="http://sink.example", trust_env=True),
    )
    found = ways(config, {"HTTPS_PROXY": P, "HTTP_PROXY": P})

    assert {key: proxy.variable for key, proxy in found.trusted.items()} == {
        "upstreams.side": "HTTPS_PROXY", "delivery": "HTTP_PROXY",
    }  # fmt: skip
    assert found.ignored == ("HTTPS_PROXY",)


def test_a_proxy_does_not_show_its_credentials():
    """What is loaded can be printed."""
    loaded = load({}, {"HTTPS_PROXY": "http://u:planted@h:1", "TEELOG_UPSTREAM__TRUST_ENV": "true"}, None)

    assert loaded.proxies["upstream"].headers()["Proxy-Authorization"].startswith("Basic ")
    assert "dTpwbGFudGVk" not in repr(loaded)
    assert "planted" not in repr(loaded)
