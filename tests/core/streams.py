"""The streams in `tests/data/streams`: an answer each, and beside it in JSON what it must become.

Each is named for the rule it shows. The JSON holds `why`, `expected` (the fields of `Answered` that are told, messages in
OpenAI's form), and where they are not a whole chat's `method`, `target`, `request`, `status`, `content_type`,
`answer_coding` and `interrupted`; and `asked`, the messages of the request, where the rule is about them.
"""

from dataclasses import asdict
from pathlib import Path

import orjson

from proxy.core.dialect import dialect_of

from .exchanges import exchange

STREAMS = Path(__file__).parent.parent / "data" / "streams"
_PARTS = ("method", "target", "status", "interrupted", "answer_coding")
NAMES = sorted({path.stem for path in STREAMS.iterdir() if not path.name.startswith(".")})


def case(name):
    """The exchange of a stream, and what must come of it."""
    told = orjson.loads((STREAMS / f"{name}.json").read_bytes())
    (body,) = (path for path in STREAMS.glob(f"{name}.*") if path.suffix != ".json")
    parts = {key: told[key] for key in _PARTS if key in told}
    parts["content_type"] = told.get("content_type", "text/event-stream")
    return exchange(body.read_bytes(), {"messages": [], **told.get("request", {})}, **parts), told["expected"]


def asked(name):
    """The messages that a stream's request must give, in OpenAI's form; None where nothing is said of them."""
    return orjson.loads((STREAMS / f"{name}.json").read_bytes()).get("asked")


def read(told):
    """What the dialect of an exchange makes of its answer."""
    return dialect_of(told.method, told.target).read_answer(told)


def as_json(answered):
    """An answer as the expectations tell it."""
    return {
        **asdict(answered),
        "choices": [_choice(choice) for choice in answered.choices],
    }


def _choice(choice):
    told = {"index": choice.index, "finish_reason": choice.finish_reason, "message": choice.message.to_json()}
    return told | {"earlier": [one.to_json() for one in choice.earlier]} if choice.earlier else told
