"""Words spelled out find what their beginning finds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.analytics.beginnings import spelled_out
from proxy.analytics.demands import match_of
from proxy.analytics.statements import Statement
from proxy.core.query_fields import CONVERSATIONS
from proxy.core.search_words import Words, read_words
from tests.analytics.figures_life import emptied, live

SAID = [
    "Configure the console",
    "to CONFIRM is not to configure",
    "Größe, grosse Größen",
    "a 退款 for 退货",
    "co-operate İstanbul",
]
SAID += ["single sign-on", "single signing key", "cafe café CAFÉS", "x", "ﬁne ǅ ẞ ß ς σ", "٣٤ 34x a\u0301b ȧ̈b"]
ASKED = [
    "con*",
    "c*",
    "CONF*",
    "größ*",
    "gross*",
    '"single sig"*',
    "退*",
    "co-op*",
    "istan*",
    "İ*",
    "caf*",
    "nobody*",
    "con* config*",
]
ASKED += ["con* to", "ﬁ*", "ss*", "ß*", "ǆ*", "3*", "a\u0301*", "single sig*"]


def fill(database, texts):
    for number, text in enumerate(texts):
        message = {"role": "user", "content": text, "createdAt": 5, "id": f"m{number}"}
        database.write(lambda tx, made={"id": f"c{number}", "messages": [message]}: live(tx, ("log", made)))


def found(tx, words):
    statement = Statement(CONVERSATIONS)
    statement.text = f"SELECT rowid FROM message_search WHERE {match_of(statement, words)} ORDER BY rowid"
    return [row[0] for row in tx.ask(statement.text, statement.values)]


def spelled(database, words, most=100):
    return database.read(lambda tx: spelled_out(tx, words, most))


def test_it_finds_the_same(database):
    """Spelled out or not, a beginning finds the same messages, whatever the letters are; what is gone is not found."""
    fill(database, SAID)
    database.write(lambda tx: live(tx, ("delete", "c0")))
    spelled_ones = 0
    for asked in ASKED:
        words = read_words(asked)
        told = spelled(database, words)
        spelled_ones += any(one.spelled for one in told)
        assert database.read(lambda tx, w=told: found(tx, w)) == database.read(lambda tx, w=words: found(tx, w)), asked
    assert spelled_ones > len(ASKED) // 2


def test_words_of_a_beginning(database):
    """They are all that begin so, once each, after whatever else stands in the phrase; of more than wanted, none."""
    fill(database, [*SAID, "console console"])
    asked = (Words("single SIG", begins=True), Words("Con", begins=True), Words("x"))
    ones = ("single sign", "single signing"), ("configure", "confirm", "console"), ()

    assert tuple(one.spelled for one in spelled(database, asked, 3)) == ones
    assert tuple(one.spelled for one in spelled(database, asked, 2)) == (ones[0], (), ())
    assert spelled(database, (Words("nobody", begins=True),)) == (Words("nobody", begins=True),)


LETTERS = st.text(st.characters(categories=["L", "N", "M", "P", "Zs"]), min_size=1, max_size=6)


def agree(database, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(LETTERS, min_size=1, max_size=5), st.integers(1, 6))
    def run(texts, length):
        try:
            fill(database, texts)
            for text in texts:
                for words in {read_words(f"{text[:length]}*"), read_words(f'"{text[:length]}" {text[:1]}*')} - {()}:
                    told = spelled(database, words)
                    assert database.read(lambda tx, w=told: found(tx, w)) == database.read(
                        lambda tx, w=words: found(tx, w)
                    )
        finally:
            database.write(emptied)

    run()


def test_any_letters(database):
    """Whatever is said, its beginning spelled out finds the same."""
    agree(database, 20)


@pytest.mark.slow
def test_many_letters(database):
    """And so do those of 500 logs."""
    agree(database, 500)
