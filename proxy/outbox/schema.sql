-- What the recorder knows and the courier still owes. Times are unix milliseconds, hashes 16 bytes, JSON is text.

-- How far each source of records has been made use of; committed together with what was made of them.
CREATE TABLE position (
    source  TEXT PRIMARY KEY,
    segment INTEGER NOT NULL,
    offset  INTEGER NOT NULL,
    -- Attempts at the record behind it that were begun and not finished.
    tries   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE conversation (
    key             INTEGER PRIMARY KEY,
    -- What analytics knows it by.
    id              TEXT NOT NULL UNIQUE,
    tenant          TEXT NOT NULL,
    -- Empty while nobody was named.
    user            TEXT NOT NULL,
    -- What the client calls it: "id:<chat>", "session:<session>", or nothing. Forks of a chat go by its id, too; such an
    -- id differs from `id` there, and where another tenant gave it first.
    thread          TEXT NOT NULL,
    -- The client connection of the newest exchange.
    connection      TEXT NOT NULL,
    -- Model and system prompt of the newest exchange, hashed.
    kin             BLOB NOT NULL DEFAULT x'',
    created_at      INTEGER NOT NULL,
    -- Also when it last changed: at least the time, in unix milliseconds.
    rev             INTEGER NOT NULL,
    last_place      INTEGER NOT NULL DEFAULT 0,
    -- The newest answer: its place (0: none yet) and the chain hash there.
    tip_place       INTEGER NOT NULL DEFAULT 0,
    tip             BLOB,
    -- 1 once a request came without the whole history, so that nobody but us may have it.
    appended        INTEGER NOT NULL DEFAULT 0 CHECK (appended IN (0, 1)),
    -- 1: nobody has spoken for long and everything was delivered, so what was said has been taken out. 2: for very long,
    -- so that only the client's own id is still known, which must not be given to another conversation.
    freed           INTEGER NOT NULL DEFAULT 0 CHECK (freed IN (0, 1, 2)),
    -- 0: sampled out; followed by its hashes, but nothing that was said is kept or sent.
    sampled         INTEGER NOT NULL CHECK (sampled IN (0, 1)),
    properties      TEXT NOT NULL,
    user_properties TEXT NOT NULL,
    CHECK (tip_place <= last_place)
) STRICT;

CREATE INDEX conversation_thread ON conversation (tenant, thread, rev) WHERE thread <> '';
CREATE INDEX conversation_thread_of_user ON conversation (tenant, thread, user, rev) WHERE thread <> '';
-- Serves the sweeps of what nobody has spoken in for long.
CREATE INDEX conversation_idle ON conversation (freed, appended, rev);

CREATE TABLE message (
    key          INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (key) ON DELETE CASCADE,
    -- From 1; the system prompt stands at 0 (and before it, when it has several messages). NULL: it was replaced.
    place        INTEGER,
    id           TEXT NOT NULL,
    -- The first rev of the conversation that has it.
    rev          INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    -- When the exchange that it is the answer of began; NULL for what clients said or brought.
    started      INTEGER,
    -- 1: the end of that answer did not come through; the exchange was an SDK's retry.
    cut          INTEGER NOT NULL DEFAULT 0 CHECK (cut IN (0, 1)),
    retry        INTEGER NOT NULL DEFAULT 0 CHECK (retry IN (0, 1)),
    role         TEXT NOT NULL,
    -- 1: it calls tools, or is what one of them gave.
    of_tools     INTEGER NOT NULL DEFAULT 0 CHECK (of_tools IN (0, 1)),
    -- NULL for messages that no history is recognised by; pair: only for answers.
    chain        BLOB,
    digest       BLOB,
    pair         BLOB,
    -- Without its content once the conversation is freed.
    body         TEXT NOT NULL,
    properties   TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX message_place ON message (conversation, place);
CREATE UNIQUE INDEX message_id ON message (id) WHERE place IS NOT NULL;
-- Serve "who has said exactly this so far", and "who has asked and been told this last".
CREATE INDEX message_chain ON message (chain, conversation) WHERE place IS NOT NULL AND chain IS NOT NULL;
CREATE INDEX message_pair ON message (pair, conversation) WHERE place IS NOT NULL AND pair IS NOT NULL;

-- Where a conversation may be gone on with: its newest answer, and what the client may have in its stead.
CREATE TABLE tip (
    key          INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (key) ON DELETE CASCADE,
    hash         BLOB NOT NULL,
    -- As in `conversation`.
    user         TEXT NOT NULL,
    thread       TEXT NOT NULL,
    connection   TEXT NOT NULL,
    kin          BLOB NOT NULL,
    rev          INTEGER NOT NULL,
    -- The replaced answer that this one is (NULL: it stands), and which of its other choices (0: itself).
    former       INTEGER REFERENCES message (key) ON DELETE CASCADE,
    choice       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX tip_conversation ON tip (conversation);
CREATE INDEX tip_former ON tip (former) WHERE former IS NOT NULL;
-- Each serves "the newest with this tip", however many said the same: of a thread and a user; of anybody.
CREATE INDEX tip_of_user ON tip (hash, thread, user, rev);
CREATE INDEX tip_of_anybody ON tip (hash, rev);

-- What else a message is known by: its exchange, its completion, the ids of its tool calls, its id before it was replaced.
CREATE TABLE key (
    value   TEXT NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('exchange', 'completion', 'tool_call', 'message')),
    message INTEGER NOT NULL REFERENCES message (key) ON DELETE CASCADE,
    PRIMARY KEY (value, kind, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_message ON key (message);

-- Feedback and events, until and after what they speak of is known.
CREATE TABLE annotation (
    key          INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('feedback', 'event')),
    tenant       TEXT NOT NULL,
    id           TEXT NOT NULL,
    body         TEXT NOT NULL,
    -- What it names, as the caller named it; NULL when it speaks of neither.
    about_kind   TEXT CHECK (about_kind IN ('message', 'conversation')),
    about        TEXT,
    -- What that turned out to be, and the rev that must have been acknowledged first.
    message      INTEGER REFERENCES message (key) ON DELETE SET NULL,
    conversation INTEGER REFERENCES conversation (key) ON DELETE SET NULL,
    needs_rev    INTEGER,
    UNIQUE (kind, id, tenant),
    CHECK ((about IS NULL) = (about_kind IS NULL))
) STRICT;

CREATE INDEX annotation_open ON annotation (about) WHERE about IS NOT NULL AND needs_rev IS NULL;
CREATE INDEX annotation_message ON annotation (message) WHERE message IS NOT NULL;
CREATE INDEX annotation_conversation ON annotation (conversation) WHERE conversation IS NOT NULL;

-- What each sink has and should have; its life is drawn above `store.py`.
CREATE TABLE outbox (
    key             INTEGER PRIMARY KEY,
    sink            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('conversation', 'feedback', 'event')),
    -- The key of a conversation, or of an annotation.
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

CREATE INDEX outbox_due ON outbox (sink, due) WHERE state = 'ready';
CREATE INDEX outbox_leased ON outbox (sink, lease_until) WHERE state = 'leased';
CREATE INDEX outbox_dirty ON outbox (sink, state, dirty_since) WHERE dirty_since IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (sink, dead_reason) WHERE dead_reason IS NOT NULL;
CREATE INDEX outbox_failed ON outbox (sink, last_failed_at, state, dirty_since) WHERE last_failed_at IS NOT NULL;
CREATE INDEX outbox_first_failed ON outbox (sink, state, first_failed_at) WHERE first_failed_at IS NOT NULL;

-- Records that could not be made anything of.
CREATE TABLE failed_exchange (
    key     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    -- Empty when not even that could be read.
    id      TEXT NOT NULL,
    reason  TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
