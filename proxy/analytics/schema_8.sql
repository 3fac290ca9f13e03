-- Migration 8: every filter of the list is read off an index that has the list's order, so that a page costs as much as it
-- shows, however many conversations there are and pass.

-- The tags and properties of a conversation (`core/traits.py`), with its place in the list.
CREATE TABLE trait (
    trait        TEXT NOT NULL,
    changed      INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    side         INTEGER NOT NULL,
    PRIMARY KEY (trait, changed DESC, conversation)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER trait_logged AFTER INSERT ON conversation BEGIN
    INSERT INTO trait (trait, changed, conversation, side)
    SELECT
        value, new.updated_at, new.id,
        coalesce(CASE WHEN json_valid(new.properties) THEN json_extract(new.properties, '$.kind') IS NOT NULL END, 0)
    FROM json_each(traits_of(new.properties, new.tags));
END;

CREATE TRIGGER trait_changed AFTER UPDATE OF updated_at, properties, tags ON conversation
WHEN old.updated_at <> new.updated_at OR old.properties IS NOT new.properties OR old.tags IS NOT new.tags BEGIN
    DELETE FROM trait WHERE changed = old.updated_at AND conversation = old.id
        AND trait IN (SELECT value FROM json_each(traits_of(old.properties, old.tags)));
    INSERT INTO trait (trait, changed, conversation, side)
    SELECT
        value, new.updated_at, new.id,
        coalesce(CASE WHEN json_valid(new.properties) THEN json_extract(new.properties, '$.kind') IS NOT NULL END, 0)
    FROM json_each(traits_of(new.properties, new.tags));
END;

CREATE TRIGGER trait_gone AFTER DELETE ON conversation BEGIN
    DELETE FROM trait WHERE changed = old.updated_at AND conversation = old.id
        AND trait IN (SELECT value FROM json_each(traits_of(old.properties, old.tags)));
END;

-- A session's place in the list, and of its answers that failed how many were refused and how many cut off.
ALTER TABLE session ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
-- By whom they were, if by one alone; empty where there were several.
ALTER TABLE session ADD COLUMN cut_by TEXT NOT NULL DEFAULT '';

DROP TRIGGER figures_conversation_logged;
CREATE TRIGGER figures_conversation_logged AFTER INSERT ON conversation BEGIN
    INSERT INTO person (name) SELECT name FROM told_session WHERE conversation = new.id AND name IS NOT NULL
        ON CONFLICT (name) DO NOTHING;
    INSERT INTO session (
        conversation, began, changed, side, model, endpoint, person, questions, positive, negative, regenerated
    )
    SELECT
        conversation, began, new.updated_at, side, model, endpoint,
        (SELECT id FROM person WHERE person.name = told_session.name), questions,
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'positive'),
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'negative'),
        (SELECT count(*) FROM event WHERE event.conversation = new.id AND +type = 'message:regenerated')
    FROM told_session WHERE conversation = new.id;
END;

DROP TRIGGER figures_conversation_changed;
CREATE TRIGGER figures_conversation_changed AFTER UPDATE ON conversation BEGIN
    INSERT INTO person (name) SELECT name FROM told_session WHERE conversation = new.id AND name IS NOT NULL
        ON CONFLICT (name) DO NOTHING;
    UPDATE session SET
        began = told.began, changed = new.updated_at, side = told.side, model = told.model, endpoint = told.endpoint,
        questions = told.questions, person = (SELECT id FROM person WHERE person.name = told.name),
        question = iif(session.side = told.side, question, NULL)
    FROM told_session AS told WHERE told.conversation = new.id AND session.conversation = new.id;
END;

DROP TRIGGER figures_answer_logged;
CREATE TRIGGER figures_answer_logged AFTER INSERT ON answer BEGIN
    UPDATE session
        SET failed = failed + 1, refused = refused + (new.refused <> 0), cut = cut + (new.interrupted <> ''),
            cut_by = CASE WHEN new.interrupted IN ('', cut_by) THEN cut_by WHEN cut = 0 THEN new.interrupted ELSE '' END
        WHERE conversation = new.conversation AND (new.refused OR new.interrupted <> '');
    INSERT INTO stale
    SELECT began - (began % 3600000 + 3600000) % 3600000 FROM session WHERE conversation = new.conversation
    ON CONFLICT DO NOTHING;
END;

DROP TRIGGER figures_answer_gone;
CREATE TRIGGER figures_answer_gone AFTER DELETE ON answer BEGIN
    UPDATE session
        SET failed = failed - 1, refused = refused - (old.refused <> 0), cut = cut - (old.interrupted <> '')
        WHERE conversation = old.conversation AND (old.refused OR old.interrupted <> '');
    INSERT INTO stale
    SELECT began - (began % 3600000 + 3600000) % 3600000 FROM session WHERE conversation = old.conversation
    ON CONFLICT DO NOTHING;
END;

-- What is there already. Of a file that has none of it yet, `derived.complete` makes it.
UPDATE session SET changed = (SELECT updated_at FROM conversation WHERE conversation.id = session.conversation);
UPDATE session SET refused = told.refused, cut = told.cut, cut_by = told.cut_by FROM (
    SELECT
        conversation, sum(refused <> 0) AS refused, sum(interrupted <> '') AS cut,
        coalesce(iif(min(nullif(interrupted, '')) = max(interrupted), max(interrupted), ''), '') AS cut_by
    FROM answer
    WHERE refused OR interrupted <> '' GROUP BY conversation
) AS told WHERE told.conversation = session.conversation;
INSERT INTO trait (trait, changed, conversation, side)
SELECT
    value, updated_at, conversation.id, coalesce(CASE WHEN json_valid(properties) THEN json_extract(properties, '$.kind') IS NOT NULL END, 0)
FROM conversation, json_each(traits_of(properties, tags));

-- Lists by what became of a session, by what was called, and by what was asked first; each has all that a page is made of.
CREATE INDEX session_disliked_list ON session (changed DESC, conversation, side) WHERE negative > 0;
CREATE INDEX session_liked_list ON session (changed DESC, conversation, side) WHERE positive > 0;
CREATE INDEX session_judged_list ON session (changed DESC, conversation, side) WHERE positive > 0 OR negative > 0;
CREATE INDEX session_unhelped_list ON session (changed DESC, conversation, side)
WHERE negative > 0 OR regenerated > 0 OR failed > 0;
CREATE INDEX session_refused_list ON session (changed DESC, conversation, side) WHERE refused > 0;
CREATE INDEX session_cut_list ON session (changed DESC, conversation, side) WHERE cut > 0;
CREATE INDEX session_regenerated_list ON session (changed DESC, conversation, side) WHERE regenerated > 0;
CREATE INDEX session_again_list ON session (changed DESC, conversation, side) WHERE again > 0;
CREATE INDEX session_endpoint_list ON session (endpoint, changed DESC, conversation, side);
CREATE INDEX session_question_list ON session (question, changed DESC, conversation, side) WHERE question > 0;
-- Lists by when sessions began, walked in their own order: those beside the span are passed over without reading a row.
CREATE INDEX session_list ON session (changed DESC, conversation, side, began);

-- When the first and the last of a block of 1,024 numbers were changed, for a search to tell which blocks matter.
CREATE INDEX conversation_by_block ON conversation (number >> 10, updated_at);

-- Sums of weeks (from Monday, UTC), too. Those that there are not yet are made when one hour of each is summed again.
CREATE TABLE kept_by_week (
    unit     TEXT NOT NULL CHECK (unit IN ('hour', 'day', 'week', 'month')),
    start    INTEGER NOT NULL,
    side     INTEGER NOT NULL,
    model    TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    tally    TEXT NOT NULL,
    PRIMARY KEY (unit, start, side, model, endpoint)
) STRICT, WITHOUT ROWID;
INSERT INTO kept_by_week SELECT * FROM kept;
DROP TABLE kept;
ALTER TABLE kept_by_week RENAME TO kept;
INSERT INTO stale
SELECT min(start) FROM kept WHERE unit = 'hour'
GROUP BY start - ((start + 259200000) % 604800000 + 604800000) % 604800000
ON CONFLICT DO NOTHING;

-- ── insights of a long time ─────────────────────────────────────────────────────────────────────────────────────────────

-- Of all chats, in how many something was asked first: no time has more of them, so that the most asked of any time is
-- found among the most asked of all (`insights.py`).
CREATE TABLE asked (
    question       INTEGER PRIMARY KEY,
    sessions       INTEGER NOT NULL,
    again          INTEGER NOT NULL,
    again_sessions INTEGER NOT NULL
) STRICT;

CREATE TRIGGER asked_changed AFTER UPDATE ON session
WHEN (old.question > 0 OR new.question > 0) AND (
    old.question IS NOT new.question OR old.side <> new.side OR old.again <> new.again
) BEGIN
    UPDATE asked SET
        sessions = sessions - 1, again = again - old.again, again_sessions = again_sessions - (old.again > 0)
        WHERE question = old.question AND old.side = 0;
    INSERT INTO asked (question, sessions, again, again_sessions)
    SELECT new.question, 1, new.again, new.again > 0
        WHERE new.question > 0 AND new.side = 0
    ON CONFLICT (question) DO UPDATE SET
        sessions = sessions + 1, again = again + excluded.again,
        again_sessions = again_sessions + excluded.again_sessions;
    DELETE FROM asked WHERE question = old.question AND sessions = 0;
END;

CREATE TRIGGER asked_gone AFTER DELETE ON session WHEN old.question > 0 AND old.side = 0 BEGIN
    UPDATE asked SET
        sessions = sessions - 1, again = again - old.again, again_sessions = again_sessions - (old.again > 0)
        WHERE question = old.question;
    DELETE FROM asked WHERE question = old.question AND sessions = 0;
END;

-- And how many sessions cite a page.
ALTER TABLE page ADD COLUMN cited INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER page_cited AFTER INSERT ON citation BEGIN
    UPDATE page SET cited = cited + 1 WHERE id = new.page;
END;

DROP TRIGGER figures_citation_gone;
CREATE TRIGGER figures_citation_gone AFTER DELETE ON citation BEGIN
    UPDATE page SET cited = cited - 1 WHERE id = old.page;
    DELETE FROM page WHERE id = old.page AND cited = 0;
END;

-- And how many of the sessions that began within a week (of seven days since 1970, its beginning) cite a page.
CREATE TABLE cited_in_week (
    page     INTEGER NOT NULL,
    week     INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (page, week)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER week_cited AFTER INSERT ON citation BEGIN
    INSERT INTO cited_in_week VALUES (new.page, new.began - (new.began % 604800000 + 604800000) % 604800000, 1)
    ON CONFLICT DO UPDATE SET sessions = sessions + 1;
END;

CREATE TRIGGER week_not_cited AFTER DELETE ON citation BEGIN
    UPDATE cited_in_week SET sessions = sessions - 1
        WHERE page = old.page AND week = old.began - (old.began % 604800000 + 604800000) % 604800000;
    DELETE FROM cited_in_week WHERE page = old.page AND sessions = 0
        AND week = old.began - (old.began % 604800000 + 604800000) % 604800000;
END;

CREATE TRIGGER week_cited_another AFTER UPDATE OF began ON citation WHEN old.began <> new.began BEGIN
    INSERT INTO cited_in_week VALUES (new.page, new.began - (new.began % 604800000 + 604800000) % 604800000, 1)
    ON CONFLICT DO UPDATE SET sessions = sessions + 1;
    UPDATE cited_in_week SET sessions = sessions - 1
        WHERE page = old.page AND week = old.began - (old.began % 604800000 + 604800000) % 604800000;
    DELETE FROM cited_in_week WHERE page = old.page AND sessions = 0
        AND week = old.began - (old.began % 604800000 + 604800000) % 604800000;
END;

-- Whether a session that cites a page has a thumb down, beside the page: to count those takes no look at sessions.
ALTER TABLE citation ADD COLUMN disliked INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER citation_disliked AFTER UPDATE OF negative ON session
WHEN (old.negative > 0) <> (new.negative > 0) BEGIN
    UPDATE citation SET disliked = new.negative > 0 WHERE conversation = new.conversation;
END;

INSERT INTO asked (question, sessions, again, again_sessions)
SELECT question, count(*), sum(again), sum(again > 0)
FROM session WHERE question > 0 AND side = 0 GROUP BY question;
UPDATE page SET cited = told.cited FROM (SELECT page, count(*) AS cited FROM citation GROUP BY page) AS told
WHERE told.page = page.id;
INSERT INTO cited_in_week
SELECT page, began - (began % 604800000 + 604800000) % 604800000 AS week, count(*) FROM citation GROUP BY page, week;
UPDATE citation SET disliked = 1 WHERE conversation IN (SELECT conversation FROM session WHERE negative > 0);

CREATE INDEX asked_by_sessions ON asked (sessions DESC, question);
CREATE INDEX asked_by_again ON asked (again DESC, again_sessions DESC, question) WHERE again > 0;
CREATE INDEX page_by_cited ON page (cited DESC, url);
CREATE INDEX citation_disliked ON citation (page, began) WHERE disliked = 1;

-- Each has all that its list is counted from.
DROP INDEX session_by_question;
CREATE INDEX session_by_question ON session (question, began, side);
CREATE INDEX session_again_question ON session (question, began, side, again) WHERE again > 0;
CREATE INDEX session_again ON session (began, side, question, again, negative) WHERE again > 0;
CREATE INDEX session_cut ON session (began, side, cut_by, cut) WHERE cut > 0;
CREATE INDEX session_refused ON session (began, side, refused) WHERE refused > 0;
DROP INDEX session_disliked;
CREATE INDEX session_disliked ON session (began, side, negative, question, conversation) WHERE negative > 0;
DROP INDEX session_regenerated;
CREATE INDEX session_regenerated ON session (began, side, regenerated) WHERE regenerated > 0;
