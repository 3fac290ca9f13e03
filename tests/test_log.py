"""What is said on stderr, and what is not."""

import io
import json
import logging
import warnings

import pytest
import structlog

from proxy import log
from proxy.config import Log, Secret


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def said():
    """Sets the log up on a stream, and gives what was said; everything is put back afterwards."""
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.getLogger("asyncio").level, logging.getLogger("aiohttp").level

    def setup(stream=None, **config):
        stream = stream or io.StringIO()
        log.configure(Log(**config), stream)
        return stream

    yield setup
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.getLogger("asyncio").setLevel(before[2])
    logging.getLogger("aiohttp").setLevel(before[3])


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_where_there_is_no_terminal(said):
    """Elsewhere than on a terminal a line is one JSON object, that begins with when, how bad, who and what."""
    stream = said()

    structlog.get_logger("relay").info("exchange.recorded", id="x", bytes=3, ratio=0.5, late=False, user=None)

    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "logger", "event", "id", "bytes", "ratio", "late", "user"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["logger"], line["event"]) == ("info", "relay", "exchange.recorded")


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [(io.StringIO, "auto", True), (Terminal, "auto", False), (Terminal, "json", True), (io.StringIO, "console", False)],
)
def test_the_form_follows_the_terminal_unless_it_is_named(said, stream, form, is_json):
    """ "auto" looks at the stream; "json" and "console" do not; colours are for terminals alone."""
    out = said(stream(), format=form)

    structlog.get_logger("relay").warning("queue.full", waiting=7)

    text = out.getvalue()
    assert text.startswith("{") is is_json
    assert "queue.full" in text
    assert text.count("\n") == 1
    assert ("\x1b[" in text) is (not is_json and out.isatty())


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_is_said_first_stands_first(said, form):
    """In both forms the values keep the order in which they were said: who and where before the figures."""
    stream = said(format=form)

    structlog.get_logger("relay").info("exchange.recorded", id="x", conversation="c", bytes=3, model="a")

    text = stream.getvalue()
    assert sorted(("bytes", "conversation", "id", "model"), key=text.index) == ["id", "conversation", "bytes", "model"]


def test_the_level_holds_for_all(said):
    """Below the level nothing is said, by us or by others."""
    stream = said(level="warning")

    structlog.get_logger("relay").info("quiet")
    logging.getLogger("other").info("quiet")
    structlog.get_logger("relay").warning("loud")
    logging.getLogger("other").warning("loud %s", "too")

    assert [line["event"] for line in lines(stream)] == ["loud", "loud too"]


def test_the_standard_library_takes_the_same_way(said):
    """aiohttp's errors, asyncio's and Python's warnings come out as our lines do, chatter left out."""
    stream = said(level="debug")

    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("aiohttp.server").error("Error handling request")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("careful", stacklevel=1)
        logging.captureWarnings(False)

    found = [(line["logger"], line["level"]) for line in lines(stream)]
    assert found == [("aiohttp.server", "error"), ("py.warnings", "warning")]


HOSTILE = "\x1b[2J\r\nlevel=error\x00\x7f\x9b\u202e\u2028\ud800"
ESCAPED = "\\x1b[2J\\r\\nlevel=error\\x00\\x7f\\x9b\\u202e\\u2028\\ud800"


@pytest.mark.parametrize("form", ["json", "console"])
def test_control_characters_are_escaped(said, form):
    """What strangers send can neither start a line of its own nor speak to the terminal, in values, names and events."""
    stream = said(format=form)

    structlog.get_logger("relay").info(HOSTILE, value=HOSTILE, deep={HOSTILE: [HOSTILE]})

    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    if form == "json":
        (line,) = lines(stream)
        assert (line["event"], line["value"], line["deep"]) == (ESCAPED, ESCAPED, {ESCAPED: [ESCAPED]})


def test_other_scripts_are_no_control_characters(said):
    """Letters of any script and emoji stay readable."""
    stream = said()

    structlog.get_logger("relay").info("x", title="déjà vu 你好 🙂")

    assert "déjà vu 你好 🙂" in stream.getvalue()


def test_values_are_cut(said):
    """A value is cut with a note of how much is missing; lists, depth and large numbers have bounds too."""
    stream = said()
    deep = [[[[["x" * 5000]]]]]

    structlog.get_logger("relay").info("x", body="y" * 5000, many=list(range(100)), deep=deep, big=10**30)

    (line,) = lines(stream)
    assert line["body"] == "y" * 1000 + "… (4000 more)"
    assert len(line["many"]) == 30
    assert len(json.dumps(line["deep"])) < 1100
    assert line["big"] == str(10**30)


@pytest.mark.parametrize("form", ["json", "console"])
def test_credentials_are_masked(said, form):
    """A value under a credential's name, or that looks like one, is not said, wherever it hides."""
    stream = said(format=form)
    logger = structlog.get_logger("relay")

    logger.info(
        "a", headers={"Authorization": "planted", "cookie": "planted", "X-Api-Key": "planted", "accept": "fine"}
    )
    logger.info("b", api_key="planted", password="planted", access_token="planted", client_keys=["planted"])
    logger.info("c", error="401 for Bearer planted-key, said https", key=Secret("planted"), other="sk-plantedplanted1")
    logging.getLogger("aiohttp.server").error("bad header: authorization: Bearer planted")
    try:
        raise ValueError("Bearer planted")
    except ValueError:
        logger.exception("d")

    assert "planted" not in stream.getvalue()
    assert "fine" in stream.getvalue()
    assert "said https" in stream.getvalue()


def test_counts_of_tokens_are_no_credentials(said):
    """Names that only sound like credentials stay."""
    stream = said()

    structlog.get_logger("relay").info("x", total_tokens=5, key="order", task="sk-1", author="me")

    (line,) = lines(stream)
    assert (line["total_tokens"], line["key"], line["task"], line["author"]) == (5, "order", "sk-1", "me")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_says_where_and_no_more(said, form):
    """A traceback names file and error; what a stranger put into it is escaped, and no local variable is shown."""
    stream = said(format=form)
    hidden_local = "never shown"

    try:
        raise ValueError("\x1b[2J" + hidden_local[:5])
    except ValueError:
        structlog.get_logger("relay").exception("tee.failed")

    text = stream.getvalue()
    assert "test_log.py" in text
    assert "ValueError: " in text
    assert "[2Jnever" in text
    assert "\x1b[2J" not in text
    assert "never shown" not in text


def test_a_long_traceback_keeps_its_end(said):
    """Of a traceback without end the last 8,000 characters are kept, where the error stands."""
    stream = said()

    try:
        exec("\n" * 5 + "raise ValueError('one\\n' * 5000 + 'the end')")
    except ValueError:
        structlog.get_logger("relay").exception("tee.failed")

    (line,) = lines(stream)
    assert line["exception"].endswith("the end")
    assert len(line["exception"]) <= 8000


def test_a_stream_that_is_gone_hurts_nobody(said):
    """When stderr is closed, logging says nothing and raises nothing."""
    stream = said()
    stream.close()

    structlog.get_logger("relay").error("x")
    logging.getLogger("other").error("x")


def test_setup_again_replaces_the_first(said):
    """Set up twice, a line is said once, on the second stream."""
    first, second = said(), said()

    structlog.get_logger("relay").info("x")

    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_stderr_is_the_place(said, capsys):
    """Without a stream the log goes to stderr; stdout is for data."""
    log.configure(Log(), None)

    structlog.get_logger("relay").info("x")

    out, err = capsys.readouterr()
    assert (out, json.loads(err)["event"]) == ("", "x")
