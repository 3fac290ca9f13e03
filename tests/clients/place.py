"""A server and teelog before it, so that one question can be asked of both, and looked up in what was logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai

from tests.clients.servers import KEY

if TYPE_CHECKING:
    from tests.e2e.process import Teelog


class Place:
    """A server, teelog in front of it, and an SDK client for each."""

    def __init__(self, name: str, direct: str, teelog: Teelog) -> None:
        self.name = name
        self.teelog = teelog
        self.urls = (direct, teelog.base_url)
        self.clients = [openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) for url in self.urls]

    def logged(self, question: str) -> dict:
        """The conversation that begins with a question."""
        return self.teelog.until(lambda: next((c for c in self.teelog.conversations() if first(c) == question), None))

    def passed(self, count: int) -> list[dict]:
        """The log lines of exchanges of which nothing was logged, once there are so many."""

        def lines() -> list[dict]:
            return [line for line in self.teelog.lines() if line.get("event") == "exchange.passed"]

        self.teelog.until(lambda: len(lines()) >= count)
        return lines()


def first(conversation: dict) -> str:
    return conversation["messages"][0]["content"]
