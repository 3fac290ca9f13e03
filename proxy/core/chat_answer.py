"""A chat completion put together: from one JSON object, or from chunks in the order they came.

Choices are kept apart by index (`ChoiceBuilder`); here stands what is said of the answer as a whole. Of what servers
repeat the first counts (id, model: they change from chunk to chunk with some) or the last (usage), never a sum. Nothing
raises: what has an unexpected type is passed over, what came before an error is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .body import error_in
from .choice import ChoiceBuilder, text_in
from .jsontext import index_in, mend, objects_in
from .turn import Answered, Choice

if TYPE_CHECKING:
    from .runs import Varying

#: Lists beside the choices; Perplexity repeats them on every chunk, so the last one counts.
_SHARED_LISTS = ("citations", "search_results", "images", "videos")

#: No server makes more choices (OpenAI: 128, and legacy completions of 2048 prompts); a larger index is none.
MAX_INDEX = 1 << 16


class ChatAnswer:
    """Feed it chunks (`take`) or a whole answer (`take_whole`); then ask for the `result`."""

    def __init__(self) -> None:
        #: The first error reported.
        self.error: Any | None = None
        self._has_choices = False
        self._completion_id: str | None = None
        self._model: str | None = None
        self._usage: dict[str, Any] | None = None
        self._details: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._builders: dict[int, ChoiceBuilder] = {}

    @property
    def is_understood(self) -> bool:
        """Whether any of it was an answer of this dialect, if an empty one, or an error."""
        return self._has_choices or self.error is not None

    @property
    def is_finished(self) -> bool:
        """Whether there are choices and each was given a finish reason."""
        return bool(self._builders) and all(one.finish_reason for one in self._builders.values())

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        """One chunk of a stream; `event` is the name its event had."""
        for choice in self._choices_of(chunk, event):
            self._builder(_index_of(choice, 0)).take(choice)

    def take_whole(self, answer: dict[str, Any], *, one_choice: bool) -> None:
        """
        A JSON answer.

        With `one_choice` all its choices are one message: GitHub Copilot puts the text and each call of a Claude answer
        into choices of their own, without an index, though one was asked for. Otherwise each is one of its own, by its
        position where an index is repeated.
        """
        choices = self._choices_of(answer, "")
        indexes = [0 if one_choice else _index_of(choice, position) for position, choice in enumerate(choices)]
        if not one_choice and len(set(indexes)) < len(indexes):
            indexes = list(range(len(choices)))
        for index, choice in zip(indexes, choices, strict=True):
            self._builder(index).take_whole(choice)

    def varying(self, chunk: dict[str, Any]) -> Varying | None:
        """The string of a chunk just taken by which the next of its run may differ; see `runs`."""
        choices = chunk.get("choices")
        if self.error is not None or not isinstance(choices, list) or len(choices) != 1:
            return None
        (choice,) = choices
        if not isinstance(choice, dict) or "message" in choice:
            return None
        return self._builder(_index_of(choice, 0)).varying(choice.get("delta"))

    def result(self, *, ended_well: bool) -> Answered:
        """The answer as far as it came."""
        choices = self._choices()
        return Answered(
            choices=choices,
            complete=ended_well and bool(choices) and self.error is None,
            model=mend(self._model),
            completion_id=mend(self._completion_id),
            usage=mend(self._usage),
            error=self.error,
            refused=self.error is not None and not choices,
            details=mend(self._details),
        )

    def _choices(self) -> list[Choice]:
        """The choices by index; what stands beside them in the answer goes with the first."""
        extra = {key: mend(value) for key, value in self._shared.items()}
        out = []
        for index, builder in sorted(self._builders.items()):
            out.append(Choice(index, builder.message(extra), mend(builder.finish_reason)))
            extra = {}
        return out

    def _choices_of(self, chunk: dict[str, Any], event: str) -> list[dict[str, Any]]:
        """The choices in a chunk, after what it says of the whole answer has been noted."""
        self._completion_id = self._completion_id or text_in(chunk.get("id"))
        self._model = self._model or text_in(chunk.get("model"))
        for key in ("service_tier", "system_fingerprint"):
            if said := text_in(chunk.get(key)):
                self._details[key] = said
        if isinstance(created := chunk.get("created"), int) and created:
            self._details.setdefault("created", created)
        for key in _SHARED_LISTS:
            if values := chunk.get(key):
                self._shared[key] = values
        if self.error is None:
            self.error = error_in(chunk, event)
        choices = objects_in(chunk.get("choices"))[:MAX_INDEX]
        self._has_choices = self._has_choices or "choices" in chunk
        self._note_usage(chunk, choices)
        for choice in choices:
            if self.error is None and choice.get("error"):
                self.error = mend(choice["error"])
        return choices

    def _note_usage(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> None:
        """The last usage counts, wherever it stands: in a chunk, a choice (Moonshot) or in `x_groq`."""
        groq = chunk.get("x_groq")
        for holder in (chunk, *choices, groq if isinstance(groq, dict) else {}):
            if isinstance(usage := holder.get("usage"), dict) and usage:
                self._usage = usage
                return

    def _builder(self, index: int) -> ChoiceBuilder:
        builder = self._builders.get(index)
        if builder is None:
            builder = self._builders[index] = ChoiceBuilder()
        return builder


def _index_of(choice: dict[str, Any], default: int) -> int:
    index = index_in(choice.get("index"))
    return default if index is None or not 0 <= index < MAX_INDEX else index
