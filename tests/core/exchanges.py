"""Exchanges for tests, raw and read, with only what matters named."""

import orjson

from proxy.core.caller import Caller
from proxy.core.entry import entry_of
from proxy.core.exchange import Exchange
from proxy.core.message import Message
from proxy.core.turn import Answered, Asked, Choice

ID = "01890000-0000-7000-8000-000000000001"
USER, ANSWER = Message("user", "Hi"), Message("assistant", "Hello")


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
        id=ID,
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


def asked(*messages, stream=False):
    return Asked(list(messages), "m-1", stream, 1, None, {}, {})


def answered(*messages, complete=True, **more):
    choices = [Choice(index, message, "stop") for index, message in enumerate(messages)]
    return Answered(choices, complete, **more)


def entry(question=None, answer=None, *, interrupted="", caller=None):
    return entry_of(
        exchange(interrupted=interrupted),
        "chat.completions",
        question or asked(USER),
        answer or answered(ANSWER),
        caller or Caller(),
    )
