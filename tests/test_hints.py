"""What somebody probably meant, by the form of what they said."""

import pytest

from proxy.hints import likelier, nearest

LIKELIER = {
    "https://api.example.com": "https://api.example.com/v1",
    "https://api.example.com:8443/": "https://api.example.com:8443/v1",
    "https://api.example.com/v1/chat/completions": "https://api.example.com/v1",
    "https://api.example.com/v1/chat": "https://api.example.com/v1",
    "https://api.example.com/v1/completions": "https://api.example.com/v1",
    "https://api.example.com/v1/responses": "https://api.example.com/v1",
    "https://api.example.com/v1": "",
    "https://api.example.com/openai/v1": "",
    "https://api.example.com/api/paas/v4": "",
    "https://x.openai.azure.com/openai/deployments/gpt": "",
}


@pytest.mark.parametrize(("base_url", "other"), LIKELIER.items(), ids=LIKELIER)
def test_a_likelier_base_url(base_url, other):
    """What clients add is taken off, a missing path becomes /v1, and any other path is left in peace."""
    odd, found = likelier(base_url)

    assert found == other
    assert bool(odd) is bool(other)


@pytest.mark.parametrize(("said", "meant"), [("lits", "list"), ("shwo", "show"), ("-show", "show")])
def test_the_nearest_word(said, meant):
    """What was said is told with the known word that is most like it."""
    assert nearest(said, ("list", "show")) == f"; the nearest known one is {meant}"


KNOWN = (
    "listen.host",
    "listen.port",
    "conversation.tenant",
    "TEELOG_LISTEN__PORT",
    "TEELOG_DATA_DIR",
    "--port",
    "list",
)


@pytest.mark.parametrize("said", ["listen.banana", "conversation.kiwis", "TEELOG_BANANA", "--frobnicate", "xyz", ""])
def test_no_word_is_near(said):
    """What is like no known word, or only like its section or prefix, is given none; what is said instead is the caller's."""
    assert nearest(said, KNOWN) == ""
    assert nearest(said, KNOWN, "; see there") == "; see there"
