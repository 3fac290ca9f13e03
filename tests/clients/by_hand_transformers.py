"""`transformers serve` on random weights behind teelog. Run by hand, for torch is too big to install in each run:

    TRANSFORMERS_PYTHON=/path/to/venv/bin/python pytest -m slow tests/clients/by_hand_transformers.py

with the Python of an environment that has torch (CPU), `transformers[serving]` and accelerate.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.clients.answers import ask, ask_response, raw, shown, shown_response, steady, told
from tests.clients.installs import run, version
from tests.clients.place import Place
from tests.clients.servers import HERE, started
from tests.e2e.process import Teelog

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformers")
    python = Path(os.environ["TRANSFORMERS_PYTHON"])
    print("transformers:", version(python, "transformers"))
    run(python, HERE / "tiny_hf.py", "tiny", cwd=folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def address(_: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return f"http://127.0.0.1:{port}/v1"
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    command = [python.parent / "transformers", "serve", folder / "tiny", "--port", port, "--device", "cpu"]
    settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with started(command, folder, address, **settings) as url, Teelog(folder, url) as teelog:
        yield Place("transformers", url, teelog)


@pytest.fixture
def model(tmp_path_factory):
    """The model's name: the folder it lies in."""
    return str(tmp_path_factory.getbasetemp() / "transformers0" / "tiny")


CASES = {"text": {}, "longer": {"max_tokens": 60}, "two asked, one given": {"n": 2}}


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("name", CASES)
def test_answers(place, model, name, how):
    """A stream without [DONE], and an answer: the same as directly, and logged as the SDK tells it, as complete."""
    question = f"{name}, {how}"
    body = {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": 8, **CASES[name]}
    direct, through = (ask(client, how, body) for client in place.clients)
    seen = [shown(choice) for choice in through.choices]
    answer = place.logged(question)["messages"][1]

    assert seen == [shown(choice) for choice in direct.choices]
    assert told(answer) == seen
    assert seen[0]["content"]
    assert "interrupted" not in answer["properties"]
    assert answer["properties"]["completionId"] == through.id
    assert answer["properties"]["usage"]["completion_tokens"] == through.usage.completion_tokens


@pytest.mark.parametrize("how", ["whole", "streamed", "put together"])
def test_responses(place, model, how):
    """An answer of its Responses API: the same as directly, and logged as the SDK tells it or puts it together."""
    question = f"responses, {how}"
    body = {"model": model, "input": question, "max_output_tokens": 8}
    if how == "put together":
        told_by_sdk = []
        for client in place.clients:
            with client.responses.stream(**body) as stream:
                told_by_sdk.append(stream.get_final_response())
        direct, through = told_by_sdk
    else:  # it streams unless it is told not to
        body = body if how == "streamed" else {**body, "stream": False}
        direct, through = (ask_response(client, how, body) for client in place.clients)
    answer = place.logged(question)["messages"][1]

    assert shown_response(through) == shown_response(direct)
    assert told(answer) == [shown_response(through)]
    assert answer["content"]
    assert "interrupted" not in answer["properties"]
    assert answer["properties"]["completionId"] == through.id


REFUSED = {
    "no messages": (500, {}),
    "no such model": (400, {"model": "none", "messages": [{"role": "user", "content": "hi"}]}),
    "messages of text": (500, {"messages": "hi"}),
}


@pytest.mark.parametrize(("status", "asked"), REFUSED.values(), ids=REFUSED)
def test_refusals(place, model, status, asked):
    """What it refuses, in plain text or in a shape of its own, comes word for word, and makes no conversation."""
    before = len(place.passed(0))
    direct, through = (raw(url, json.dumps({"model": model, **asked}).encode()) for url in place.urls)

    assert direct[0] == status
    assert steady(through) == steady(direct)
    assert place.passed(before + 1)[-1]["outcome"] == "refused"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_bytes(place, model, stream):
    """But for ids and times the bytes through teelog are those the server sends."""
    asked = {"model": model, "stream": stream, "max_tokens": 8, "messages": [{"role": "user", "content": "bytes"}]}
    direct, through = (raw(url, json.dumps(asked).encode()) for url in place.urls)

    assert direct[0] == 200
    assert steady(through) == steady(direct)
