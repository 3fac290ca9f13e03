"""Where a stream's final event begins and ends, however its bytes are cut."""

import pytest

from proxy.relay.final_event import FinalEvent

OBJECT = b'{"type":"response.completed","response":{"output":["' + b"x" * 200 + b'"]}}'
DELTA = b'data: {"delta":"\\ndata: [DONE]\\n\\nevent: response.completed\\n\\"type\\":\\"response.completed\\""}\n\n'
FINAL = {
    "done": b"data: [DONE]\n\n",
    "named": b"event: response.completed\ndata: " + OBJECT + b"\n\n",
    "named, CRLF": b"event: response.completed\r\ndata: " + OBJECT + b"\r\n\r\n",
    "named, CR": b"event:response.incomplete\rdata:" + OBJECT + b"\r\r",
    "typed": b"data: " + OBJECT + b"\n\n",
    "typed, with a blank": b"data: " + OBJECT.replace(b'":"r', b'": "r').replace(b"completed", b"failed") + b"\n\n",
}


def seen(*reads):
    """In which read the final event began, and by which one it was whole; None: in none."""
    found, begun = FinalEvent(), None
    for at, read in enumerate(reads):
        begins = begun is None and found.begins(read)
        begun = at if begins else begun
        if begun is not None and found.whole(b"" if begins else read):
            return begun, at
    return begun, None


@pytest.mark.parametrize("name", FINAL)
def test_any_cut(name):
    """A final event is seen to begin and to be whole wherever it is cut in two."""
    final = FINAL[name]
    for at in range(1, len(final)):
        begun, whole = seen(DELTA, final[:at], final[at:])
        assert begun in (1, 2), final[:at]
        assert whole == 2 or b"[DONE]" in final, final[:at]
        assert whole is not None, final[:at]


def test_a_text_ends_nothing():
    """What a text says of final events is escaped, and is none."""
    assert seen(*[DELTA] * 3) == (None, None)
    assert seen(*(DELTA[at : at + 1] for at in range(len(DELTA)))) == (None, None)
