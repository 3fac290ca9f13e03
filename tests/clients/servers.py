"""Real servers, started for a test and killed after it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.installs import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
#: LiteLLM refuses keys that look weak.
KEY = "sk-local-0123456789abcdef0123456789abcdef"


@contextmanager
def started(command: list, folder: Path, address: Callable[[str], str | None], **settings: str) -> Iterator[str]:
    """A server's address, as soon as `address` finds it in what the server wrote."""
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=os.environ | settings, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while not (found := address(log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < end, log.read_text(errors="replace")[-4000:]
            time.sleep(0.1)
        yield found
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def llama(python: Path, folder: Path) -> Iterator[str]:
    """llama.cpp's server on random weights; its base URL."""
    run(python, HERE / "tiny_gguf.py", "tiny.gguf", cwd=folder)

    def address(log: str) -> str | None:
        lines = [line for line in log.splitlines() if line.startswith("address ")]
        return lines[0].removeprefix("address ") + "/v1" if lines else None

    with started([python, HERE / "llama_server.py", "tiny.gguf"], folder, address) as url:
        yield url


@contextmanager
def litellm(python: Path, folder: Path, upstream: str) -> Iterator[str]:
    """The LiteLLM proxy in front of an upstream; its base URL."""
    (folder / "litellm.yaml").write_text(
        "model_list:\n"
        f"  - {{model_name: tiny, litellm_params: {{model: openai/tiny, api_base: '{upstream}', api_key: none}}}}\n"
        f"general_settings: {{master_key: {KEY}}}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    def address(_: str) -> str | None:
        try:
            with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5):
                return f"{url}/v1"
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    command = [python.parent / "litellm", "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", port]
    with started(command, folder, address, LITELLM_LOCAL_MODEL_COST_MAP="True") as found:
        yield found
