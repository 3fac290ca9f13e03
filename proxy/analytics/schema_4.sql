-- Migration 4: conversations are found by what was said in them, and by whom, with which model, and how it ended.

-- Every conversation has a number, and its messages have that number times 2^32 and so many: a search tells from a
-- message's number alone whose it is, and a conversation's messages lie together in the file.
ALTER TABLE conversation ADD COLUMN number INTEGER;
UPDATE conversation SET number = rowid;
CREATE UNIQUE INDEX conversation_by_number ON conversation (number);

CREATE TABLE message_numbered (
    number          INTEGER PRIMARY KEY,
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
    UNIQUE (conversation, id),
    UNIQUE (conversation, place)
) STRICT;
-- (Conversation by conversation, so that nothing is sorted, which would be done in memory.)
INSERT INTO message_numbered
SELECT (conversation.number << 32) + message.rowid, message.*
FROM conversation CROSS JOIN message ON message.conversation = conversation.id;
DROP TABLE message;
ALTER TABLE message_numbered RENAME TO message;
CREATE INDEX message_by_id ON message (id);

-- The words of every message that stands in its conversation, by its number. Only the words: the texts are not kept
-- twice, so that what is taken out must be told as it was put in, which is what the triggers do. A message that only
-- changes its place stays as it is.
CREATE VIRTUAL TABLE message_search USING fts5 (
    text, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO message_search (rowid, text)
SELECT number, spaced_text(CAST(text AS BLOB)) FROM message WHERE place IS NOT NULL AND text <> '';

CREATE TRIGGER message_put AFTER INSERT ON message WHEN new.place IS NOT NULL AND new.text <> ''
BEGIN
    INSERT INTO message_search (rowid, text) VALUES (new.number, spaced_text(CAST(new.text AS BLOB)));
END;

CREATE TRIGGER message_gone AFTER DELETE ON message WHEN old.place IS NOT NULL AND old.text <> ''
BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    VALUES ('delete', old.number, spaced_text(CAST(old.text AS BLOB)));
END;

-- (In one trigger: in which order two would run is not said, and what is taken out last is out.)
CREATE TRIGGER message_changed AFTER UPDATE OF place, text ON message
WHEN new.text IS NOT old.text OR (new.place IS NULL) <> (old.place IS NULL)
BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    SELECT 'delete', old.number, spaced_text(CAST(old.text AS BLOB)) WHERE old.place IS NOT NULL AND old.text <> '';
    INSERT INTO message_search (rowid, text)
    SELECT new.number, spaced_text(CAST(new.text AS BLOB)) WHERE new.place IS NOT NULL AND new.text <> '';
END;

-- What lists are narrowed by, each in the order of the list. (The first `userId` or `id`: as the pages name people.)
CREATE INDEX conversation_by_user ON conversation (
    CASE WHEN json_valid(user_properties) THEN CAST(
        coalesce(nullif(json_extract(user_properties, '$.userId'), ''), json_extract(user_properties, '$.id')) AS TEXT
    ) END,
    updated_at DESC, id
);
CREATE INDEX conversation_by_model ON conversation (
    CASE WHEN json_valid(properties) THEN CAST(json_extract(properties, '$.model') AS TEXT) END, updated_at DESC, id
);
CREATE INDEX conversation_interrupted ON conversation (updated_at DESC, id) WHERE interrupted = 1;
