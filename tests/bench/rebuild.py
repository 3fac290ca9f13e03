"""What it costs to rebuild a streamed answer, beside what it costs to read its events as JSON at all.

    python tests/bench/rebuild.py            one line for each stream; exit 1 when one is over the limit

Both are measured in turns in one process, so that whatever else runs slows both; medians are compared.
"""

import sys
import time
from pathlib import Path
from statistics import median

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.core.dialect import dialect_of
from proxy.core.exchange import Exchange

#: Times the cost of `orjson.loads` of the same events.
LIMIT = 2.0
CHUNKS = 300
ROUNDS = 200
#: Words with what makes JSON longer than text: quotes, line ends, letters beyond ASCII.
WORDS = ("The", " answer", " is", ' "forty', '-two"', ",\n", " naïvely", " computed", ".", " 😀")


def chunk(delta, finish_reason=None, **more):
    """An event as OpenAI sends it."""
    return {
        "id": "chatcmpl-CkQd3bJ1u0qS7vZ9aYxT2mWnRfLpE",
        "object": "chat.completion.chunk",
        "created": 1763797565,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_b7faba9ef5",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "usage": None,
        **more,
    }


def padded(n):
    """The padding of OpenAI's events, of changing length."""
    return {"obfuscation": "Qm3dX9aKw2Lr7TzB"[: 1 + n % 16]}


def call(arguments, **more):
    """A delta with a piece of a call."""
    return {"tool_calls": [{"index": 0, **more, "function": {"arguments": arguments}}]}


def event(kind, n, **more):
    """An event of the Responses API as OpenAI sends it."""
    return {"type": f"response.{kind}", "sequence_number": n, **more}


PLACE = {"item_id": "msg_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78", "output_index": 0, "content_index": 0}
ITEM = {"id": PLACE["item_id"], "type": "message", "status": "in_progress", "role": "assistant", "content": []}

STREAMS = {
    "text": [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": WORDS[n % len(WORDS)]}) for n in range(CHUNKS - 2)),
        chunk({}, "stop"),
    ],
    "text, padded": [
        chunk({"role": "assistant", "content": "", "refusal": None}, **padded(0)),
        *(chunk({"content": WORDS[n % len(WORDS)]}, **padded(n)) for n in range(CHUNKS - 2)),
        chunk({}, "stop", **padded(5)),
    ],
    "reasoning, then text": [
        *(chunk({"reasoning_content": WORDS[n % len(WORDS)]}) for n in range(CHUNKS // 2)),
        *(chunk({"content": WORDS[n % len(WORDS)]}) for n in range(CHUNKS // 2 - 1)),
        chunk({}, "stop"),
    ],
    "reasoning, twice": [
        *(
            chunk({"content": "", "reasoning": word, "reasoning_details": [{"type": "reasoning.text", "text": word}]})
            for word in (WORDS[n % len(WORDS)] for n in range(CHUNKS - 1))
        ),
        chunk({}, "stop"),
    ],
    "a refusal": [
        *(chunk({"refusal": WORDS[n % len(WORDS)]}) for n in range(CHUNKS - 1)),
        chunk({}, "stop"),
    ],
    "a call": [
        chunk(call("", id="call_1", type="function")),
        chunk(call('{"')),
        *(chunk(call(f'n{n}":"{n}","')) for n in range(CHUNKS - 4)),
        chunk(call('}"')),
        chunk({}, "tool_calls"),
    ],
    "Responses": [
        event("created", 0, response={"id": "resp_1", "status": "in_progress", "output": []}),
        event("output_item.added", 1, output_index=0, item=ITEM),
        *(
            event("output_text.delta", n, **PLACE, delta=WORDS[n % len(WORDS)], logprobs=[], **padded(n))
            for n in range(2, CHUNKS - 1)
        ),
        event("completed", CHUNKS - 1, response={"id": "resp_1", "status": "completed", "output": []}),
    ],
}


def exchange(chunks, events):
    """An exchange with these events, given as values and as JSON."""
    names = [b"event: %s\n" % one["type"].encode() if "type" in one else b"" for one in chunks]
    answer = b"".join(b"%sdata: %s\n\n" % both for both in zip(names, events, strict=True))
    target = "/v1/responses" if names[0] else "/v1/chat/completions"
    return Exchange(
        id="1",
        method="POST",
        target=target,
        upstream="",
        tenant="",
        connection="1",
        headers={},
        request=b'{"messages":[]}',
        status=200,
        answer_headers={"content-type": "text/event-stream"},
        answer=answer if names[0] else answer + b"data: [DONE]\n\n",
        started=0,
        first_byte=1,
        ended=2,
    )


def seconds(work):
    """How long it took once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(chunks, rounds=ROUNDS):
    """What rebuilding costs, in readings of the same events, and what one such reading took."""
    events = [orjson.dumps(one) for one in chunks]
    told = exchange(chunks, events)
    dialect = dialect_of(told.method, told.target)
    both = [
        (seconds(lambda: [orjson.loads(event) for event in events]), seconds(lambda: dialect.read_answer(told)))
        for _ in range(rounds)
    ]
    read, rebuilt = (median(times) for times in zip(*both, strict=True))
    return rebuilt / read, read


def main():
    """Prints the ratios; whether all are within the limit."""
    within = True
    for name, chunks in STREAMS.items():
        times, read = ratio(chunks)
        within = within and times <= LIMIT
        print(f"{name:22} {len(chunks)} events  loads {read * 1e6:5.0f} µs  rebuild {times:4.2f} times that")
    return within


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
