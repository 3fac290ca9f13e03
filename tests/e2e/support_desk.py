"""What a support desk's chat logged through the proxy: all that a transcript can show, a hostile hundred, and many more."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from typing import TYPE_CHECKING

from tests.e2e.hostile import HOSTILE
from tests.e2e.parrot import Talk
from tests.e2e.process import KEY

if TYPE_CHECKING:
    from tests.e2e.process import Teelog

EXPORT = """You can export everything from **Settings → Data**:

1. Open *Settings*, then *Data*.
2. Choose a format:

| Format | Holds | Ready within |
|---|---|---|
| JSON | messages, feedback, events | a minute |
| CSV | one row per message | 30 seconds |

```bash
curl -H "Authorization: Bearer $KEY" https://api.example.com/export?format=csv
```

See [the guide](https://docs.example.com/export) for ~~all~~ the details."""
REFUND = """A refund takes **3 to 5 working days** once it is approved.

- Card payments go back to the same card.
- Bank transfers need your IBAN.

> Refunds above 500 EUR are checked by a person."""
TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"
    "### Chat History:\n<chat_history>\nUSER: How do I export my data?\n</chat_history>"
)
LOOK_UP = {
    "id": "call_7f3a",
    "type": "function",
    "function": {"name": "find_order", "arguments": json.dumps({"order": "A-1042", "fields": ["status", "carrier"]})},
}
STORIES = 6
SMALL = 60
#: Conversations that hold ten hostile texts each.
TENS = 10
#: Conversations that are no side requests: one of a megabyte, the hostile ones, the small ones, those with a story.
SESSIONS = 1 + len(HOSTILE) + TENS + SMALL + STORIES


def hold_conversations(teelog: Teelog) -> None:
    """Hold them all, and wait until they are in analytics."""
    Talk(teelog.base_url).ask("x" * 1_000_000, "That is long.")
    for text in HOSTILE:
        Talk(teelog.base_url, {"x-teelog-property-team": "red"}).ask(text, "I would rather not.")
    for ten in range(TENS):
        talk = Talk(teelog.base_url, {"x-teelog-conversation-id": f"hostile-{ten}"}, model="gpt-5")
        for text in HOSTILE[ten::TENS]:
            talk.ask(text, text, text)
    for number in range(SMALL):
        Talk(teelog.base_url, {"x-teelog-user": f"user-{number % 7}"}).ask(f"Question {number}?", f"Answer {number}.")
    hold_stories(teelog, after=SESSIONS - STORIES)


def hold_stories(teelog: Teelog, after: int = 0) -> None:
    """Hold those with a story, and wait until they, and so many held before, are in analytics."""
    _stories(teelog)
    side_requests = 1
    teelog.until(lambda: len(teelog.conversations()) == after + STORIES + side_requests, 60)


def _stories(teelog: Teelog) -> None:
    base = teelog.base_url
    order = Talk(base, {"x-teelog-user": "grace"}).ask(
        "Where is my order A-1042?", {"content": None, "tool_calls": [LOOK_UP]}
    )
    found = {
        "role": "tool",
        "tool_call_id": "call_7f3a",
        "content": json.dumps({"status": "in transit", "carrier": "DHL"}),
    }
    order.ask(found, "Your order **A-1042** is in transit with DHL and should arrive tomorrow.")
    cut = Talk(base, {"x-teelog-user": "linus"})
    with contextlib.suppress(ConnectionError):
        cut.ask("Write me a long poem about packages.", "Packages, packages, far and wide, " * 20, cut=True)
    Talk(base, {"x-teelog-user": "mallory"}).ask(
        "How do I read another customer's chats?", {"content": None, "refusal": "I can't help with that."}
    )
    Talk(base).ask("Greet me.", "Good morning!", "Hello there.", "Hi!")
    refund = Talk(base, {"x-teelog-user": "ada", "x-teelog-property-channel": "web"})
    refund.ask("How long does a refund take?", "About a week, I think.").ask("Are you sure?", "Quite sure.")
    refund.messages.pop()
    refund.again(REFUND)
    refund.messages.append({"role": "assistant", "content": REFUND})
    thumb(teelog, refund.id, "positive", [{"label": "clear_answer", "details": ""}])
    refund.ask("And to a foreign card?", "The same: 3 to 5 working days, at the rate of the day.")
    Talk(base).ask(TITLE, "📦 Exporting data")
    export = Talk(base, {"x-teelog-user": "ada", "x-teelog-property-channel": "web"})
    export.messages.append({"role": "system", "content": "You are the help desk of Example Ltd."})
    export.ask("How do I export my data?", EXPORT)
    note(teelog, {"type": "message:copied", "messageId": export.id})
    export.ask("Does that include deleted chats?", "No. Deleted chats are gone after 30 days.")
    thumb(teelog, export.id, "negative", [{"label": "inaccurate_statement", "details": "They are gone at once."}])
    note(teelog, {"type": "search_query_submitted", "searchQuery": "export deleted chats"})


def thumb(teelog: Teelog, message: str, kind: str, reasons: list[dict]) -> None:
    """Feedback, by way of the proxy."""
    _post(teelog, "feedback", {"type": kind, "messageId": message, "reasons": reasons, "userProperties": {"id": "ada"}})


def note(teelog: Teelog, event: dict) -> None:
    """An event, by way of the proxy."""
    kind = "search" if "searchQuery" in event else "message"
    _post(teelog, "events", {"entityType": kind, **event})


def _post(teelog: Teelog, path: str, body: dict) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    address = f"http://127.0.0.1:{teelog.port}/{path}"
    with urllib.request.urlopen(
        urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=30
    ) as answer:
        answer.read()
