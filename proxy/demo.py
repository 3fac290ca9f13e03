"""`teelog demo`: the real thing with a sample upstream, a few conversations held through it, and what came of them.

The conversations are held as a client would, over HTTP, knowing only the base URL; what they should have become is
worked out here from what the client saw, and compared with what the analytics server says. With `--once` the exit code
is the comparison's.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from aiohttp import web

from . import log
from .app import run as run_loop
from .config import Conversation
from .relay_process import RelayProcess
from .sample import sample_app

if TYPE_CHECKING:
    from .config import Config, Loaded
    from .greeting import Addresses

#: Recording and delivering take a fraction of a second; a loaded machine gets more.
PATIENCE_SECONDS = 20.0

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def run(loaded: Loaded, *, once: bool) -> int:
    """Run the demo; the exit code."""
    with tempfile.TemporaryDirectory(prefix="teelog-demo-") as folder:
        config = demo_config(loaded, Path(folder))
        log.configure(config.log)
        return run_loop(_Demo(config, once=once).main())


def demo_config(loaded: Loaded, folder: Path) -> Config:
    """
    What was configured; where nothing was, free ports if the usual are taken.

    Left out is whatever would lead the sample conversations to real ones or keep one from being recorded: another sink
    or upstream, keys and conditions for clients, and the usual data folder. Theirs goes with the demo, unless
    `--data-dir` names one.
    """
    config, origins = loaded.config, loaded.origins
    config = replace(
        config,
        upstreams={},
        delivery=replace(config.delivery, url=None, api_key=None),
        listen=replace(config.listen, client_keys=(), allowed_hosts=()),
        conversation=Conversation(),
        privacy=replace(config.privacy, sample_rate=1.0),
        analytics=replace(config.analytics, database=""),
    )
    if origins["log.level"] == "default":
        config = replace(config, log=replace(config.log, level="warning"))
    if not origins["data_dir"].startswith("flag "):
        config = replace(config, data_dir=folder)
    if origins["listen.port"] == "default":
        config = replace(config, listen=replace(config.listen, port=_usual_or_free(config.listen.port)))
    if origins["analytics.port"] == "default":
        config = replace(config, analytics=replace(config.analytics, port=_usual_or_free(config.analytics.port)))
    return config


def _usual_or_free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


class _Demo:
    """The sample upstream, the proxy, and the conversations."""

    def __init__(self, config: Config, *, once: bool) -> None:
        self._config = config
        self._once = once

    async def main(self) -> int:
        """Run until a signal ends it, or with `once` until the conversations have been compared."""
        runner = web.AppRunner(sample_app(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            upstream = replace(self._config.upstream, base_url=f"http://127.0.0.1:{port}/v1", api_key=None)
            config = replace(self._config, upstream=upstream)
            return await RelayProcess(config, on_ready=self._hold).main()
        finally:
            await runner.cleanup()

    async def _hold(self, addresses: Addresses) -> int | None:
        async with aiohttp.ClientSession() as session:
            client = Client(session, addresses.proxy, addresses.analytics_key)
            before = await _logged(session, addresses)
            await _converse(client)
            faults = await _compare(session, client, addresses, before)
        _say("\nEverything is logged as it was said." if not faults else "\nWhat was logged is not what was said:")
        for fault in faults:
            _say(f"  - {fault}")
        if self._once:
            return 1 if faults else 0
        _say(
            f"\n  Look at it:    {addresses.analytics}/chats   (sign in with {addresses.analytics_key})\n"
            f"  Try it:        export OPENAI_BASE_URL={addresses.proxy}/v1\n"
            "  End it:        Ctrl-C"
        )
        return None


@dataclass
class Client:
    """A chat client that knows a base URL; `said` is what its user saw."""

    session: aiohttp.ClientSession
    proxy: str
    key: str
    said: list[list[dict[str, Any]]] = field(default_factory=list)
    #: Exchange id of each conversation's last answer.
    ids: list[str] = field(default_factory=list)
    liked: str = ""

    def begin(self) -> list[dict[str, Any]]:
        """A new conversation; its messages."""
        self.said.append([])
        self.ids.append("")
        return self.said[-1]

    async def ask(self, messages: list[dict[str, Any]], *, stream: bool, **more: Any) -> dict[str, Any]:
        """One turn: the history goes out, the answer comes back and joins it."""
        body = {"model": "sample", "messages": messages, "stream": stream, **more}
        headers = {"Authorization": "Bearer demo-key-of-a-user"}
        url = f"{self.proxy}/v1/chat/completions"
        async with self.session.post(url, json=body, headers=headers) as response:
            response.raise_for_status()
            self.ids[-1] = response.headers["x-teelog-id"]
            raw = await response.read()
        message = _streamed(raw) if stream else orjson.loads(raw)["choices"][0]["message"]
        messages.append(message)
        return dict(message)

    async def like(self) -> None:
        """A thumb up for the last answer."""
        self.liked = self.ids[-1]
        body = {"type": "positive", "messageId": self.liked, "reasons": [{"label": "clear", "details": ""}]}
        headers = {"Authorization": f"Bearer {self.key}"}
        async with self.session.post(f"{self.proxy}/feedback", json=body, headers=headers) as response:
            response.raise_for_status()


def _streamed(raw: bytes) -> dict[str, Any]:
    """What a client makes of the sample upstream's stream."""
    text: str | None = None
    calls: dict[int, dict[str, Any]] = {}
    for line in raw.split(b"\n"):
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        delta = orjson.loads(line[6:])["choices"][0]["delta"]
        if delta.get("content") is not None:
            text = (text or "") + delta["content"]
        for fragment in delta.get("tool_calls", ()):
            call = calls.setdefault(fragment["index"], {**fragment, "function": {**fragment["function"]}})
            if call["function"] != fragment["function"]:
                call["function"]["arguments"] += fragment["function"]["arguments"]
            call.pop("index", None)
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls.values())} if calls else {})}


async def _converse(client: Client) -> None:
    _say("Holding conversations through the proxy …\n")
    first = client.begin()
    await _turn(client, first, "What does a logging proxy do?", stream=True)
    await _turn(client, first, "Does that make my chat slow?", stream=True)
    second = client.begin()
    await _turn(client, second, "What is the weather in Reykjavik?", stream=True, tools=[_TOOL])
    call = second[-1]["tool_calls"][0]
    second.append({"role": "tool", "tool_call_id": call["id"], "content": "4 °C and windy"})
    _say(f"  tool:      {call['function']['name']}({call['function']['arguments']}) → 4 °C and windy")
    _tell(await client.ask(second, stream=True, tools=[_TOOL]))
    third = client.begin()
    await _turn(client, third, "And when something crashes?", stream=False)
    await client.like()
    _say("  (a thumb up)")


async def _turn(client: Client, messages: list[dict[str, Any]], text: str, *, stream: bool, **more: Any) -> None:
    messages.append({"role": "user", "content": text})
    _say(f"  user:      {text}")
    _tell(await client.ask(messages, stream=stream, **more))


def _tell(message: dict[str, Any]) -> None:
    calls = ", ".join(call["function"]["name"] for call in message.get("tool_calls", ()))
    _say(f"  assistant: {message['content'] or f'(calls {calls})'}")


# --- what was logged


@dataclass
class Logged:
    """What analytics has, newest first."""

    conversations: list[dict[str, Any]]
    thumbs: list[dict[str, Any]]

    def since(self, before: Logged) -> Logged:
        """What has come since; a folder named by `--data-dir` may hold earlier demos."""
        known = {one["id"] for one in (*before.conversations, *before.thumbs)}
        return Logged(
            [one for one in self.conversations if one["id"] not in known],
            [one for one in self.thumbs if one["id"] not in known],
        )


async def _logged(session: aiohttp.ClientSession, addresses: Addresses) -> Logged:
    headers = {"Authorization": f"Bearer {addresses.analytics_key}"}
    async with session.get(f"{addresses.analytics}/conversations?limit=100", headers=headers) as response:
        conversations = (await response.json())["conversations"]
    async with session.get(f"{addresses.analytics}/feedback", headers=headers) as response:
        return Logged(conversations, (await response.json())["positiveFeedback"])


async def _compare(session: aiohttp.ClientSession, client: Client, addresses: Addresses, before: Logged) -> list[str]:
    """What is missing or wrong, in words; waits a while for it to arrive."""
    faults, logged = ["nothing was compared"], before
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while faults:
                await asyncio.sleep(0.1)
                logged = (await _logged(session, addresses)).since(before)
                faults = faults_of(client, logged)
    except TimeoutError:
        pass
    _say(f"\nLogged at {addresses.analytics}:\n")
    for conversation in reversed(logged.conversations):
        _say(f"  {conversation['id']}: {len(conversation['messages'])} messages")
    return faults


def faults_of(client: Client, logged: Logged) -> list[str]:
    said = sorted((_transcript(messages) for messages in client.said), key=str)
    found = sorted((_transcript(conversation["messages"]) for conversation in logged.conversations), key=str)
    faults = [f"missing or different: {one}" for one in said if one not in found]
    faults += [f"not said: {one}" for one in found if one not in said]
    if len(found) != len(said) and not faults:
        faults.append(f"{len(found)} conversations instead of {len(said)}")
    if [thumb["messageId"] for thumb in logged.thumbs] != [client.liked]:
        faults.append("the thumb up is not at its message")
    return faults


def _transcript(messages: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Who said what, with calls and their results, whether as OpenAI tells it or as the analytics format does."""
    lines: list[tuple[str, ...]] = []
    for message in messages:
        if message["role"] == "tool":
            lines.append(("result", message["tool_call_id"], message["content"]))
            continue
        lines.append((message["role"], message["content"] or ""))
        lines += [
            ("call", call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ]
        results = (message.get("properties") or {}).get("toolResults") or ()
        lines += [("result", result["tool_call_id"], result["content"]) for result in results]
    return lines


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
