"""What is read out of the texts of a session, and when it is read again."""

from proxy.analytics import conversations, deletion, reading
from proxy.core.asking_again import digest_of

AT = 1_763_797_565_000


def log(database, *messages, **fields):
    said = [{"role": "user", "createdAt": AT, **message} for message in messages]
    posted = {"type": "openai", "id": "c", "messages": said} | fields
    database.write(lambda tx: conversations.log(tx, posted, AT, lambda kind: f"{kind}{len(messages)}"))


def session(database):
    return database.read(lambda tx: [tuple(row) for row in tx.ask("SELECT question, again FROM session", {})])


def cited(database):
    return database.read(
        lambda tx: [
            tuple(row) for row in tx.ask("SELECT url, title FROM page JOIN citation ON page = page.id ORDER BY url", {})
        ]
    )


def test_a_session_is_read_when_its_texts_change(database):
    """The first question and what was asked again are read once, and again when the conversation goes on."""
    first = {"content": "Reset my password?", "id": "a"}
    log(database, first)
    assert session(database) == [(None, 0)]
    assert database.write(reading.read_sessions) == 1
    assert session(database) == [(digest_of("reset my password"), 0)]
    assert database.write(reading.read_sessions) == 0

    log(database, first, {"content": "password reset", "id": "b"})
    assert database.write(reading.read_sessions) == 1
    assert session(database) == [(digest_of("reset my password"), 1)]

    log(database, first, {"content": "password reset", "id": "b"}, properties={"model": "m"})
    assert database.write(reading.read_sessions) == 0


def test_what_answers_cite_is_read(database):
    """Pages are cited by their address without the fragment, once a session; what is no page is left out."""
    links = [
        {"url": "https://a.example/x#1", "title": "X"},
        {"url": "https://a.example/x#2", "title": "X2"},
        {"url": "http://b.example/" + "y" * 3000},
        {"url": "javascript:alert(1)", "title": "no"},
        {"url": "/relative"},
    ]
    log(database, {"content": "?"}, {"role": "assistant", "content": "so", "links": links})
    database.write(reading.read_sessions)

    assert cited(database) == [("http://b.example/" + "y" * 1983, ""), ("https://a.example/x", "X2")]


def test_nothing_stays_of_what_is_deleted(database):
    """With a conversation goes all that was read out of it."""
    log(database, {"content": "?", "links": [{"url": "https://a.example"}]}, userProperties={"userId": "ann"})
    database.write(reading.read_sessions)
    database.write(lambda tx: deletion.delete_conversation(tx, "c", AT))

    left = ("session", "answer", "citation", "page", "person")
    assert database.read(lambda tx: [list(tx.ask(f"SELECT * FROM {table}", {})) for table in left]) == [
        [],
        [],
        [],
        [],
        [],
    ]


def test_a_long_text_is_read_at_its_beginning(database):
    """A message of a megabyte is a question by its first words, whatever is in it."""
    log(database, {"content": "Größe\x00 " + "ä" * 1_000_000})
    database.write(reading.read_sessions)

    assert session(database)[0][0] == digest_of("Größe\x00 " + "ä" * 5000)


def test_a_side_request_cites_nothing(database):
    """What a front end asked for itself cites no page; a chat that turns out to be such, and back, is read again."""
    said = {"content": "?", "links": [{"url": "https://a.example"}]}
    for kind, pages in (("title", []), (None, [("https://a.example", "")]), ("tags", [])):
        log(database, said, properties={"kind": kind})
        database.write(reading.read_sessions)
        assert cited(database) == pages
