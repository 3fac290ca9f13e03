-- Migration 3: what was deleted stays so, and conversations are found by the ids that other systems know them by.

CREATE TABLE deletion (
    id         TEXT PRIMARY KEY,
    -- How many messages were deleted with it: as many of a later post are not taken again.
    messages   INTEGER NOT NULL CHECK (messages > 0),
    deleted_at INTEGER NOT NULL
) STRICT;

CREATE INDEX conversation_by_external_id ON conversation (external_id, updated_at DESC) WHERE external_id IS NOT NULL;
