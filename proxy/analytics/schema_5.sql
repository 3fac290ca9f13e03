-- Migration 5: conversations that anybody who has a link may read, until it is taken back.

CREATE TABLE share (
    -- 128 random bits: who has them has been given them.
    token        TEXT PRIMARY KEY,
    conversation TEXT NOT NULL UNIQUE REFERENCES conversation (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL
) STRICT;

-- The list without side requests (titles, tags and the like that a program asked for), which is what people look at.
CREATE INDEX conversation_held ON conversation (updated_at DESC, id, interrupted)
WHERE CASE WHEN json_valid(properties) THEN json_extract(properties, '$.kind') END IS NULL;
