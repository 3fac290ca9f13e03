"""Messages out of the items of the Responses API, both those it answers with and those a client sends back.

One rule for both, so that an answer is recognised when it comes back: a message item begins a message where the one
before has said something; a call that the client must run joins the message before it; what the server ran itself, and
the reasoning, goes with what follows them. Nothing raises: items of unknown types are taken for the server's own.
"""

from __future__ import annotations

import hashlib
from binascii import Error, a2b_base64
from typing import Any

from .choice import text_in
from .jsontext import canonical_value, mend, mend_text, objects_in, write
from .message import Message
from .parts import PartsBuilder, kind_of
from .toolcalls import ToolCalls, arguments_text

#: Calls that the client runs, and where they hold what they ask for.
CLIENT_CALLS = {
    "function_call": ("arguments",),
    "custom_tool_call": ("input",),
    "computer_call": ("action", "actions"),
    "local_shell_call": ("action",),
    "shell_call": ("action",),
    "apply_patch_call": ("operation",),
}
#: Items that nobody said and no tool did.
_SILENT = frozenset(("compaction", "additional_tools"))
#: Of a server's call what is sealed, or long and known elsewhere.
_NOT_LOGGED = frozenset(("encrypted_content", "fingerprint"))

#: Between the parts of a reasoning and between two of them: they are paragraphs.
_BREAK = "\n\n"


class ItemMessages:
    """Feed it items in their order, then ask for the `result`."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._reasoning: list[str] = []
        self._server_calls: list[dict[str, Any]] = []

    def add(self, item: dict[str, Any]) -> None:
        """The next item."""
        kind = kind_of(item)
        if kind == "message" or (not kind and "role" in item):
            self._take_message(item)
        elif kind == "reasoning":
            if text := reasoning_text(item):
                self._reasoning.append(text)
        elif kind in CLIENT_CALLS:
            self._draft().calls.add_whole([_client_call(kind, item)])
        elif kind and kind not in _SILENT:
            self._server_calls.append(_server_call(kind, item))

    def result(self) -> list[Message]:
        """The messages, each in its order."""
        if self._reasoning or self._server_calls:
            self._draft()  # nothing followed them
        return [draft.message() for draft in self._drafts]

    def _take_message(self, item: dict[str, Any]) -> None:
        if self._drafts and self._drafts[-1].has_spoken:
            self._drafts.append(_Draft())
        self._draft().take(item)

    def _draft(self) -> _Draft:
        """The message that is being made, with what has waited for it."""
        if not self._drafts:
            self._drafts.append(_Draft())
        draft = self._drafts[-1]
        draft.reasoning += self._reasoning
        draft.server_calls += self._server_calls
        self._reasoning, self._server_calls = [], []
        return draft


class _Draft:
    """One message while it is made."""

    def __init__(self) -> None:
        self.reasoning: list[str] = []
        self.server_calls: list[dict[str, Any]] = []
        self.calls = ToolCalls()
        self._id: str | None = None
        self._role = ""
        self._phase: str | None = None
        self._content = PartsBuilder()
        self._refusal: list[str] = []
        self._annotations: dict[str, Any] = {}

    @property
    def has_spoken(self) -> bool:
        """Whether it has content or calls."""
        return bool(self._content or self._refusal or self.calls)

    def take(self, item: dict[str, Any]) -> None:
        self._id = self._id or text_in(item.get("id"))
        self._role = self._role or text_in(item.get("role")) or ""
        self._phase = self._phase or text_in(item.get("phase"))
        content = item.get("content")
        for part in content if isinstance(content, list) else [content]:
            self._take_part(part)

    def _take_part(self, part: Any) -> None:
        if not isinstance(part, dict):
            self._content.add(part)
            return
        if kind_of(part) == "refusal":
            if refusal := text_in(part.get("refusal")):
                self._refusal.append(refusal)
            return
        self._content.add(chat_part(part))
        for annotation in objects_in(part.get("annotations")):
            self._annotations.setdefault(canonical_value(annotation), annotation)

    def message(self) -> Message:
        said: dict[str, Any] = {
            "annotations": list(self._annotations.values()),
            "server_tool_calls": self.server_calls,
            "phase": self._phase,
        }
        return Message(
            role=mend_text(self._role) or "assistant",
            content=self._content.result(),
            tool_calls=self.calls.result(),
            refusal=mend_text("".join(self._refusal)) or None,
            reasoning=mend_text(_BREAK.join(self.reasoning)) or None,
            id=mend(self._id),
            extra={key: mend(value) for key, value in said.items() if value},
        )


def chat_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the Responses API in the form that chat completions have for it."""
    kind = kind_of(part)
    if kind == "input_image" and (url := text_in(part.get("image_url"))):
        detail = {"detail": part["detail"]} if text_in(part.get("detail")) else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if kind == "input_file":
        return {"type": "file", "file": {key: value for key, value in part.items() if key != "type" and value}}
    return part


def reasoning_text(item: dict[str, Any]) -> str:
    """The text of a reasoning item: its own words, else their summary; never both, they say the same."""
    for key, kinds in (("content", ("reasoning_text", "text")), ("summary", ("summary_text", "text"))):
        parts = objects_in(item.get(key))
        said = [text for part in parts if kind_of(part) in kinds and (text := text_in(part.get("text")))]
        if said:
            return _BREAK.join(said)
    return ""


def _client_call(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """The call as chat completions write it; what has no name of its own is called by its type."""
    asked = next((value for key in CLIENT_CALLS[kind] if (value := item.get(key))), None)
    name = text_in(item.get("name")) or kind
    call = {"id": text_in(item.get("call_id")) or text_in(item.get("id"))}
    if kind == "custom_tool_call":
        return call | {"type": "custom", "custom": {"name": name, "input": arguments_text({"input": asked})}}
    return call | {"type": "function", "function": {"name": name, "arguments": arguments_text({"arguments": asked})}}


def _server_call(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """What is logged of a call that the server ran itself: of a picture its size, of a tool list the names."""
    told = {key: value for key, value in item.items() if value and key not in _NOT_LOGGED}
    if kind == "image_generation_call" and (result := text_in(item.get("result"))):
        told["result"] = _described(result)
    if kind == "mcp_list_tools" and (tools := item.get("tools")):
        told["tools"] = [tool.get("name") for tool in objects_in(tools)]
    return told


def _described(encoded: str) -> str:
    try:
        data = a2b_base64(encoded)
    except (Error, ValueError):
        data = encoded.encode("utf-8", "replace")
    return f"[image, {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}]"


def output_text(output: Any) -> Any:
    """A tool's output as a message's content: a string, parts, or what else it is as JSON."""
    if isinstance(output, list) and all(isinstance(part, dict) for part in output):
        builder = PartsBuilder()
        builder.add([chat_part(part) for part in output])
        return builder.result()
    if output is None or isinstance(output, str):
        return output
    return write(output)
