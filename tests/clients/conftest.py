"""Installed once for all tests here, and thrown away after them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.clients.installs import npm, python_with
from tests.clients.upstream import ProviderUpstream
from tests.e2e.process import Teelog


@pytest.fixture(scope="session")
def folder():
    """Where things are installed; removed at once, for some are hundreds of megabytes."""
    with tempfile.TemporaryDirectory(prefix="clients-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def node_folder(folder):
    """A folder with the npm packages of the clients."""
    home = folder / "node"
    home.mkdir()
    print("npm:", npm(home, "openai", "ai", "@ai-sdk/openai", "zod"))
    return home


@pytest.fixture(scope="session")
def litellm_python(folder):
    """LiteLLM, as a client and as a server."""
    home = folder / "litellm"
    home.mkdir()
    return python_with(home, "litellm[proxy]")


@pytest.fixture(scope="session")
def llama_python(folder):
    """llama.cpp's own server as a wheel, and what writes its model."""
    home = folder / "llama"
    home.mkdir()
    return python_with(home, "xllamacpp", "gguf", "tokenizers", "numpy<2.4")


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def provider(request):
    with ProviderUpstream(gzips=request.param) as server:
        yield server


@pytest.fixture
def teelog(tmp_path, provider):
    """The real command in front of that upstream."""
    with Teelog(tmp_path, provider.url) as command:
        yield command
