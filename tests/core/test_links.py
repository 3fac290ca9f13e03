"""What a message refers to."""

import json

import pytest
from hypothesis import given

from proxy.core.jsontext import MAX_DEPTH
from proxy.core.links import MAX_LINKS, data_of, links_of, read_links
from proxy.core.message import Message
from proxy.core.wire import Logged, Snapshot, build_conversation

from .sayings import JSON


def calls(name, arguments):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return [{"id": "1", "type": "function", "function": {"name": name, "arguments": text}}]


def said(content="See [1].", tool_calls=(), **extra):
    return Message("assistant", content, tool_calls=list(tool_calls), extra=extra)


INKEEP = {"label": "1", "url": "https://a", "title": "A", "type": "documentation", "breadcrumbs": ["x", "y"]}
FORMS = {
    "nothing": (said(), []),
    "the client's own": (said(links=[INKEEP, {"title": "no url"}]), [INKEEP]),
    "provideLinks": (said(None, calls("provideLinks", {"links": [INKEEP], "text": "t"})), [INKEEP]),
    "provideLinks without any": (said(None, calls("provideLinks", {"links": None})), []),
    "provideLinks cut off": (said(None, calls("provideLinks", '{"links":[{"url":"https://')), []),
    "provideLinks with a list": (said(None, calls("provideLinks", "[1]")), []),
    "another tool": (said(None, calls("search", {"links": [INKEEP]})), []),
    "OpenAI, chat": (
        said(annotations=[{"type": "url_citation", "url_citation": {"url": "https://a", "title": "A", "end_index": 1}}]),
        [{"url": "https://a", "title": "A"}],
    ),
    "OpenAI, Responses": (
        said(annotations=[{"type": "url_citation", "url": "https://a", "title": "A"}, {"type": "file_citation"}]),
        [{"url": "https://a", "title": "A"}],
    ),
    "OpenRouter": (
        said(annotations=[{"type": "url_citation", "url_citation": {"url": "https://a", "content": "q" * 900}}]),
        [{"url": "https://a", "description": "q" * 500}],
    ),
    "Perplexity": (
        said(
            citations=["https://a", "https://b"],
            search_results=[{"url": "https://b", "title": "B", "snippet": "s"}, {"url": "https://c", "title": "C"}],
        ),
        [
            {"url": "https://a", "label": "1"},
            {"url": "https://b", "label": "2", "title": "B", "description": "s"},
            {"url": "https://c", "title": "C"},
        ],
    ),
    "citations as objects": (said(citations=[{"url": "https://a", "title": "A"}, 5]), [{"url": "https://a", "label": "1", "title": "A"}]),
    "records_cited": (
        said(
            records_cited=[
                {"number": 2, "record": {"url": "https://r", "title": "R", "type": "site"}, "hit_url": "https://r#h"},
                {"number": 3, "record": {"url": "https://s"}},
            ]
        ),
        [
            {"url": "https://r#h", "label": "2", "title": "R", "type": "site"},
            {"url": "https://s", "label": "3"},
        ],
    ),
    "RAG mode": (
        said('{"content":[{"type":"document","record_type":"site","url":"https://a","title":"A","source":{}},{"type":"x"}]}'),
        [{"url": "https://a", "title": "A", "type": "site"}],
    ),
    "RAG mode, cut off": (said('{"content":[{"type":"document","record_type":"site","url":"https://a"'), []),
    "one address, several forms": (
        said(
            links=[{"url": "https://a", "label": "1"}],
            annotations=[{"type": "url_citation", "url": "https://a", "title": "A"}],
        ),
        [{"url": "https://a", "label": "1", "title": "A"}],
    ),
    "odd values": (
        said(links=[{"url": ""}, {"url": 5}, "https://a", {"url": "https://a", "title": None, "type": [], "label": True}]),
        [{"url": "https://a"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "links"), FORMS.values(), ids=FORMS)
def test_links(message, links):
    """Each form of reference becomes links, one for each address."""
    assert links_of(message) == links


def test_links_are_bounded():
    """A message has so many links at most."""
    assert len(links_of(said(citations=[f"https://{n}" for n in range(1000)]))) == MAX_LINKS


def test_data_tools():
    """What Inkeep's data tools say becomes properties, and their calls stay."""
    records, judged = [{"type": "site", "url": "https://a"}], {"answerConfidence": "very_confident"}
    both = calls("provideRecordsConsidered", {"recordsConsidered": records}) + calls(
        "provideAIAnnotations", {"aiAnnotations": judged}
    )
    message = said(None, both)
    (told,) = build_conversation(Snapshot("c", [Logged(message, "m", 0, {"model": "x"})], 0))["messages"]

    assert data_of(message) == {"recordsConsidered": records, "aiAnnotations": judged}
    assert told["properties"] == {"recordsConsidered": records, "aiAnnotations": judged, "model": "x"}
    assert [call["function"]["name"] for call in told["tool_calls"]] == [
        "provideRecordsConsidered",
        "provideAIAnnotations",
    ]
    assert data_of(said(None, calls("provideAIAnnotations", "{"))) == {}


def test_deep_data():
    """What a data tool says is cut where it is nested deeper than any reader of the format goes."""
    nested = '{"aiAnnotations":' + '{"a":' * 245 + "1" + "}" * 246

    assert str(data_of(said(None, calls("provideAIAnnotations", nested)))).count("a'") == MAX_DEPTH


@given(JSON, JSON, JSON)
def test_whatever_is_said_every_link_can_be_read(one, other, third):
    """Whatever stands where links stand, each link told has a url, texts, and crumbs that are texts."""
    message = said(
        tool_calls=calls("provideLinks", {"links": [one, {"url": "u", "title": other, "breadcrumbs": third}]}),
        **dict.fromkeys(("links", "annotations", "citations", "search_results", "records_cited"), [one, other, third]),
    )
    for link in links_of(message):
        crumbs = link.pop("breadcrumbs", [])
        assert link["url"]
        assert all(isinstance(text, str) for text in (*link.values(), *crumbs))
    assert read_links(one) is None or isinstance(one, list)
