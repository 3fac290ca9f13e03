"""One choice of a chat completion, built from deltas.

A whole message is taken as one large delta, so that one set of rules reads streams and JSON answers. Text and arguments
are joined once, at the end, so time is linear. Of sound and of what repeats the reasoning nothing is kept. Nothing
raises: what has an unexpected type is passed over.
"""

from __future__ import annotations

from typing import Any

from .jsontext import canonical_value, mend, mend_text, objects_in
from .message import Message
from .parts import REASONING_KEYS, PartsBuilder, reasoning_in
from .runs import Varying
from .toolcalls import ToolCalls, arguments_text, joined_name

#: Lists of references that a message brings along; each entry once.
_LISTS = ("annotations", "images", "executed_tools", "records_cited")

#: The keys of a delta by which it says something, beside its role, which counts once.
_SAYING = frozenset(
    ("content", "refusal", "tool_calls", "function_call", "audio", "reasoning_details", *REASONING_KEYS, *_LISTS)
)
_CONTENT = frozenset(("content",))


class ChoiceBuilder:
    """One choice; feed it the entries of `choices` that are its own."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._native_reason: str | None = None
        self._role = ""
        self._content = PartsBuilder()
        self._refusal: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_details: dict[Any, list[str]] = {}
        self._calls = ToolCalls()
        self._function_name = ""
        self._function_arguments: list[str] = []
        self._has_function = False
        self._audio: dict[str, Any] = {}
        self._transcript: list[str] = []
        self._lists: dict[str, dict[str, Any]] = {}
        #: What came as `message` in a stream before any delta: the answer so far, of which the last is kept, or pieces.
        self._messages: list[dict[str, Any]] = []

    def take(self, choice: dict[str, Any]) -> None:
        """Its entry in a chunk."""
        self._note_finish(choice)
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, dict):
            self._say(delta)
            self._calls.add(delta.get("tool_calls"))
        elif text := text_in(choice.get("text")):  # as in a legacy completion
            self._content.add(text)
        if isinstance(message, dict) and not self._has_spoken():
            if self._messages and _goes_on_from(message, self._messages[-1]):
                self._messages.pop()
            self._messages.append(message)

    def varying(self, delta: Any) -> Varying | None:
        """The string of a delta just taken by which the next of its run may differ: the only thing that it says."""
        if not isinstance(delta, dict):
            return None
        said = {key: value for key, value in delta.items() if value and key in _SAYING}
        if len(said) != 1:
            return self._varying_twice(said)
        ((key, value),) = said.items()
        if key == "tool_calls":
            return self._calls.varying(value)
        if not isinstance(value, str):
            return None
        if key == "content":
            return Varying(key, value, self._content.extend)
        if key == "refusal":
            return Varying(key, value, self._refusal.extend)
        return Varying(key, value, self._reasoning.extend) if key in REASONING_KEYS else None

    def _varying_twice(self, said: dict[str, Any]) -> Varying | None:
        """The same where reasoning is said once more in details, which then count for nothing."""
        details = objects_in(said.pop("reasoning_details", None))
        ((key, value),) = said.items() if len(said) == 1 else [("", None)]
        if key not in REASONING_KEYS or not isinstance(value, str) or len(details) != 1:
            return None
        texts = [text for name in ("text", "summary") if (text := details[0].get(name))]
        return Varying(key, value, self._reasoning.extend, is_twice=True) if texts == [value] else None

    def take_whole(self, choice: dict[str, Any]) -> None:
        """Its entry in a whole answer, or one of its entries."""
        self._note_finish(choice)
        message = choice.get("message") or choice.get("delta")
        if isinstance(message, dict):
            self._say(message)
            self._calls.add_whole(message.get("tool_calls"))
        else:
            self._content.add(text_in(choice.get("text")))

    def message(self, extra: dict[str, Any]) -> Message:
        """The message as far as it came, with `extra` for what else is known of it."""
        if not self._has_spoken():
            for message in self._messages:
                self.take_whole({"message": message})
        return Message(
            role=mend_text(self._role) or "assistant",
            content=self._content.result(),
            tool_calls=self._calls.result(),
            refusal=_joined(self._refusal),
            reasoning=_joined(self._reasoning) or self._content.reasoning() or self._detailed_reasoning(),
            function_call=self._function_call(),
            extra={**extra, **self._extra()},
        )

    def _has_spoken(self) -> bool:
        return bool(
            self._content
            or self._refusal
            or self._reasoning
            or self._reasoning_details
            or self._calls
            or self._has_function
        )

    def _note_finish(self, choice: dict[str, Any]) -> None:
        self.finish_reason = text_in(choice.get("finish_reason")) or self.finish_reason
        self._native_reason = text_in(choice.get("native_finish_reason")) or self._native_reason

    def _say(self, delta: dict[str, Any]) -> None:
        self._role = self._role or text_in(delta.get("role")) or ""
        said = _SAYING.intersection(delta)
        if "content" in said:
            self._add_content(delta["content"])
        if said <= _CONTENT:  # as nearly all are
            return
        if refusal := text_in(delta.get("refusal")):
            self._refusal.append(refusal)
        if reasoning := reasoning_in(delta):
            self._reasoning.append(reasoning)
        self._add_details(delta.get("reasoning_details"))
        self._add_function(delta.get("function_call"))
        self._add_audio(delta.get("audio"))
        for key in _LISTS:
            values = delta.get(key)
            if isinstance(values, dict):  # Inkeep's `records_cited` holds its list in `citations`
                values = values.get("citations")
            if isinstance(values, list) and values:
                entries = self._lists.setdefault(key, {})
                for value in values:
                    entries.setdefault(canonical_value(value), value)

    def _add_content(self, content: Any) -> None:
        """Content, in which a refusal may be a part."""
        if isinstance(content, str):
            self._content.add(content)
            return
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict) and part.get("type") == "refusal" and text_in(part.get("refusal")):
                self._refusal.append(part["refusal"])
            else:
                self._content.add(part)

    def _add_details(self, details: Any) -> None:
        """`reasoning_details` says again what `reasoning` says; its text counts only where that never came."""
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict) and (text := text_in(detail.get("text")) or text_in(detail.get("summary"))):
                index = detail.get("index")
                self._reasoning_details.setdefault(index if isinstance(index, int) else None, []).append(text)

    def _detailed_reasoning(self) -> str | None:
        return _joined([text for texts in self._reasoning_details.values() for text in texts])

    def _add_function(self, function: Any) -> None:
        if isinstance(function, dict) and any(function.values()):
            self._has_function = True
            self._function_name = joined_name(self._function_name, function.get("name"))
            self._function_arguments.append(arguments_text(function))

    def _function_call(self) -> dict[str, Any] | None:
        if not self._has_function:
            return None
        arguments = mend_text("".join(self._function_arguments))
        return {"name": mend_text(self._function_name), "arguments": arguments}

    def _add_audio(self, audio: Any) -> None:
        """Id and transcript; of the sound only its length in base64 characters."""
        if not isinstance(audio, dict):
            return
        if key := text_in(audio.get("id")):
            self._audio.setdefault("id", key)
        if transcript := text_in(audio.get("transcript")):
            self._transcript.append(transcript)
        if data := text_in(audio.get("data")):
            self._audio["data_length"] = self._audio.get("data_length", 0) + len(data)

    def _extra(self) -> dict[str, Any]:
        extra: dict[str, Any] = {key: mend(list(entries.values())) for key, entries in self._lists.items()}
        if transcript := _joined(self._transcript):
            self._audio["transcript"] = transcript
        if self._audio:
            extra["audio"] = mend(self._audio)
        if self._native_reason:
            extra["native_finish_reason"] = mend_text(self._native_reason)
        return extra


def _goes_on_from(message: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether a message of a stream says what the one before it has said, and maybe more."""
    said, known = text_in(message.get("content")) or "", text_in(before.get("content")) or ""
    return said.startswith(known)


def text_in(value: Any) -> str | None:
    """A string that says something, or None."""
    return value if isinstance(value, str) and value else None


def _joined(pieces: list[str]) -> str | None:
    return mend_text("".join(pieces)) or None
