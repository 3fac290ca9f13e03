"""Exchanges for tests, with only what matters named."""

import orjson

from proxy.core.exchange import Exchange


def exchange(
    answer=b"",
    request=None,
    *,
    method="POST",
    target="/v1/chat/completions",
    status=200,
    content_type="",
    interrupted="",
    coding="",
    answer_coding="",
):
    """An exchange, of chat unless the target says otherwise; `request` is a JSON value, or bytes as they are."""
    request = {"model": "m-1", "messages": [{"role": "user", "content": "Hi"}]} if request is None else request
    return Exchange(
        id="01890000-0000-7000-8000-000000000001",
        method=method,
        target=target,
        upstream="",
        tenant="",
        connection="1",
        headers={"content-encoding": coding} if coding else {},
        request=request if isinstance(request, bytes) else orjson.dumps(request),
        status=status,
        answer_headers={"content-type": content_type, "content-encoding": answer_coding},
        answer=answer,
        started=0,
        first_byte=1,
        ended=2,
        interrupted=interrupted,
    )
