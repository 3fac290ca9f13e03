"""Feedback and events in the Analytics format: built, read and answered; the other half of `wire`.

The three steps are those of `wire`, and so are the promises: liberal in what is read, strict in what is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fields import Fields, refuse_faults, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FEEDBACK_FIELDS = (
    "id", "type", "messageId", "createdAt", "updatedAt", "reasons", "details", "sources", "properties", "userProperties"
)  # fmt: skip
_FEEDBACK_TYPES = frozenset(("positive", "negative"))
_SOURCE_TYPES = frozenset(("positive", "negative", "new"))
_EVENT_FIELDS = (
    "id", "type", "entityType", "messageId", "conversationId", "searchQuery", "createdAt",
    "projectId", "integrationId", "properties", "userProperties",
)  # fmt: skip
_ENTITY_KEYS = {"message": "messageId", "conversation": "conversationId", "search": "searchQuery"}


def build_feedback(body: Mapping[str, Any], message_id: str) -> dict[str, Any]:
    """The body of `POST /feedback` for an answer of `emit_feedback`, on the message that it turned out to speak of."""
    told = {key: value for key, value in body.items() if value is not None and key in _FEEDBACK_FIELDS}
    if not told.get("details"):
        told.pop("details", None)  # emitted as "" where there are none
    return told | {"messageId": message_id}


def read_feedback(body: Any) -> dict[str, Any]:
    """Posted feedback as a record; reasons may be bare labels or lack their details, as real clients send them."""
    faults: list[dict[str, str]] = []
    fields = Fields(body, faults)
    fields.choice("type", _FEEDBACK_TYPES, required=True)
    fields.name("messageId", required=True)
    fields.name("id")
    fields.time("createdAt", "updatedAt")
    fields.text("details")
    fields.object("properties")
    fields.user()
    _read_each(fields, "reasons", _read_reason, "must hold objects with a label")
    _read_each(fields, "sources", _read_source, "must hold objects")
    refuse_faults(faults)
    return fields.out


def _read_each(fields: Fields, name: str, read: Callable[[Any], dict[str, Any] | None], reason: str) -> None:
    items = fields.items(name)
    if name not in fields.given:
        return
    told = None if items is None else [read(item) for item in items]
    if told is not None and None in told:
        fields.wrong(name, reason)
    fields.out[name] = told


def _read_reason(given: Any) -> dict[str, str] | None:
    given = {"label": given} if isinstance(given, str) else given
    if not isinstance(given, dict) or not isinstance(given.get("label"), str):
        return None
    details = given.get("details")
    return {"label": given["label"], "details": details if isinstance(details, str) else ""}


def _read_source(given: Any) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        return None
    kind = given.get("type")
    source = {"type": kind if isinstance(kind, str) and kind in _SOURCE_TYPES else None}
    return source | {name: given[name] for name in ("title", "url") if isinstance(given.get(name), str)}


def emit_feedback(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer form of a feedback record with `id` and times."""
    answer = {name: record.get(name) for name in _FEEDBACK_FIELDS}
    answer |= {name: time_text(record[name]) for name in ("createdAt", "updatedAt")}
    answer["details"] = record.get("details") or ""  # two generations of the SDK refuse null
    return answer


def build_event(
    body: Mapping[str, Any], *, message_id: str | None = None, conversation_id: str | None = None
) -> dict[str, Any]:
    """The body of `POST /events` for an answer of `emit_event`; a known id replaces the one the caller used."""
    told = {key: value for key, value in body.items() if value is not None and key in _EVENT_FIELDS}
    for key, value in (("messageId", message_id), ("conversationId", conversation_id)):
        if key in told and value is not None:
            told[key] = value
    return told


def read_event(body: Any) -> dict[str, Any]:
    """A posted event as a record; what it is about is inferred where it is not said, as the widget leaves it."""
    faults: list[dict[str, str]] = []
    given = dict(body) if isinstance(body, dict) else body
    if isinstance(given, dict):
        if given.get("type") is None:
            given["type"] = given.get("eventName")
        _bring_entity_up(given)
    fields = Fields(given, faults)
    fields.name("type", required=True)
    entity = fields.choice("entityType", _ENTITY_KEYS, required=True)
    for kind, key in _ENTITY_KEYS.items():
        if key == "searchQuery" and fields.given.get(key) == "":
            fields.text(key)  # nothing is searched for, too
        else:
            fields.name(key, required=kind == entity)
    fields.name("id")
    fields.time("createdAt")
    fields.text("projectId", "integrationId")
    fields.object("properties")
    fields.user()
    refuse_faults(faults)
    return fields.out


def _bring_entity_up(event: dict[str, Any]) -> None:
    """Takes the entity's key and kind from `properties` where they stand there; a whole conversation becomes its id."""
    properties = event.get("properties")
    if isinstance(properties, dict):
        nested = properties.get("conversation")
        if isinstance(nested, dict) and "messages" in nested:
            properties = {key: value for key, value in properties.items() if key != "conversation"}
            properties |= {"conversationId": nested["id"]} if isinstance(nested.get("id"), str) else {}
            event["properties"] = properties
        for key in _ENTITY_KEYS.values():
            if event.get(key) is None and isinstance(properties.get(key), str):
                event[key] = properties[key]
    if event.get("entityType") is None:
        event["entityType"] = next((kind for kind, key in _ENTITY_KEYS.items() if event.get(key) is not None), None)


def emit_event(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer form of an event record with `id` and `createdAt`."""
    answer = {name: record.get(name) for name in _EVENT_FIELDS}
    answer["createdAt"] = time_text(record["createdAt"])
    for key in _ENTITY_KEYS.values():
        if answer[key] is None:
            del answer[key]
    return answer
