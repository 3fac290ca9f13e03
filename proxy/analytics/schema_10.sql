-- Migration 10: what insights count is kept by week (from Monday, UTC) for all sessions and for those with a frequent trait, so
-- that a long time is put together from a few rows.

-- In columns of numbers, each a text of bytes (`core/findings.py`).
CREATE TABLE kept_findings (
    start     INTEGER NOT NULL,
    -- 0: whatever traits they have.
    trait     INTEGER NOT NULL,
    -- Whether side requests count; there is no such row where it would be the same.
    with_side INTEGER NOT NULL CHECK (with_side IN (0, 1)),
    -- Of the sessions, in the order of time: what they asked first, their numbers, how often they asked again, how it went,
    -- and the pages that they cite, with how many each does (of all sessions those are not kept).
    questions BLOB NOT NULL,
    numbers   BLOB NOT NULL,
    again     BLOB NOT NULL,
    marks     BLOB NOT NULL,
    links     BLOB NOT NULL,
    linked    BLOB NOT NULL,
    -- Pages, in how many sessions each is cited, and in how many of those a thumb went down.
    pages     BLOB NOT NULL,
    cited     BLOB NOT NULL,
    disliked  BLOB NOT NULL,
    -- What failed and why thumbs went down, with how often and in how many sessions, as JSON.
    failures  TEXT NOT NULL,
    reasons   TEXT NOT NULL,
    PRIMARY KEY (trait, start, with_side)
) STRICT;

CREATE INDEX kept_findings_by_start ON kept_findings (start);

-- They hold as long as the sums of `kept_trait` do, and what was read out of the texts is what it was.
CREATE TRIGGER week_read AFTER UPDATE OF question, again ON session
WHEN old.question IS NOT new.question OR old.again <> new.again BEGIN
    INSERT INTO stale_week (start) VALUES (new.began - ((new.began + 259200000) % 604800000 + 604800000) % 604800000)
    ON CONFLICT (start) DO UPDATE SET claimed = 0;
END;

INSERT INTO stale_week (start)
SELECT DISTINCT began - ((began + 259200000) % 604800000 + 604800000) % 604800000 FROM session WHERE true
ON CONFLICT (start) DO UPDATE SET claimed = 0;

-- A session's findings are read off its index by time.
DROP INDEX session_by_time;
CREATE INDEX session_by_time ON session (began, side, question, again, number, negative, regenerated, failed);

-- What is cited most is told by what is kept of weeks.
DROP TRIGGER week_cited;
DROP TRIGGER week_not_cited;
DROP TRIGGER week_cited_another;
DROP TABLE cited_in_week;
DROP INDEX page_by_cited;
DROP INDEX citation_disliked;
DROP TRIGGER citation_disliked;
ALTER TABLE citation DROP COLUMN disliked;

-- What was searched for is read off its index.
DROP INDEX event_of_search;
CREATE INDEX event_of_search ON event (created_at, project_id, search_query, type) WHERE entity_type = 'search';
