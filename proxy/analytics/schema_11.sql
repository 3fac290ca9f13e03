-- Migration 11: figures and insights of the chats that say a word read a few long rows of a week, and not one of each session.

-- The sessions that began within a week (from Monday, UTC), so many in a row, kept so that any of them are summed at once
-- (`core/sheaf.py`); none of a week that has few. They hold as long as the sums by trait do (`stale_week`).
CREATE TABLE sheaf (
    start    INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    -- The lowest number of its sessions, and the highest.
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    -- The words that most of them say, and who (`core/sayers.py`).
    words    BLOB NOT NULL,
    sessions BLOB NOT NULL,
    -- What insights count of each (`core/found_sheaf.py`).
    findings BLOB NOT NULL,
    PRIMARY KEY (start, part)
) STRICT;

-- What is deleted, or has left its week, leaves nothing here, nor in what insights count of it, however long the week waits to
-- be summed again.
CREATE TRIGGER week_gone AFTER DELETE ON session BEGIN
    DELETE FROM kept_findings WHERE start = old.began - ((old.began + 259200000) % 604800000 + 604800000) % 604800000;
    DELETE FROM sheaf WHERE start = old.began - ((old.began + 259200000) % 604800000 + 604800000) % 604800000;
END;

CREATE TRIGGER week_left AFTER UPDATE OF began ON session WHEN old.began <> new.began BEGIN
    DELETE FROM kept_findings WHERE start = old.began - ((old.began + 259200000) % 604800000 + 604800000) % 604800000;
    DELETE FROM sheaf WHERE start = old.began - ((old.began + 259200000) % 604800000 + 604800000) % 604800000;
END;

-- They hold no more when what is said changes, even if nothing that is counted does.
CREATE TRIGGER week_said AFTER UPDATE OF text ON message WHEN old.text IS NOT new.text BEGIN
    INSERT INTO stale_week (start)
    SELECT began - ((began + 259200000) % 604800000 + 604800000) % 604800000 FROM session
    WHERE conversation = new.conversation
    ON CONFLICT (start) DO UPDATE SET claimed = 0;
END;

-- (They are made with the sums by trait, and so are those made again.)
INSERT INTO stale_week (start)
SELECT DISTINCT began - ((began + 259200000) % 604800000 + 604800000) % 604800000 FROM session WHERE true
ON CONFLICT (start) DO UPDATE SET claimed = 0;

-- The words of the search index in their order, each with where it is said: it keeps nothing, and shows what is in the index.
CREATE VIRTUAL TABLE search_word USING fts5vocab (message_search, 'instance');
