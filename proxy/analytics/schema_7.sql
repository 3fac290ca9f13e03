-- Migration 7: what was deleted is kept as marks that name nobody, and nothing that comes late is taken for it.

-- Makes the marks unlike those of another file; there is one row, made when it is first needed.
CREATE TABLE salt (value BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- A conversation that was deleted.
CREATE TABLE deleted (
    mark       BLOB PRIMARY KEY,
    -- How many messages were deleted with it: as many of a later post are not taken again.
    messages   INTEGER NOT NULL CHECK (messages >= 0),
    -- No snapshot of a teelog up to this rev is taken, whatever is in it.
    rev        INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A message of one, of which nothing more is to be said.
CREATE TABLE deleted_message (
    mark       BLOB PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_message_by_time ON deleted_message (deleted_at);
