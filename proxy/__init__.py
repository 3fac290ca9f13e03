"""teelog, a logging proxy for chat: the walk of one request through the house.

                relay process                                  recorder process (its child, restarted when it dies)
 client ⇄ relay ⇄ upstream                                     recorder ──► store ──► courier ──► analytics API
             │ the reply's pieces, kept in a list                  ▲          (conversations,        Inkeep's, or
             ▼ end of reply                                        │           outbox: SQLite)       the local one,
          journal writer ── append-only files ── journal reader ───┘                                 served here, + pages

A client that changed only `OPENAI_BASE_URL` sends a request to `relay`, which hands the bytes to the upstream and the
answer's bytes back as they come, and keeps a reference to each piece. It parses no JSON and no SSE. At the end of the
reply the raw exchange goes to the `journal`: a thread appends it to a file, and only then is the last piece released,
so what a client has seen finish is on disk. (It waits 25 ms at most: recording never hurts.)

In a process of its own the `outbox` room goes on: the recorder reads the journal, rebuilds the messages with `core`
(pure: the stream, the dialect, whose conversation it is, what must be redacted), and stores them through `db` in the
same transaction that remembers how far it has read. The courier renders each changed conversation and posts it to the
analytics API, again and again until it is taken: Inkeep's, or our own in `analytics`, which speaks the same format.

No step goes back to an earlier room, and nothing behind the client's last byte can change what the client got. `app`
alone knows all rooms; `cli` is the door. Each room's `__init__` says what it promises and what it may import.
"""

__version__ = "0.1.0"
