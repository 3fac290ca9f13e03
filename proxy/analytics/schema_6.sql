-- Migration 6: what figures are made of. All of it is derived from the tables before it, by the triggers below, in the same
-- transaction as every insert, update and delete, whoever makes it; a file that has just come to this schema, or was mended,
-- has it made anew when it is opened (`derived.rebuild`).
--
--     conversation, message, feedback, event ── triggers ──► session, answer, person ── triggers ──► stale
--                                                                  └── keeper ──► kept (sums of whole hours, days, months)

CREATE TABLE derivation (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    is_whole INTEGER NOT NULL CHECK (is_whole IN (0, 1))
) STRICT;

INSERT INTO derivation (id, is_whole) VALUES (1, 0);

-- Who asked, by a small number, so that sets of people stay small. Gone with the last of their sessions.
CREATE TABLE person (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    -- When the first of their sessions began.
    first_time INTEGER
) STRICT;

CREATE INDEX person_by_time ON person (first_time);

-- What figures need of a conversation.
CREATE TABLE session (
    conversation TEXT PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
    began        INTEGER NOT NULL,
    -- A title, tags, a search query: asked by a front end for itself (`properties.kind`).
    side         INTEGER NOT NULL,
    model        TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    person       INTEGER,
    questions    INTEGER NOT NULL,
    messages     INTEGER NOT NULL DEFAULT 0,
    positive     INTEGER NOT NULL DEFAULT 0,
    negative     INTEGER NOT NULL DEFAULT 0,
    regenerated  INTEGER NOT NULL DEFAULT 0,
    -- Answers refused or cut off.
    failed       INTEGER NOT NULL DEFAULT 0,
    -- What the keeper reads out of the texts: a digest of the first question, normalised (NULL: not read yet), and how
    -- often something was asked again in other words.
    question     INTEGER,
    again        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX session_by_time ON session (began, side, question, negative, again);
CREATE INDEX session_by_person ON session (person, began);
CREATE INDEX session_by_question ON session (question, began);
CREATE INDEX session_unread ON session (began) WHERE question IS NULL;
CREATE INDEX session_unhelped ON session (began, side, question, negative)
WHERE negative > 0 OR regenerated > 0 OR failed > 0;
CREATE INDEX session_disliked ON session (began) WHERE negative > 0;
CREATE INDEX session_regenerated ON session (began) WHERE regenerated > 0;
CREATE INDEX session_failed ON session (began) WHERE failed > 0;

-- What figures need of an answer that stands in its conversation; NULL: not known.
CREATE TABLE answer (
    conversation TEXT NOT NULL,
    message      TEXT NOT NULL,
    model        TEXT NOT NULL,
    -- By whom it was cut off ('client', 'upstream', …), empty when it was not.
    interrupted  TEXT NOT NULL,
    refused      INTEGER NOT NULL,
    tokens_in    INTEGER,
    tokens_out   INTEGER,
    cached       INTEGER,
    first_ms     INTEGER,
    whole_ms     INTEGER,
    -- In billionths of a US dollar, and the price list in which it was looked for (NULL: in none yet).
    cost         INTEGER,
    priced       TEXT,
    PRIMARY KEY (conversation, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_unpriced ON answer (priced, conversation, message) WHERE cost IS NULL;

-- A page that answers cite, as it was called last; gone with the last session that cites it.
CREATE TABLE page (
    id    INTEGER PRIMARY KEY,
    url   TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL
) STRICT;

-- The pages that a chat cites; those of side requests do not count.
CREATE TABLE citation (
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    page         INTEGER NOT NULL,
    began        INTEGER NOT NULL,
    PRIMARY KEY (conversation, page)
) STRICT, WITHOUT ROWID;

CREATE INDEX citation_by_time ON citation (began, page);
CREATE INDEX citation_by_page ON citation (page, began);

CREATE TRIGGER figures_citation_gone AFTER DELETE ON citation
WHEN NOT EXISTS (SELECT 1 FROM citation WHERE page = old.page) BEGIN
    DELETE FROM page WHERE id = old.page;
END;

-- Hours (their beginnings) whose sums do not hold any more.
CREATE TABLE stale (
    hour INTEGER PRIMARY KEY
) STRICT;

-- The sums of the sessions that began within an hour, day or month (UTC) and have these marks, as JSON (`core/tally.py`).
CREATE TABLE kept (
    unit     TEXT NOT NULL CHECK (unit IN ('hour', 'day', 'month')),
    start    INTEGER NOT NULL,
    side     INTEGER NOT NULL,
    model    TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    tally    TEXT NOT NULL,
    PRIMARY KEY (unit, start, side, model, endpoint)
) STRICT, WITHOUT ROWID;

-- ── what the rows above are, said once ──────────────────────────────────────────────────────────────────────────────

CREATE VIEW told_session AS
SELECT
    id AS conversation,
    first_message_time AS began,
    json_extract(p, '$.kind') IS NOT NULL AS side,
    CASE json_type(p, '$.model') WHEN 'text' THEN json_extract(p, '$.model') ELSE '' END AS model,
    CASE json_type(p, '$.endpoint') WHEN 'text' THEN json_extract(p, '$.endpoint') ELSE '' END AS endpoint,
    coalesce(
        CASE WHEN json_type(u, '$.userId') IN ('text', 'integer')
            THEN nullif(CAST(json_extract(u, '$.userId') AS TEXT), '') END,
        CASE WHEN json_type(u, '$.id') IN ('text', 'integer') THEN nullif(CAST(json_extract(u, '$.id') AS TEXT), '') END
    ) AS name,
    user_message_count AS questions
FROM (
    SELECT
        *,
        CASE WHEN json_valid(properties) THEN properties ELSE '{}' END AS p,
        CASE WHEN json_valid(user_properties) THEN user_properties ELSE '{}' END AS u
    FROM conversation
);

-- Numbers that no model and no clock of ours could have said are not known.
CREATE VIEW told_answer AS
SELECT
    conversation,
    id AS message,
    CASE json_type(p, '$.model') WHEN 'text' THEN json_extract(p, '$.model') ELSE '' END AS model,
    CASE json_type(p, '$.interrupted')
        WHEN 'text' THEN json_extract(p, '$.interrupted') WHEN 'true' THEN 'unknown' ELSE '' END AS interrupted,
    coalesce(json_type(p, '$.refusal') = 'true', 0)
        OR coalesce(json_extract(p, '$.finishReason') = 'content_filter', 0) AS refused,
    coalesce(
        CASE WHEN json_type(p, '$.usage.prompt_tokens') = 'integer'
            AND json_extract(p, '$.usage.prompt_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.prompt_tokens') END,
        CASE WHEN json_type(p, '$.usage.input_tokens') = 'integer'
            AND json_extract(p, '$.usage.input_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.input_tokens') END
    ) AS tokens_in,
    coalesce(
        CASE WHEN json_type(p, '$.usage.completion_tokens') = 'integer'
            AND json_extract(p, '$.usage.completion_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.completion_tokens') END,
        CASE WHEN json_type(p, '$.usage.output_tokens') = 'integer'
            AND json_extract(p, '$.usage.output_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.output_tokens') END
    ) AS tokens_out,
    coalesce(
        CASE WHEN json_type(p, '$.usage.prompt_tokens_details.cached_tokens') = 'integer'
            AND json_extract(p, '$.usage.prompt_tokens_details.cached_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.prompt_tokens_details.cached_tokens') END,
        CASE WHEN json_type(p, '$.usage.input_tokens_details.cached_tokens') = 'integer'
            AND json_extract(p, '$.usage.input_tokens_details.cached_tokens') BETWEEN 0 AND 999999999
            THEN json_extract(p, '$.usage.input_tokens_details.cached_tokens') END
    ) AS cached,
    CASE WHEN json_type(p, '$.timeToFirstTokenMs') = 'integer'
        AND json_extract(p, '$.timeToFirstTokenMs') BETWEEN 0 AND 999999999
        THEN json_extract(p, '$.timeToFirstTokenMs') END AS first_ms,
    CASE WHEN json_type(p, '$.latencyMs') = 'integer' AND json_extract(p, '$.latencyMs') BETWEEN 0 AND 999999999
        THEN json_extract(p, '$.latencyMs') END AS whole_ms
FROM (
    SELECT conversation, id, role, place, CASE WHEN json_valid(properties) THEN properties ELSE '{}' END AS p
    FROM message WHERE role = 'assistant' AND place IS NOT NULL
);

-- ── from what was logged to sessions and answers ────────────────────────────────────────────────────────────────────

CREATE TRIGGER figures_conversation_logged AFTER INSERT ON conversation BEGIN
    INSERT INTO person (name) SELECT name FROM told_session WHERE conversation = new.id AND name IS NOT NULL
        ON CONFLICT (name) DO NOTHING;
    INSERT INTO session (conversation, began, side, model, endpoint, person, questions, positive, negative, regenerated)
    SELECT
        conversation, began, side, model, endpoint, (SELECT id FROM person WHERE person.name = told_session.name), questions,
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'positive'),
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'negative'),
        (SELECT count(*) FROM event WHERE event.conversation = new.id AND +type = 'message:regenerated')
    FROM told_session WHERE conversation = new.id;
END;

CREATE TRIGGER figures_conversation_changed AFTER UPDATE ON conversation BEGIN
    INSERT INTO person (name) SELECT name FROM told_session WHERE conversation = new.id AND name IS NOT NULL
        ON CONFLICT (name) DO NOTHING;
    UPDATE session SET
        began = told.began, side = told.side, model = told.model, endpoint = told.endpoint, questions = told.questions,
        person = (SELECT id FROM person WHERE person.name = told.name),
        question = iif(session.side = told.side, question, NULL)
    FROM told_session AS told WHERE told.conversation = new.id AND session.conversation = new.id;
END;

CREATE TRIGGER figures_message_logged AFTER INSERT ON message WHEN new.place IS NOT NULL BEGIN
    UPDATE session SET messages = messages + 1, question = NULL WHERE conversation = new.conversation;
    INSERT INTO answer (
        conversation, message, model, interrupted, refused, tokens_in, tokens_out, cached, first_ms, whole_ms
    ) SELECT * FROM told_answer WHERE conversation = new.conversation AND message = new.id;
END;

CREATE TRIGGER figures_message_changed AFTER UPDATE ON message
WHEN (old.place IS NULL) <> (new.place IS NULL) OR old.role <> new.role OR old.text IS NOT new.text
    OR old.links IS NOT new.links OR old.properties IS NOT new.properties
BEGIN
    UPDATE session SET messages = messages + (new.place IS NOT NULL) - (old.place IS NOT NULL), question = NULL
        WHERE conversation = new.conversation;
    DELETE FROM answer WHERE conversation = old.conversation AND message = old.id;
    INSERT INTO answer (
        conversation, message, model, interrupted, refused, tokens_in, tokens_out, cached, first_ms, whole_ms
    ) SELECT * FROM told_answer WHERE conversation = new.conversation AND message = new.id;
END;

CREATE TRIGGER figures_message_gone AFTER DELETE ON message BEGIN
    UPDATE session SET messages = messages - (old.place IS NOT NULL), question = NULL WHERE conversation = old.conversation;
    DELETE FROM answer WHERE conversation = old.conversation AND message = old.id;
END;

CREATE TRIGGER figures_feedback_logged AFTER INSERT ON feedback WHEN new.conversation IS NOT NULL BEGIN
    UPDATE session SET positive = positive + (new.type = 'positive'), negative = negative + (new.type = 'negative')
        WHERE conversation = new.conversation;
END;

CREATE TRIGGER figures_feedback_changed AFTER UPDATE ON feedback BEGIN
    UPDATE session SET positive = positive - (old.type = 'positive'), negative = negative - (old.type = 'negative')
        WHERE conversation = old.conversation;
    UPDATE session SET positive = positive + (new.type = 'positive'), negative = negative + (new.type = 'negative')
        WHERE conversation = new.conversation;
END;

CREATE TRIGGER figures_feedback_gone AFTER DELETE ON feedback WHEN old.conversation IS NOT NULL BEGIN
    UPDATE session SET positive = positive - (old.type = 'positive'), negative = negative - (old.type = 'negative')
        WHERE conversation = old.conversation;
END;

CREATE TRIGGER figures_event_logged AFTER INSERT ON event
WHEN new.conversation IS NOT NULL AND new.type = 'message:regenerated' BEGIN
    UPDATE session SET regenerated = regenerated + 1 WHERE conversation = new.conversation;
END;

CREATE TRIGGER figures_event_changed AFTER UPDATE ON event BEGIN
    UPDATE session SET regenerated = regenerated - 1
        WHERE conversation = old.conversation AND old.type = 'message:regenerated';
    UPDATE session SET regenerated = regenerated + 1
        WHERE conversation = new.conversation AND new.type = 'message:regenerated';
END;

CREATE TRIGGER figures_event_gone AFTER DELETE ON event
WHEN old.conversation IS NOT NULL AND old.type = 'message:regenerated' BEGIN
    UPDATE session SET regenerated = regenerated - 1 WHERE conversation = old.conversation;
END;

-- ── from sessions and answers to hours that must be summed again; times before 1970 have hours, too ─────────────────

CREATE TRIGGER figures_session_logged AFTER INSERT ON session BEGIN
    INSERT INTO stale VALUES (new.began - (new.began % 3600000 + 3600000) % 3600000) ON CONFLICT DO NOTHING;
    UPDATE person SET first_time = new.began WHERE id = new.person AND coalesce(first_time > new.began, 1);
END;

CREATE TRIGGER figures_session_changed AFTER UPDATE ON session
WHEN old.began <> new.began OR old.side <> new.side OR old.model <> new.model OR old.endpoint <> new.endpoint
    OR old.person IS NOT new.person OR old.questions <> new.questions OR old.messages <> new.messages
    OR old.positive <> new.positive OR old.negative <> new.negative OR old.regenerated <> new.regenerated
BEGIN
    INSERT INTO stale VALUES (old.began - (old.began % 3600000 + 3600000) % 3600000) ON CONFLICT DO NOTHING;
    INSERT INTO stale VALUES (new.began - (new.began % 3600000 + 3600000) % 3600000) ON CONFLICT DO NOTHING;
    UPDATE citation SET began = new.began WHERE conversation = new.conversation AND began <> new.began;
    UPDATE person SET first_time = (SELECT min(began) FROM session WHERE person = person.id)
        WHERE id IN (old.person, new.person) AND (old.person IS NOT new.person OR old.began <> new.began);
    DELETE FROM person WHERE id = old.person AND first_time IS NULL;
END;

CREATE TRIGGER figures_session_gone AFTER DELETE ON session BEGIN
    INSERT INTO stale VALUES (old.began - (old.began % 3600000 + 3600000) % 3600000) ON CONFLICT DO NOTHING;
    UPDATE person SET first_time = (SELECT min(began) FROM session WHERE person = old.person) WHERE id = old.person;
    DELETE FROM person WHERE id = old.person AND first_time IS NULL;
END;

CREATE TRIGGER figures_answer_logged AFTER INSERT ON answer BEGIN
    UPDATE session SET failed = failed + 1
        WHERE conversation = new.conversation AND (new.refused OR new.interrupted <> '');
    INSERT INTO stale
    SELECT began - (began % 3600000 + 3600000) % 3600000 FROM session WHERE conversation = new.conversation
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER figures_answer_changed AFTER UPDATE ON answer WHEN old.cost IS NOT new.cost BEGIN
    INSERT INTO stale
    SELECT began - (began % 3600000 + 3600000) % 3600000 FROM session WHERE conversation = new.conversation
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER figures_answer_gone AFTER DELETE ON answer BEGIN
    UPDATE session SET failed = failed - 1
        WHERE conversation = old.conversation AND (old.refused OR old.interrupted <> '');
    INSERT INTO stale
    SELECT began - (began % 3600000 + 3600000) % 3600000 FROM session WHERE conversation = old.conversation
    ON CONFLICT DO NOTHING;
END;
