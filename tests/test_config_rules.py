"""The rules of single values."""

import pytest

from proxy import config_rules as rules
from proxy.core.hosts import is_loopback

KEPT = [
    (rules.url, "https://api.openai.com/v1/", "https://api.openai.com/v1"),
    (rules.url, "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    (rules.url, "http://vllm:8000", "http://vllm:8000"),
    (rules.host, "0.0.0.0", "0.0.0.0"),
    (rules.host, "::1", "::1"),
    (rules.host, "LocalHost", "localhost"),
    (rules.host, "my_service.ns.svc.cluster.local", "my_service.ns.svc.cluster.local"),
    (rules.origin, "https://App.example.com", "https://app.example.com"),
    (rules.origin, "http://localhost:3000", "http://localhost:3000"),
    (rules.header_name, "X-API-Key", "x-api-key"),
    (rules.kept_header_name, "X-Chat-Id", "x-chat-id"),
    (rules.tenant, "key", "key"),
    (rules.tenant, "none", "none"),
    (rules.tenant, "header:X-Team", "header:x-team"),
    (rules.patterns, {"order": r"ORD-\d+"}, {"order": r"ORD-\d+"}),
    (rules.database, "", ""),
    (rules.database, "sqlite:///data/a.db", "sqlite:///data/a.db"),
    (rules.Range(0, 65535), 0, 0),
    (rules.Range(0, 1), 1.0, 1.0),
]

BROKEN = [
    (rules.url, "api.openai.com/v1"),
    (rules.url, "ftp://example.com"),
    (rules.url, "https://"),
    (rules.url, "https:///v1"),
    (rules.url, "https://user:hidden@example.com/v1"),
    (rules.url, "https://example.com/v1?key=hidden"),
    (rules.url, "https://example.com/v1#hidden"),
    (rules.url, "https://example.com:99999/v1"),
    (rules.url, "https://example.com:0/v1"),
    (rules.url, "https://example.com/v 1"),
    (rules.url, "https://exa\nmple.com/v1"),
    (rules.url, "https://example.com\\v1"),
    (rules.url, "https://bücher.example/v1"),
    (rules.url, "http://[::1"),
    (rules.host, ""),
    (rules.host, "http://localhost"),
    (rules.host, "localhost:8080"),
    (rules.host, "[::1]"),
    (rules.host, "a b"),
    (rules.origin, "https://app.example.com/"),
    (rules.origin, "https://app.example.com/x"),
    (rules.origin, "app.example.com"),
    (rules.origin, "*"),
    (rules.header_name, "x chat"),
    (rules.header_name, "x-chat:"),
    (rules.header_name, ""),
    (rules.kept_header_name, "Authorization"),
    (rules.kept_header_name, "cookie"),
    (rules.tenant, "header:"),
    (rules.tenant, "header:a b"),
    (rules.tenant, "team"),
    (rules.patterns, {"bad": "(hidden"}),
    (rules.patterns, {"slow": "(a+)+b"}),
    (rules.database, "sqlite:///"),
    (rules.database, "postgresql://u:hidden@h/d"),
    (rules.Range(0, 65535), 65536),
    (rules.Range(0, 65535), -1),
    (rules.Range(0, 1), float("nan")),
]


def _name(value):
    return getattr(value, "__name__", None) or repr(value)


@pytest.mark.parametrize(("rule", "value", "tidied"), KEPT, ids=_name)
def test_a_value_that_keeps_its_rule_is_tidied(rule, value, tidied):
    """Slashes at the end go, names become lower-case, all else stays."""
    assert rule(value) == tidied


@pytest.mark.parametrize(("rule", "value"), BROKEN, ids=_name)
def test_a_value_that_breaks_its_rule_is_refused_without_being_repeated(rule, value):
    """The refusal says what is allowed, and never shows the value."""
    with pytest.raises(ValueError, match=".") as refused:
        rule(value)

    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)]
    + [("10.0.0.1", False), ("example.com", False), ("localhost.example.com", False)],
)
def test_loopback(host, only_here):
    """Loopback addresses and `localhost` are this machine's alone; every other name may be reachable."""
    assert is_loopback(host) is only_here


def test_paths(tmp_path):
    """A data folder may be missing but not be a file; a certificate file must be there."""
    file = tmp_path / "file"
    file.touch()

    assert rules.folder(tmp_path / "new") == tmp_path / "new"
    assert rules.existing_file(file) == file
    with pytest.raises(ValueError, match="folder"):
        rules.folder(file)
    with pytest.raises(ValueError, match="there"):
        rules.existing_file(tmp_path / "new")
