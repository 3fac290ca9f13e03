"""Installed once for all tests here, and thrown away after them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.analytics import hostile
from tests.clients import inkeep
from tests.clients.installs import npm, python_with, version
from tests.clients.place import Place
from tests.clients.servers import litellm, llama
from tests.clients.upstream import ProviderUpstream
from tests.e2e.analytics_server import AnalyticsServer
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


@pytest.fixture(scope="module")
def llama_url(llama_python, tmp_path_factory):
    """llama.cpp's server."""
    print("xllamacpp:", version(llama_python, "xllamacpp"))
    with llama(llama_python, tmp_path_factory.mktemp("llama")) as url:
        yield url


@pytest.fixture(scope="module", params=["llama.cpp", "LiteLLM"])
def place(request, llama_url, tmp_path_factory):
    """That server, or LiteLLM in front of it, and teelog before it."""
    folder = tmp_path_factory.mktemp("place")
    if request.param == "llama.cpp":
        with Teelog(folder, llama_url) as teelog:
            yield Place(request.param, llama_url, teelog)
        return
    python = request.getfixturevalue("litellm_python")
    print("litellm:", version(python, "litellm"))
    with litellm(python, folder, llama_url) as url, Teelog(folder, url) as teelog:
        yield Place(request.param, url, teelog)


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def provider(request):
    with ProviderUpstream(gzips=request.param) as server:
        yield server


@pytest.fixture
def teelog(tmp_path, provider):
    """The real command in front of that upstream."""
    with Teelog(tmp_path, provider.url) as command:
        yield command


@pytest.fixture(scope="session")
def sdk_folder(folder):
    """A folder with Inkeep's SDK and our calls of it."""
    inkeep.install(folder / "inkeep")
    return folder / "inkeep"


@pytest.fixture(scope="module")
def analytics(tmp_path_factory):
    """The URL of an analytics server that has taken all that is hostile."""
    folder = tmp_path_factory.mktemp("analytics")
    with AnalyticsServer(folder, TEELOG_ANALYTICS__WEB_KEYS=inkeep.WEB_KEY) as server:
        for path, body in hostile.logged():
            server.post(path, body)
        yield server.analytics
