"""What is read out of the texts of a session, once for each time that they change: what was asked first and again, what
answers cite.

A session whose texts have changed is unread (`session.question` is NULL, by triggers). No text is kept a second time: of
questions there is a digest, of links the address and a title, and both go with the conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.asking_again import LENGTH_LIMIT, digest_of, times_again
from .rows import json_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..db.sqlite import Tx

#: Sessions of one transaction: those who write wait for so long, milliseconds.
SESSIONS_AT_ONCE = 25
#: Links of a session that count, and letters of an address: more than any answer cites.
LINKS_LIMIT, URL_LIMIT, TITLE_LIMIT = 200, 2000, 200


def read_sessions(tx: Tx) -> int:
    """Reads some of the unread sessions; how many."""
    found = tx.all("unread_sessions", limit=SESSIONS_AT_ONCE)
    for row in found:
        _read(tx, row["conversation"], row["began"], counts=not row["side"])
    return len(found)


def _read(tx: Tx, conversation: str, began: int, *, counts: bool) -> None:
    said = tx.all("said_by_users", conversation=conversation, limit=4 * LENGTH_LIMIT)
    questions = [row["said"].decode("utf-8", "ignore") for row in said]
    tx.run(
        "note_read",
        conversation=conversation,
        question=digest_of(questions[0]) if questions else 0,
        again=times_again(questions),
    )
    tx.run("drop_citations", conversation=conversation)
    if not counts:
        return
    links = [link for row in tx.all("cited", conversation=conversation) for link in _links(row["links"])]
    cited = dict(links[:LINKS_LIMIT])
    tx.many("put_page", ({"url": url, "title": title} for url, title in cited.items()))
    tx.many("cite", ({"conversation": conversation, "url": url, "began": began} for url in cited))


def _links(stored: str) -> Iterator[tuple[str, str]]:
    """Addresses without their fragment, and titles."""
    links: Any = json_value(stored)
    for link in links if isinstance(links, list) else ():
        url = link.get("url") if isinstance(link, dict) else None
        if isinstance(url, str) and url.lower().startswith(("http://", "https://")):
            title = link.get("title")
            yield url.partition("#")[0][:URL_LIMIT], title[:TITLE_LIMIT] if isinstance(title, str) else ""
