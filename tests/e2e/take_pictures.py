"""The three pictures of README, taken of what a support desk logged.

python -m tests.e2e.take_pictures     writes .pictures/*.png
"""

from __future__ import annotations

import json
import random
import tempfile
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.browsing import DESKTOP, Person, chromium
from tests.e2e.parrot import Parrot
from tests.e2e.process import KEY, ROOT, Teelog
from tests.e2e.support_desk import hold_stories

FOLDER = ROOT / ".pictures"
VIEW = {"viewport": {"width": 960, "height": 640}}
QUESTIONS = [
    "How do I invite my team?", "Can I change my plan?", "Where is my invoice?", "How do I reset my password?",
    "Does it work with Slack?", "How do I export my data?", "Is there a dark mode?", "How long does a refund take?",
]  # fmt: skip


def main() -> None:
    """Hold the conversations, look at them, and keep what is seen."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Parrot() as upstream, Teelog(Path(folder), upstream.url) as teelog:
        hold_stories(teelog)
        log_a_month(teelog)
        with chromium() as browser:
            with Person(browser, teelog.analytics, **DESKTOP | VIEW) as person:
                person.page.screenshot(path=FOLDER / "sessions.png")
                person.go("/analytics?range=30d")
                person.page.evaluate("scrollTo(0, document.querySelector('.chart').offsetTop - 24)")
                person.page.screenshot(path=FOLDER / "analytics.png")
            with Person(browser, teelog.analytics, **DESKTOP | VIEW | {"color_scheme": "dark"}) as person:
                person.page.get_by_role("link", name="How do I export my data?").first.click()
                person.page.evaluate("scrollTo(0, document.querySelector('.message.user').offsetTop - 24)")
                person.page.screenshot(path=FOLDER / "conversation.png")


def log_a_month(teelog: Teelog) -> None:
    """Some 400 conversations of the last month, busier on working days, as a program that kept them would log them."""
    chance, now = random.Random(8), datetime.now(UTC)
    for day in range(30):
        morning = (now - timedelta(days=day)).replace(hour=8, minute=0)
        for _ in range(chance.randrange(3, 8) if morning.weekday() > 4 else chance.randrange(12, 22)):
            _log(teelog, chance, min(morning + timedelta(minutes=chance.randrange(600)), now - timedelta(minutes=5)))


def _log(teelog: Teelog, chance: random.Random, at: datetime) -> None:
    model = chance.choice(["gpt-5-mini", "gpt-5-mini", "gpt-5"])
    took = chance.lognormvariate(7.6, 0.5)
    told = {
        "model": model,
        "usage": {"prompt_tokens": chance.randrange(200, 900), "completion_tokens": chance.randrange(40, 400)},
        "timeToFirstTokenMs": round(took / 5),
        "latencyMs": round(took),
        **({"interrupted": "client"} if chance.random() < 0.04 else {}),
    }
    answered = at + timedelta(milliseconds=took)
    messages = [
        {"role": "user", "content": chance.choice(QUESTIONS), "createdAt": at.isoformat()},
        {"role": "assistant", "content": "Yes.", "createdAt": answered.isoformat(), "properties": told},
    ]
    times = {"createdAt": at.isoformat(), "updatedAt": answered.isoformat()}
    logged = _post(teelog, "conversations", {
        "type": "openai", "messages": messages, "properties": {"model": model, "endpoint": "chat.completions"},
        "userProperties": {"userId": f"user-{chance.randrange(120)}"}, **times,
    })  # fmt: skip
    if chance.random() < 0.2:
        kind = "positive" if chance.random() < 0.7 else "negative"
        thumb = {"type": kind, "messageId": logged["messages"][1]["id"], "createdAt": answered.isoformat()}
        _post(teelog, "feedback", thumb)


def _post(teelog: Teelog, path: str, body: dict) -> dict:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(f"{teelog.analytics}/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
