"""Answers that are right, one for each of the rules: what the official SDK parses, to be broken on purpose."""

from tests.sdk_query_rules import NAMES, QUERIES, TOP_SEARCHES, WEEKLY_SEARCHERS
from tests.sdk_rules import (
    CONVERSATION,
    CONVERSATION_LIST,
    DELETED,
    EVENT,
    FEEDBACK,
    FEEDBACK_LIST,
    FEEDBACK_WITH_MESSAGE,
)

TIME = "2026-11-01T10:00:00.000Z"
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGE = {
    "id": "m", "type": "openai", "externalId": None, "externalUrl": None, "conversationId": "c", "createdAt": TIME,
    "updatedAt": TIME, "role": "user", "content": [{"type": "text", "text": "hi"}], "tool_calls": [CALL],
    "links": [{"url": "u"}], "userProperties": {"userId": 5}, "properties": None, "name": None,
}  # fmt: skip
CHAT = {
    "id": "c", "externalId": None, "externalUrl": None, "type": "openai", "supportTicketConversationId": None,
    "createdAt": TIME, "updatedAt": TIME, "projectId": None, "integrationId": None, "visibility": "private",
    "messages": [MESSAGE], "messagesOpenAIFormat": [{"role": "user", "content": "hi", "tool_calls": [CALL]}],
}  # fmt: skip
THUMB = {
    "id": "f", "type": "positive", "messageId": "m", "createdAt": TIME, "updatedAt": TIME, "details": "",
    "reasons": [{"label": "l", "details": ""}], "sources": [{"type": None}],
}  # fmt: skip
RATED = THUMB | {"conversation": CHAT, "message": MESSAGE}
RATED_LIST = {
    "positiveFeedbackCount": 1, "negativeFeedbackCount": 0, "positiveFeedback": [RATED], "negativeFeedback": [],
}  # fmt: skip
HAPPENED = {
    "id": "e", "type": "x", "entityType": "search", "searchQuery": "q", "createdAt": TIME, "projectId": None,
    "integrationId": None,
}  # fmt: skip
ROWS = {
    "conversations": {"id": "c", "count": 1, "firstMessageTime": TIME, "firstMessageTime_day": TIME, "type": "openai",
                      "countDistinct_userProperties.userId": 1, "userProperties.userId": "5", "properties.x": "any"},
    "events": {"id": "e", "eventType": "search", "createdAt": TIME, "properties": {"a": "b"}, "avg": 1.5},
    "feedback": {"id": "f", "type": "negative", "reasons": None, "details": "", "conversationId": "c"},
    "semantic-threads": {"id": "t", "question": "q", "firstMessageTime": TIME, "hasPositiveFeedback": True,
                         "conversationIds": ["c"]},
}  # fmt: skip


def asked(row):
    return {"status": "ok", "data": {"result": [row], "total": 1, "pageSize": 1000, "count": 1}}


SEARCHED = {"data": {"result": [{"search_query": "q", "count": "1"}], "total": 1}}
WEEK = {"data": {"result": [{"week": TIME, "unique_users": "1"}], "total": 1}}
TICKET_MESSAGE = {key: value for key, value in MESSAGE.items() if key != "tool_calls"} | {
    "type": "support_ticket", "role": "agent", "content": None,
}  # fmt: skip
TICKET = {key: value for key, value in CHAT.items() if key != "messagesOpenAIFormat"} | {
    "type": "support_ticket", "messages": [TICKET_MESSAGE], "tags": ["a"],
}  # fmt: skip
COPIED = {key: value for key, value in HAPPENED.items() if key != "searchQuery"} | {
    "entityType": "message", "messageId": "m", "properties": {"n": 1}, "userProperties": {"id": "u"},
}  # fmt: skip
#: By name: the rule, and an answer that follows it.
SAMPLES = {
    "conversation": (CONVERSATION, CHAT),
    "conversation of another type": (CONVERSATION, TICKET),
    "conversations": (CONVERSATION_LIST, {"conversations": [CHAT], "total": 1, "pageSize": 20, "count": 1}),
    "feedback": (FEEDBACK, THUMB),
    "rated": (FEEDBACK_WITH_MESSAGE, RATED),
    "all feedback": (FEEDBACK_LIST, RATED_LIST),
    "event": (EVENT, HAPPENED),
    "event of a message": (EVENT, COPIED),
    "deleted": (DELETED, {"success": True, "message": "gone"}),
    "keys": (NAMES, {"results": ["a"]}),
    "values": (NAMES, {"results": ["a"]}),
    "searches": (TOP_SEARCHES, SEARCHED),
    "weeks": (WEEKLY_SEARCHERS, WEEK),
} | {f"rows of {view}": (QUERIES[view], asked(row)) for view, row in ROWS.items()}
