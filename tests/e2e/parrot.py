"""An upstream that answers what the request itself says in `say`, a field of ours that no model knows; and its client."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.request
from dataclasses import dataclass, field

from aiohttp import web

from tests.e2e.upstream import ChatUpstream, deltas

USAGE = {"prompt_tokens": 412, "completion_tokens": 96, "total_tokens": 508}


class Parrot(ChatUpstream):
    """Answers with `say.choices` (messages, in words or with calls), cut off in the middle where `say.cut` is true."""

    async def _answer(self, request: web.Request, asked: dict, number: int) -> web.StreamResponse:
        said = asked["say"]
        messages = [one if isinstance(one, dict) else {"content": one} for one in said["choices"]]
        base = {"id": f"chatcmpl-{number}", "created": 1_790_000_000, "model": asked["model"]}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for index, message in enumerate(messages):
            steps = [(delta, None) for delta in deltas({"content": None} | message)]
            if message.get("refusal"):
                steps.append(({"refusal": message["refusal"]}, None))
            if said.get("cut"):
                await self._send(response, base, index, steps[: len(steps) // 2])
                await asyncio.sleep(0.05)
                request.transport.close()
                return response
            await self._send(response, base, index, steps)
            await self._send(response, base, index, [({}, "tool_calls" if message.get("tool_calls") else "stop")])
        last = {**base, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
        await response.write(b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _send(self, response: web.StreamResponse, base: dict, index: int, steps: list) -> None:
        choices = [{"index": index, "delta": delta, "finish_reason": reason} for delta, reason in steps]
        told = ({**base, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices)
        await response.write(b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told))


@dataclass
class Talk:
    """One conversation of a client that knows the proxy's base URL."""

    base_url: str
    headers: dict[str, str] = field(default_factory=dict)
    model: str = "gpt-5-mini"
    messages: list[dict] = field(default_factory=list)
    #: The proxy's id of the last answer.
    id: str = ""

    def ask(self, question: str | dict, *answers: str | dict, cut: bool = False) -> Talk:
        """A turn: the question joins the history, and so does the first of the answers that the upstream is to give."""
        self.messages.append(question if isinstance(question, dict) else {"role": "user", "content": question})
        self.again(*answers, cut=cut)
        answer = answers[0] if isinstance(answers[0], dict) else {"content": answers[0]}
        self.messages.append({"role": "assistant", **answer})
        return self

    def again(self, *answers: str | dict, cut: bool = False) -> None:
        """The history is sent as it is."""
        body = {"model": self.model, "stream": True, "messages": self.messages, "n": len(answers)}
        say = {"choices": answers, "cut": cut}
        request = urllib.request.Request(
            f"{self.base_url}/chat/completions",
            json.dumps({**body, "say": say}).encode(),
            {"Content-Type": "application/json", "Authorization": "Bearer sk-of-a-team", **self.headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.id = answer.headers["x-teelog-id"]
            try:
                answer.read()
            except http.client.IncompleteRead:
                assert cut
