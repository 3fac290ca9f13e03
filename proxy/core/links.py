"""What a message refers to: links out of every form that upstreams give them in, and Inkeep's data tools.

    Inkeep        the call of `provideLinks`; `records_cited` of a message; documents of its RAG mode, which are the content
    OpenAI        `annotations`: `url_citation`, nested (chat) or flat (Responses); OpenRouter adds the `content` cited
    Perplexity    `citations`, whose order is the numbers in the text, and `search_results`, which has their titles; xAI the
                  first of them
    clients       `links` of the messages they bring back

One link for each address, in this order, each in the one shape the Analytics format takes: a `url`, the rest text. A link
without a url would make the official SDK refuse every list it stands in, so it is left out. Nothing here raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .jsontext import mend, objects_in, read_mended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .message import Message

#: Links of one message; a search brings tens.
MAX_LINKS = 200
#: Characters of a passage that is quoted as a description.
MAX_DESCRIPTION = 500

_TEXTS = ("label", "title", "description", "type")
#: Inkeep's tools whose calls are data that no tool message answers, and the property that each becomes.
_DATA_TOOLS = {
    "provideRecordsConsidered": "recordsConsidered",
    "provideAIAnnotations": "aiAnnotations",
}


def read_links(given: Any) -> list[dict[str, Any]] | None:
    """Links that somebody gives as such; what is no link is left out. None for what is no list."""
    if not isinstance(given, list):
        return None
    return [link for link in map(_link, given) if link]


def links_of(message: Message) -> list[dict[str, Any]]:
    """The links of a message of a conversation, at most `MAX_LINKS`."""
    told: dict[str, dict[str, Any]] = {}
    for given in _given(message):
        link = _link(given)
        if link and (known := told.setdefault(link["url"], link)) is not link:
            told[link["url"]] = link | known
        if len(told) == MAX_LINKS:
            break
    return list(told.values())


def data_of(message: Message) -> dict[str, Any]:
    """Properties that a message brings along as calls of Inkeep's data tools; cut where they are nested too deeply."""
    found: dict[str, Any] = {}
    for tool, name in _DATA_TOOLS.items():
        for arguments in _arguments(message, tool):
            if data := arguments.get(name):
                found[name] = mend(data)
    return found


def _given(message: Message) -> Iterator[Any]:
    extra = message.extra
    yield from objects_in(extra.get("links"))
    for arguments in _arguments(message, "provideLinks"):
        yield from objects_in(arguments.get("links"))
    yield from map(_cited_record, objects_in(extra.get("records_cited")))
    yield from map(_url_citation, objects_in(extra.get("annotations")))
    yield from _numbered(extra.get("citations"))
    yield from map(_search_result, objects_in(extra.get("search_results")))
    yield from _documents(message.content)


def _link(given: Any) -> dict[str, Any] | None:
    url = given.get("url") if isinstance(given, dict) else None
    if not isinstance(url, str) or not url:
        return None
    link: dict[str, Any] = {"url": url}
    for name in _TEXTS:
        value = given.get(name)
        if isinstance(value, str | int | float) and value != "" and not isinstance(value, bool):
            link[name] = str(value)
    crumbs = given.get("breadcrumbs")
    if isinstance(crumbs, list):
        link["breadcrumbs"] = [crumb for crumb in crumbs if isinstance(crumb, str)]
    return link


def _arguments(message: Message, tool: str) -> Iterator[dict[str, Any]]:
    """The arguments of each call of a tool; a call that was cut off has none."""
    for call in message.tool_calls:
        function = call.get("function") or {}
        if function.get("name") != tool:
            continue
        try:
            arguments = read_mended(function.get("arguments") or "")
        except ValueError:
            continue
        if isinstance(arguments, dict):
            yield arguments


def _cited_record(cited: Mapping[str, Any]) -> dict[str, Any]:
    record = cited.get("record")
    record = record if isinstance(record, dict) else cited
    return {**record, "url": cited.get("hit_url") or record.get("url"), "label": cited.get("number")}


def _url_citation(annotation: Mapping[str, Any]) -> dict[str, Any] | None:
    nested = annotation.get("url_citation")
    if nested is None and annotation.get("type") != "url_citation":
        return None  # files and containers have ids of the upstream's own
    citation = nested if isinstance(nested, dict) else annotation
    return {"url": citation.get("url"), "title": citation.get("title"), "description": _quote(citation.get("content"))}


def _numbered(citations: Any) -> Iterator[dict[str, Any]]:
    """Perplexity's and xAI's addresses; the text has their numbers in brackets."""
    for number, cited in enumerate(citations if isinstance(citations, list) else (), 1):
        if isinstance(cited, str):
            yield {"url": cited, "label": number}
        elif isinstance(cited, dict):
            yield {"label": number, **cited}


def _search_result(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": result.get("url"),
        "title": result.get("title"),
        "description": _quote(result.get("snippet")),
    }


def _documents(content: Any) -> Iterator[dict[str, Any]]:
    """The documents that Inkeep's RAG models answer with: JSON in place of a text."""
    if not isinstance(content, str) or not content.startswith("{") or '"record_type"' not in content:
        return
    try:
        answer = read_mended(content)
    except ValueError:
        return
    for document in objects_in(answer.get("content")):
        if document.get("type") == "document":
            yield {"url": document.get("url"), "title": document.get("title"), "type": document.get("record_type")}


def _quote(text: Any) -> str | None:
    return text[:MAX_DESCRIPTION] if isinstance(text, str) else None
