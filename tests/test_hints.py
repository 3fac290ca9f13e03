"""What is said of a base URL by its form."""

import pytest

from proxy.hints import likelier

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
