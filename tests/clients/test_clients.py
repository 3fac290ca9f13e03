"""Clients that no one here wrote, each told only its base URL: what they showed is what was logged, once."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from tests.clients.installs import run, version
from tests.e2e.process import Teelog, transcript

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def client_settings(teelog: Teelog) -> dict[str, str]:
    return {"OPENAI_BASE_URL": teelog.base_url, "OPENAI_API_KEY": "sk-of-the-user"}


def logged(teelog: Teelog, seen: list) -> list[list[tuple]]:
    """The transcripts, once there are as many lines as were seen."""
    lines = sum(map(len, seen))
    teelog.until(lambda: sum(len(transcript(one)) for one in teelog.conversations()) >= lines)
    return sorted((transcript(one) for one in teelog.conversations()), key=str)


def as_seen(printed: str) -> list[list[tuple]]:
    """What a client printed, as transcripts."""
    return sorted(([tuple(line) for line in one] for one in json.loads(printed)), key=str)


def parsed(conversations: list[list[tuple]]) -> list[list[tuple]]:
    """The arguments of calls as values, for clients that show them parsed."""
    return [[(*line[:3], json.loads(line[3])) if line[0] == "call" else line for line in one] for one in conversations]


def test_openai_node(teelog, provider, node_folder):
    """The openai Node SDK: create, stream, the stream helper and runTools, streamed and not."""
    shutil.copy(HERE / "openai_node.mjs", node_folder)
    seen = as_seen(run("node", "openai_node.mjs", cwd=node_folder, patience=60, **client_settings(teelog)))

    assert logged(teelog, seen) == seen
    assert set(provider.codings) == {"gzip" if provider.gzips else ""}


def test_ai_sdk(teelog, provider, node_folder):
    """The AI SDK: generateText and streamText with and without tools."""
    shutil.copy(HERE / "ai_sdk.mjs", node_folder)
    seen = as_seen(run("node", "ai_sdk.mjs", cwd=node_folder, patience=60, **client_settings(teelog)))

    assert parsed(logged(teelog, seen)) == parsed(seen)
    assert set(provider.codings) == {"gzip" if provider.gzips else ""}


def test_litellm(teelog, provider, litellm_python):
    """The LiteLLM SDK: plain, streamed, in an event loop, and with tools."""
    print("litellm:", version(litellm_python, "litellm"))
    settings = client_settings(teelog) | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    printed = run(litellm_python, HERE / "litellm_client.py", cwd=litellm_python.parent, patience=90, **settings)
    seen = as_seen(printed.splitlines()[-1])

    assert logged(teelog, seen) == seen


CURLS = {
    "plain": [],
    "compressed": ["--compressed"],
    "HTTP/1.0": ["--http1.0"],
    "asks for h2c": ["--http2"],
    "chunked upload": ["-H", "Transfer-Encoding: chunked"],
    "waits for 100": ["-H", "Expect: 100-continue"],
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("options", CURLS.values(), ids=CURLS)
def test_curl(teelog, provider, tmp_path, options, stream):
    """curl, in several ways to ask: the words on its terminal are the words logged."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "from curl ü"}], "stream": stream}
    command = [
        "curl", "-sS", "-N", "--fail", "--max-time", "20", *options, f"{teelog.base_url}/chat/completions",
        "-H", "Content-Type: application/json", "-H", "Authorization: Bearer sk-of-the-user", "-d", json.dumps(asked),
    ]  # fmt: skip
    seen = [[("user", "from curl ü"), ("assistant", words_in(run(*command, cwd=tmp_path)))]]

    assert seen[0][1] == ("assistant", "echo of from curl ü")
    assert logged(teelog, seen) == seen
    assert provider.codings == ["gzip" if provider.gzips and options == ["--compressed"] else ""]


def test_java(teelog, tmp_path):
    """The HTTP client of the JDK, whose first request asks for HTTP/2, and whose others reuse the connection."""
    if not shutil.which("java"):
        pytest.skip("no JDK here: neither npm nor pip has one")
    printed = run("java", HERE / "Chat.java", teelog.base_url, cwd=tmp_path, patience=60)
    answers = [words_in(base64.b64decode(line).decode()) for line in printed.split()]
    asked = ["java ü false", "java ü true", "java ü true"]
    seen = [[("user", question), ("assistant", answer)] for question, answer in zip(asked, answers, strict=True)]

    assert answers == [f"echo of {question}" for question in asked]
    assert logged(teelog, seen) == sorted(seen, key=str)


def words_in(body: str) -> str:
    """The text of an answer as it came, whole or streamed."""
    if body.startswith("{"):
        return json.loads(body)["choices"][0]["message"]["content"]
    events = body.removesuffix("data: [DONE]\n\n").split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if event]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
