"""What can be asked about: the views of the query language, their fields and what each of them holds.

The views are those of Inkeep's `POST /query/{view}`. `semantic-threads` is there to be asked, and empty: nobody here
annotates threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT, NUMBER, TIME, JSON, FLAG = "text", "number", "time", "json", "flag"


@dataclass(frozen=True, slots=True)
class View:
    """
    A table as it is asked.

    Args:
        name: As in the path.
        fields: Each with its kind.
        filled: Fields that every row has.
        time: The field that a bucket of time is of unless one is named.
        flat: Whether answers tell JSON objects as maps of strings, as the official SDK parses those of events.

    """

    name: str
    fields: Mapping[str, str]
    filled: frozenset[str]
    time: str
    flat: bool = False


CONVERSATIONS = View(
    "conversations",
    {
        "id": TEXT,
        "userMessageCount": NUMBER,
        "organizationId": TEXT,
        "projectId": TEXT,
        "integrationId": TEXT,
        "firstMessageTime": TIME,
        "type": TEXT,
        "properties": JSON,
        "userProperties": JSON,
    },
    frozenset(("id", "userMessageCount", "firstMessageTime", "type")),
    "firstMessageTime",
)
EVENTS = View(
    "events",
    {
        "id": TEXT,
        "organizationId": TEXT,
        "messageId": TEXT,
        "conversationId": TEXT,
        "createdAt": TIME,
        "projectId": TEXT,
        "integrationId": TEXT,
        "eventType": TEXT,
        "type": TEXT,
        "searchQuery": TEXT,
        "properties": JSON,
        "userProperties": JSON,
    },
    frozenset(("id", "createdAt", "eventType", "type")),
    "createdAt",
    flat=True,
)
FEEDBACK = View(
    "feedback",
    {
        "id": TEXT,
        "type": TEXT,
        "messageId": TEXT,
        "createdAt": TIME,
        "updatedAt": TIME,
        "organizationId": TEXT,
        "reasons": JSON,
        "sources": JSON,
        "details": TEXT,
        "properties": JSON,
        "userProperties": JSON,
        "conversationId": TEXT,
        "projectId": TEXT,
        "integrationId": TEXT,
    },
    frozenset(("id", "type", "messageId", "createdAt", "updatedAt", "conversationId")),
    "createdAt",
)
_THREAD_TEXTS = (
    "id", "organizationId", "question", "answer", "gapSummary", "subject", "category", "emotion", "sentiment",
    "questionType", "projectId", "integrationId",
)  # fmt: skip
_THREAD_FLAGS = (
    "isOnTopic", "isClear", "isDocumented", "isFeatureSupported", "isAnswerConfident", "hasPositiveFeedback",
    "hasNegativeFeedback", "areAIAnnotationsVerified", "isInitialQuestionAnswer",
)  # fmt: skip
_THREAD_JSON = (
    "messageIds", "languages", "firstPartyEntities", "thirdPartyEntities", "properties", "userProperties",
    "conversationIds",
)  # fmt: skip
SEMANTIC_THREADS = View(
    "semantic-threads",
    dict.fromkeys(_THREAD_TEXTS, TEXT)
    | dict.fromkeys(_THREAD_FLAGS, FLAG)
    | dict.fromkeys(_THREAD_JSON, JSON)
    | dict.fromkeys(("messagesCount", "questionLength"), NUMBER)
    | dict.fromkeys(("firstMessageTime", "lastMessageTime", "lastUpdated"), TIME),
    frozenset(("id", "firstMessageTime")),
    "firstMessageTime",
)
VIEWS = {view.name: view for view in (CONVERSATIONS, EVENTS, FEEDBACK, SEMANTIC_THREADS)}
