"""Which requests are recorded, and which are rebuilt."""

import pytest

from proxy.core.dialect import dialect_of
from proxy.core.recorded import is_recorded

PATHS = {
    ("POST", "/v1/chat/completions"): (True, "chat.completions"),
    ("POST", "/v1/chat/completions/"): (True, "chat.completions"),
    ("POST", "/openai/deployments/d/chat/completions?api-version=1"): (True, "chat.completions"),
    ("POST", "/x/api/v1/chat/completions"): (True, "chat.completions"),
    ("GET", "/v1/chat/completions"): (False, None),
    ("HEAD", "/v1/chat/completions"): (False, None),
    ("POST", "/v1/chat/completions/chatcmpl-1"): (False, None),
    ("POST", "/v1/completions"): (True, "completions"),
    ("POST", "/v1/responses"): (True, "responses"),
    ("GET", "/v1/responses/resp_1"): (True, "responses"),
    ("GET", "/v1/responses/resp_1?stream=true&starting_after=4"): (True, "responses"),
    ("GET", "/v1/responses/"): (False, None),
    ("GET", "/v1/responses"): (False, None),
    ("DELETE", "/v1/responses/resp_1"): (False, None),
    ("POST", "/v1/responses/resp_1/cancel"): (False, None),
    ("POST", "/v1/responses/compact"): (False, None),
    ("POST", "/v1/responses/input_tokens"): (False, None),
    ("POST", "/openai/v1/responses?api-version=1"): (True, "responses"),
    ("GET", "/v1/responses/resp_1/input_items"): (False, None),
    ("POST", "/v1/embeddings"): (False, None),
    ("POST", "/v1/audio/transcriptions"): (False, None),
    ("GET", "/v1/models"): (False, None),
    ("POST", "/v1/messages"): (False, None),
    ("POST", "/v1/files?path=/chat/completions"): (False, None),
    ("POST", "/mychat/completionsx"): (False, None),
}


@pytest.mark.parametrize(("request_line", "expected"), PATHS.items(), ids=[" ".join(one) for one in PATHS])
def test_paths(request_line, expected):
    """The end of a path says whether its exchange is recorded, and in which dialect."""
    dialect = dialect_of(*request_line)

    assert (is_recorded(*request_line), dialect and dialect.name) == expected
