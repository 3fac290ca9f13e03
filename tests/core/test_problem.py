"""The body of an error, as the official SDK reads it."""

import pytest

from proxy.core.problem import problem
from tests.sdk_rules import CODES, problem_faults


@pytest.mark.parametrize("status", [*CODES, 409, 413, 415, 429])
def test_problems_have_every_field(status):
    """An error's body has what the SDK needs, with the code that belongs to the status."""
    body = problem(status, "d" * 200, request_id="req_1", instance="/conversations/1", errors=[{"pointer": "/a"}])

    assert problem_faults(status, "application/problem+json", body) == []
    assert (body["requestId"], body["instance"], body["errors"]) == ("req_1", "/conversations/1", [{"pointer": "/a"}])
    assert len(body["error"]["message"]) == 100
