"""The three pictures of README, taken of what a support desk logged.

python -m tests.e2e.take_pictures     writes .pictures/*.png
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.browsing import DESKTOP, Person, chromium
from tests.e2e.parrot import Parrot
from tests.e2e.process import ROOT, Teelog
from tests.e2e.support_desk import hold_stories

FOLDER = ROOT / ".pictures"
VIEW = {"viewport": {"width": 960, "height": 640}}


def main() -> None:
    """Hold the conversations, look at them, and keep what is seen."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Parrot() as upstream, Teelog(Path(folder), upstream.url) as teelog:
        hold_stories(teelog)
        with chromium() as browser:
            with Person(browser, teelog.analytics, **DESKTOP | VIEW) as person:
                person.page.screenshot(path=FOLDER / "sessions.png")
                person.go("/analytics?range=24h")
                person.page.screenshot(path=FOLDER / "analytics.png")
            with Person(browser, teelog.analytics, **DESKTOP | VIEW | {"color_scheme": "dark"}) as person:
                person.page.get_by_role("link", name="How do I export my data?").click()
                person.page.evaluate("scrollTo(0, document.querySelector('.message.user').offsetTop - 24)")
                person.page.screenshot(path=FOLDER / "conversation.png")


if __name__ == "__main__":
    main()
