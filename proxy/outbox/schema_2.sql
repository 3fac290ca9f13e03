-- Migration 2: what was erased stays so, and goes from the sinks, too.

-- Marks of what was erased (`tombstones.py`): keyed hashes, from which neither an id nor a word can be told.
CREATE TABLE tombstone (
    mark BLOB PRIMARY KEY,
    -- What began up to then is meant.
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a sink is asked to delete; gone once it has.
CREATE TABLE deletion (
    key  INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('conversation', 'feedback')),
    -- What analytics knows it by.
    id   TEXT NOT NULL,
    -- The newest that may be on its way there, older ones too: none of them is to be taken any more.
    rev  INTEGER NOT NULL
) STRICT;

-- Serves the sweep of what was said of no conversation that is here.
CREATE INDEX annotation_alone ON annotation (key) WHERE conversation IS NULL;

-- The outbox once more, with deletions among its kinds.
CREATE TABLE outbox_2 (
    key             INTEGER PRIMARY KEY,
    sink            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('conversation', 'feedback', 'event', 'deletion')),
    -- The key of a conversation, of an annotation, or of a deletion.
    item            INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'leased', 'sent', 'dead')),
    wanted_rev      INTEGER NOT NULL,
    sent_rev        INTEGER NOT NULL DEFAULT 0,
    -- Since when the sink lacks something.
    dirty_since     INTEGER,
    due             INTEGER,
    lease_until     INTEGER,
    lease_token     INTEGER NOT NULL DEFAULT 0,
    -- Leases since the last success.
    tries           INTEGER NOT NULL DEFAULT 0,
    -- Since the last success.
    first_failed_at INTEGER,
    last_failed_at  INTEGER,
    last_error      TEXT,
    dead_reason     TEXT CHECK (dead_reason IN ('refused', 'too large', 'too old', 'not rendered', 'unknown message')),
    -- Of the last success.
    sent_at         INTEGER,
    -- Until then a POST may be applied whose end nobody saw: what is sent before that is sent once more. NULL: none may.
    echo_at         INTEGER,
    -- In this order, so that tidying finds what a conversation is owed whatever the sink.
    UNIQUE (kind, item, sink),
    CHECK ((state = 'ready') = (due IS NOT NULL)),
    CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CHECK ((state = 'dead') = (dead_reason IS NOT NULL)),
    CHECK ((dirty_since IS NULL) = (sent_rev >= wanted_rev)),
    CHECK ((state = 'sent') = (dirty_since IS NULL AND echo_at IS NULL))
) STRICT;

INSERT INTO outbox_2 SELECT
    key, sink, kind, item, state, wanted_rev, sent_rev, dirty_since, due, lease_until, lease_token, tries, first_failed_at,
    last_failed_at, last_error, dead_reason, sent_at, echo_at
FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;

CREATE INDEX outbox_due ON outbox (sink, due) WHERE state = 'ready';
CREATE INDEX outbox_leased ON outbox (sink, lease_until) WHERE state = 'leased';
CREATE INDEX outbox_dirty ON outbox (sink, state, dirty_since) WHERE dirty_since IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (sink, dead_reason) WHERE dead_reason IS NOT NULL;
CREATE INDEX outbox_failed ON outbox (sink, last_failed_at, state, dirty_since) WHERE last_failed_at IS NOT NULL;
CREATE INDEX outbox_first_failed ON outbox (sink, state, first_failed_at) WHERE first_failed_at IS NOT NULL;
