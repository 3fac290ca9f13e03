-- The local analytics server's tables, migration 1. Times are unix milliseconds; JSON is text, NULL where absent or
-- cleared. What lists and pages show of a conversation is kept beside it, so that they read no messages.

CREATE TABLE conversation (
    id                             TEXT PRIMARY KEY,
    type                           TEXT NOT NULL CHECK (type IN ('openai', 'support_ticket', 'support_copilot')),
    external_id                    TEXT,
    external_url                   TEXT,
    support_ticket_conversation_id TEXT,
    project_id                     TEXT,
    integration_id                 TEXT,
    visibility                     TEXT CHECK (visibility IN ('private', 'public')),
    properties                     TEXT,
    user_properties                TEXT,
    tags                           TEXT,
    created_at                     INTEGER NOT NULL,
    updated_at                     INTEGER NOT NULL,
    -- The newest teelogRev that was applied; an older one is not.
    rev                            INTEGER,
    -- From the messages: the earliest time, how many users said, the first of it, whether an answer was cut off.
    first_message_time             INTEGER NOT NULL,
    user_message_count             INTEGER NOT NULL,
    question                       TEXT NOT NULL,
    interrupted                    INTEGER NOT NULL CHECK (interrupted IN (0, 1))
) STRICT;

CREATE INDEX conversation_by_update ON conversation (updated_at DESC, id);

CREATE TABLE message (
    conversation    TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    id              TEXT NOT NULL,
    -- NULL: no longer in the list, kept because somebody spoke of it, or may.
    place           INTEGER CHECK (place >= 0),
    -- Whether the client chose the id (and so may come back to it) or we did.
    id_given        INTEGER NOT NULL CHECK (id_given IN (0, 1)),
    role            TEXT NOT NULL,
    -- The text of the content (NULL: no content), and its items as JSON where it came in items.
    text            TEXT,
    items           TEXT,
    name            TEXT,
    tool_calls      TEXT,
    links           TEXT,
    properties      TEXT,
    user_properties TEXT,
    external_id     TEXT,
    external_url    TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation, id),
    UNIQUE (conversation, place)
) STRICT;

CREATE INDEX message_by_id ON message (id);

CREATE TABLE feedback (
    id              TEXT PRIMARY KEY,
    type            TEXT NOT NULL CHECK (type IN ('positive', 'negative')),
    message         TEXT NOT NULL,
    -- NULL: pending, its message has not been logged yet.
    conversation    TEXT REFERENCES conversation (id) ON DELETE CASCADE,
    -- Whose it is, so that a second click of the same person replaces the first; NULL: not known.
    author          TEXT,
    reasons         TEXT,
    details         TEXT,
    sources         TEXT,
    properties      TEXT,
    user_properties TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX feedback_by_message ON feedback (message, author);
CREATE INDEX feedback_by_conversation ON feedback (conversation, message);
CREATE INDEX feedback_by_time ON feedback (type, created_at DESC, id) WHERE conversation IS NOT NULL;

CREATE TABLE event (
    id              TEXT PRIMARY KEY,
    type            TEXT NOT NULL,
    entity_type     TEXT NOT NULL CHECK (entity_type IN ('message', 'conversation', 'search')),
    message         TEXT,
    -- As said by the client, or that of the message; it may be one that has not been logged.
    conversation    TEXT,
    search_query    TEXT,
    project_id      TEXT,
    integration_id  TEXT,
    properties      TEXT,
    user_properties TEXT,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX event_by_conversation ON event (conversation);
CREATE INDEX event_by_message ON event (message);
CREATE INDEX event_by_time ON event (created_at);
