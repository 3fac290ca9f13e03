-- Migration 3: a turn touches fewer pages. Its hashes are random: each index on one is a page more to be read and written.

-- A conversation's own tip stands in its row; NULL: nobody goes on with it. This is what a client may have in its stead.
CREATE TABLE other_tip (
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

INSERT INTO other_tip (conversation, hash, user, thread, connection, kin, rev, former, choice)
SELECT tip.conversation, tip.hash, tip.user, tip.thread, tip.connection, tip.kin, tip.rev, tip.former, tip.choice
FROM tip JOIN conversation ON conversation.key = tip.conversation
WHERE tip.former IS NOT NULL OR tip.choice > 0 OR conversation.tip IS NULL OR conversation.tip <> tip.hash;

-- What a front end asked for itself, and what is all but forgotten, has a hash, but no tip. A tip that only damage has
-- taken stands in its conversation all the same.
UPDATE conversation SET tip = NULL
WHERE tip IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tip WHERE tip.conversation = conversation.key AND tip.former IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM message
        WHERE message.conversation = conversation.key AND place = tip_place AND chain = conversation.tip
    );

DROP TABLE tip;

CREATE INDEX other_tip_conversation ON other_tip (conversation);
CREATE INDEX other_tip_former ON other_tip (former) WHERE former IS NOT NULL;
-- Each serves "the newest with this tip", however many said the same: of a thread and a user; of anybody.
CREATE INDEX other_tip_of_user ON other_tip (hash, thread, user, rev);
CREATE INDEX other_tip_of_anybody ON other_tip (hash, rev);
CREATE INDEX conversation_tip ON conversation (tip, thread, user, rev) WHERE tip IS NOT NULL;
-- Those of nobody named lie in one piece in the one above.
CREATE INDEX conversation_tip_of_somebody ON conversation (tip, rev)
WHERE tip IS NOT NULL AND (thread <> '' OR user <> '');

-- Since when nobody may have spoken in a conversation: a rev of it, not always the newest. Sweeps look it up here, and bring
-- it up to date where it is too old; so a turn need not.
CREATE TABLE quiet (
    conversation INTEGER PRIMARY KEY REFERENCES conversation (key) ON DELETE CASCADE,
    -- As in `conversation`.
    freed        INTEGER NOT NULL,
    appended     INTEGER NOT NULL,
    since        INTEGER NOT NULL
) STRICT;

INSERT INTO quiet (conversation, freed, appended, since) SELECT key, freed, appended, rev FROM conversation;

CREATE INDEX quiet_since ON quiet (freed, appended, since);
DROP INDEX conversation_idle;

CREATE TRIGGER conversation_begun AFTER INSERT ON conversation
BEGIN
    INSERT OR REPLACE INTO quiet (conversation, freed, appended, since)
    VALUES (new.key, new.freed, new.appended, max(new.rev, new.created_at));
END;

CREATE TRIGGER conversation_changed AFTER UPDATE OF freed, appended ON conversation
BEGIN
    UPDATE quiet SET freed = new.freed, appended = new.appended, since = new.rev WHERE conversation = new.key;
END;
