"""An upstream that speaks the Responses API, streamed, not streamed and in the background, with foreseeable answers."""

from __future__ import annotations

import json

from aiohttp import web

from tests.e2e.upstream import ChatUpstream


class ResponsesUpstream(ChatUpstream):
    """
    Answers `echo of <last text>` in one message.

    Asked to search it thinks, searches and cites; asked to do harm it refuses; given tools and a question it says a word
    and calls `look_up`, and after that call's output it says two messages. What is made in the background is ready at the
    second poll; its stream breaks off in the middle and can be taken up again.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Events of every answer, by its id, and how often it was polled.
        self._made: dict[str, list[dict]] = {}
        self._polls: dict[str, int] = {}

    async def _other(self, request: web.Request) -> web.StreamResponse:
        head, _, last = request.path.rpartition("/")
        if request.method == "POST" and last == "responses":
            return await self._respond(request, await request.json())
        if request.method == "GET" and head.endswith("/responses") and last in self._made:
            return await self._again(request, last)
        return await super()._other(request)

    async def _respond(self, request: web.Request, asked: dict) -> web.StreamResponse:
        self.requests.append(asked)
        self._number += 1
        made = self._made[f"resp_{self._number:08d}"] = list(events_of(asked, self._number))
        if not asked.get("stream"):
            return web.json_response(made[0 if asked.get("background") else -1]["response"])
        return await _streamed(request, made[: len(made) // 2] if asked.get("background") else made)

    async def _again(self, request: web.Request, key: str) -> web.StreamResponse:
        made = self._made[key]
        if request.query.get("stream") == "true":
            return await _streamed(request, made[int(request.query["starting_after"]) + 1 :])
        self._polls[key] = self._polls.get(key, 0) + 1
        return web.json_response(made[0 if self._polls[key] < 2 else -1]["response"])


async def _streamed(request: web.Request, events: list[dict]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    await response.write_eof()
    return response


def items_for(asked: dict, number: int) -> list[dict]:
    """The output items that a request gets."""
    given = asked["input"]
    last = given if isinstance(given, str) else given[-1].get("content") or given[-1].get("output")
    text = last if isinstance(last, str) else "".join(part.get("text", "") for part in last)
    if not isinstance(given, str) and given[-1].get("type") == "function_call_output":
        return [message(number, 0, "Found.", phase="commentary"), message(number, 1, f"It is {text}.")]
    if asked.get("tools") and text.endswith("?"):
        call = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number:08d}x", "name": "look_up"}
        arguments = json.dumps({"what": text})
        return [message(number, 0, "Let me see."), {**call, "arguments": arguments, "status": "completed"}]
    if "harm" in text:
        refused = {"type": "refusal", "refusal": "I would rather not."}
        return [{**message(number, 0, ""), "content": [refused]}]
    if "search" in text:
        thought = {"type": "summary_text", "text": "Search first."}
        cited = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 4}
        found = message(number, 2, f"echo of {text}")
        found["content"][0]["annotations"] = [cited]
        return [
            {"type": "reasoning", "id": f"rs_{number}", "summary": [thought]},
            {
                "type": "web_search_call", "id": f"ws_{number}", "status": "completed",
                "action": {"type": "search", "query": text},
            },
            found,
        ]  # fmt: skip
    return [message(number, 0, f"echo of {text}")]


def message(number: int, at: int, text: str, **more) -> dict:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {
        "type": "message", "id": f"msg_{number}_{at}", "role": "assistant", "status": "completed", "content": content,
        **more,
    }  # fmt: skip


def response(asked: dict, number: int, status: str, output: list[dict]) -> dict:
    usage = {
        "input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    return {
        "id": f"resp_{number:08d}", "object": "response", "created_at": 1_790_000_000, "model": asked["model"],
        "status": status, "output": output, "background": bool(asked.get("background")), "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0,
        "usage": usage if status == "completed" else None,
    }  # fmt: skip


def events_of(asked: dict, number: int):
    """All events of an answer, numbered, in the order the official API sends them."""
    items = items_for(asked, number)
    first = "queued" if asked.get("background") else "in_progress"
    chunks = [{"type": f"response.{first if asked.get('background') else 'created'}"}]
    chunks[0]["response"] = response(asked, number, first, [])
    for index, item in enumerate(items):
        chunks += [{**event, "output_index": index} for event in _item_events(item)]
    chunks.append({"type": "response.completed", "response": response(asked, number, "completed", items)})
    return [{**chunk, "sequence_number": at} for at, chunk in enumerate(chunks)]


def _item_events(item: dict):
    name = {"item_id": item["id"]}
    if item["type"] == "message":
        yield {"type": "response.output_item.added", "item": {**item, "status": "in_progress", "content": []}}
        yield from _part_events(name, item["content"][0])
    elif item["type"] == "function_call":
        yield {"type": "response.output_item.added", "item": {**item, "status": "in_progress", "arguments": ""}}
        for piece in _pieces(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", **name, "delta": piece}
        told = {"arguments": item["arguments"], "name": item["name"]}
        yield {"type": "response.function_call_arguments.done", **name, **told}
    elif item["type"] == "reasoning":
        yield {"type": "response.output_item.added", "item": {**item, "summary": []}}
        text = item["summary"][0]["text"]
        part = {"summary_index": 0, **name}
        yield {"type": "response.reasoning_summary_part.added", **part, "part": {"type": "summary_text", "text": ""}}
        for piece in _pieces(text):
            yield {"type": "response.reasoning_summary_text.delta", **part, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **part, "text": text}
        yield {"type": "response.reasoning_summary_part.done", **part, "part": item["summary"][0]}
    else:
        yield {"type": "response.output_item.added", "item": {**item, "status": "in_progress"}}
        yield {"type": "response.web_search_call.searching", **name}
    yield {"type": "response.output_item.done", "item": item}


def _part_events(name: dict, part: dict):
    kind = "refusal" if part["type"] == "refusal" else "text"
    event, at = {"text": "output_text", "refusal": "refusal"}[kind], {"content_index": 0, **name}
    yield {
        "type": "response.content_part.added",
        **at,
        "part": {**part, kind: "", **({"annotations": []} if kind == "text" else {})},
    }
    logprobs = {"logprobs": []} if kind == "text" else {}
    for piece in _pieces(part[kind]):
        yield {"type": f"response.{event}.delta", **at, "delta": piece, **logprobs}
    for number, annotation in enumerate(part.get("annotations", ())):
        yield {
            "type": "response.output_text.annotation.added", **at, "annotation_index": number, "annotation": annotation,
        }  # fmt: skip
    yield {"type": f"response.{event}.done", **at, kind: part[kind], **logprobs}
    yield {"type": "response.content_part.done", **at, "part": part}


def _pieces(text: str):
    return (text[at : at + 5] for at in range(0, len(text), 5))
