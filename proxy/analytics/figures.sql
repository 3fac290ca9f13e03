-- Statements of figures and insights, beside those of `queries.sql`. Values are always bound.

-- ── what figures are made of (schema_6.sql), made anew ──────────────────────────────────────────────────────────────

-- name: is_derived — whether it is all there
SELECT 1 FROM derivation WHERE is_whole;

-- name: note_derived — it is all there
INSERT INTO derivation (id, is_whole) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET is_whole = 1;

-- name: clear_citations — no session cites anything
DELETE FROM citation;

-- name: clear_pages — no page is cited
DELETE FROM page;

-- name: clear_answers — no answers
DELETE FROM answer;

-- name: clear_sessions — no sessions
DELETE FROM session;

-- name: clear_people — nobody
DELETE FROM person;

-- name: clear_kept — no sums
DELETE FROM kept;

-- name: clear_stale — no hours to sum
DELETE FROM stale;

-- name: clear_asked — nothing was asked
DELETE FROM asked;

-- name: clear_traits — no tags and properties
DELETE FROM trait;

-- name: clear_trait_times — nor these by time; their names go with them
DELETE FROM trait_time;

-- name: clear_kept_traits — no sums by trait
DELETE FROM kept_trait;

-- name: clear_sheaves — no sheaves
DELETE FROM sheaf;

-- name: clear_kept_findings — nothing that insights count
DELETE FROM kept_findings;

-- name: clear_answer_sums — no sums of answers
DELETE FROM answer_sums;

-- name: derive_people — everybody who asked, and when first
INSERT INTO person (name, first_time) SELECT name, min(began) FROM told_session WHERE name IS NOT NULL GROUP BY name;

-- name: derive_sessions — every conversation; their hours become stale by it
INSERT INTO session (
    conversation, number, began, changed, side, model, endpoint, person, questions, messages, positive, negative, regenerated
)
SELECT
    conversation, (SELECT number FROM conversation WHERE conversation.id = told.conversation), began,
    (SELECT updated_at FROM conversation WHERE conversation.id = told.conversation), side, model, endpoint, (SELECT id FROM person WHERE person.name = told.name), questions,
    (SELECT count(*) FROM message WHERE message.conversation = told.conversation AND place IS NOT NULL),
    (SELECT count(*) FROM feedback WHERE feedback.conversation = told.conversation AND +type = 'positive'),
    (SELECT count(*) FROM feedback WHERE feedback.conversation = told.conversation AND +type = 'negative'),
    (SELECT count(*) FROM event WHERE event.conversation = told.conversation AND +type = 'message:regenerated')
FROM told_session AS told;

-- name: derive_answers — every answer
INSERT INTO answer (
    conversation, message, model, interrupted, refused, tokens_in, tokens_out, cached, first_ms, whole_ms
) SELECT * FROM told_answer;

-- name: derive_traits — every tag and property
INSERT INTO trait (trait, changed, conversation, side)
SELECT
    value, updated_at, conversation.id, coalesce(CASE WHEN json_valid(properties) THEN json_extract(properties, '$.kind') IS NOT NULL END, 0)
FROM conversation, json_each(traits_of(properties, tags));

-- name: derive_trait_names — every tag and property by a number
INSERT INTO trait_name (trait) SELECT DISTINCT value FROM conversation, json_each(timed_traits_of(properties, tags));

-- name: derive_trait_times — who has them, by when sessions began
INSERT INTO trait_time (trait, began, number)
SELECT trait_name.id, first_message_time, number
FROM conversation CROSS JOIN json_each(timed_traits_of(properties, tags)) AS has
CROSS JOIN trait_name ON trait_name.trait = has.value
WHERE number IS NOT NULL
ORDER BY trait_name.id, first_message_time, number;

-- ── sums ────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: stale_hours — hours within a span whose sums do not hold
SELECT hour FROM stale WHERE hour > :since - 3600000 AND hour < :until ORDER BY hour;

-- name: some_stale_hours — hours to sum, the newest first, but for those that still go on
SELECT hour FROM stale WHERE hour < :before ORDER BY hour DESC LIMIT :limit;

-- name: sum_is_fresh — an hour's sums hold
DELETE FROM stale WHERE hour = :hour;

-- name: kept — the sums of a span's hours, days, weeks or months
SELECT start, side, model, endpoint, tally FROM kept WHERE unit = :unit AND start >= :since AND start < :until;

-- name: drop_kept — the sums of one of them
DELETE FROM kept WHERE unit = :unit AND start = :start;

-- name: keep — the sums of one of them
INSERT INTO kept (unit, start, side, model, endpoint, tally) VALUES (:unit, :start, :side, :model, :endpoint, :tally);

-- name: stale_weeks — weeks within a span whose sums by trait do not hold
SELECT start FROM stale_week WHERE start >= :since AND start < :until
UNION SELECT hour - ((hour + 259200000) % 604800000 + 604800000) % 604800000 FROM stale WHERE hour >= :since AND hour < :until;

-- name: some_stale_week — a week to sum by trait, the newest first; not while an hour of it is to be summed, or goes on
SELECT start FROM stale_week WHERE start < :before AND NOT EXISTS (
    SELECT 1 FROM stale WHERE hour >= stale_week.start AND hour < stale_week.start + 604800000
) ORDER BY start DESC LIMIT 1;

-- name: claim_week — a week is to be summed; a change takes that back
UPDATE stale_week SET claimed = 1 WHERE start = :start;

-- name: week_is_fresh — its sums hold, if it is still claimed
DELETE FROM stale_week WHERE start = :start AND claimed = 1;

-- name: drop_stale_sums — sums of hours, days, weeks and months that do not hold: they still tell of what is gone
DELETE FROM kept WHERE EXISTS (
    SELECT 1 FROM stale WHERE hour >= kept.start AND hour < CASE unit
        WHEN 'hour' THEN kept.start + 3600000
        WHEN 'day' THEN kept.start + 86400000
        WHEN 'week' THEN kept.start + 604800000
        ELSE coalesce(strftime('%s', kept.start / 1000, 'unixepoch', '+1 month') * 1000, kept.start + 2678400000)
    END
);

-- name: drop_stale_traits — sums by trait of weeks that do not hold
DELETE FROM kept_trait WHERE start IN (SELECT start FROM stale_week);

-- name: drop_stale_findings — what insights count of them
DELETE FROM kept_findings WHERE start IN (SELECT start FROM stale_week);

-- name: drop_stale_sheaves — and their sheaves
DELETE FROM sheaf WHERE start IN (SELECT start FROM stale_week);

-- name: is_claimed — whether a week is to be summed, and has not changed since that began
SELECT 1 FROM stale_week WHERE start = :start AND claimed = 1;

-- name: drop_sheaves — the sheaves of a week
DELETE FROM sheaf WHERE start = :start;

-- name: keep_sheaf — one of them
INSERT INTO sheaf (start, part, first, last, words, sessions, findings)
VALUES (:start, :part, :first, :last, :words, :sessions, :findings);

-- name: sheaf_weeks — weeks that have sheaves, and between which numbers their sessions are
SELECT start, min(first) AS first, max(last) AS last FROM sheaf WHERE start >= :since AND start < :until
GROUP BY start ORDER BY start;

-- name: sheaves — those of a week
SELECT sessions FROM sheaf WHERE start = :start ORDER BY part;

-- name: sayers — and who of those says what
SELECT words FROM sheaf WHERE start = :start ORDER BY part;

-- name: said_by — the first bytes of a conversation's messages, by its number; in a text a NUL would end it
SELECT substr(CAST(text AS BLOB), 1, :bytes) AS said FROM message WHERE number > :number << 32 AND number < (:number + 1) << 32 AND place IS NOT NULL AND text <> ''
ORDER BY number LIMIT :limit;

-- name: found_sheaves — and what insights count of them
SELECT findings FROM sheaf WHERE start = :start ORDER BY part;

-- name: drop_kept_traits — the sums of a week by trait
DELETE FROM kept_trait WHERE start = :start;

-- name: frequent_traits — traits that so many of a span's sessions have; looked for among those, since most traits are ids that one has
SELECT trait_name.id, sessions FROM (
    SELECT has.value AS trait, count(*) AS sessions
    FROM session INDEXED BY session_by_time
    CROSS JOIN conversation ON conversation.id = session.conversation
    CROSS JOIN json_each(timed_traits_of(properties, tags)) AS has
    WHERE began >= :since AND began < :until
    GROUP BY has.value HAVING count(*) >= :least
) AS frequent CROSS JOIN trait_name ON trait_name.trait = frequent.trait;

-- name: keep_trait — the sums of a week's sessions with a trait
INSERT INTO kept_trait (start, trait, side, model, endpoint, tally)
VALUES (:start, :trait, :side, :model, :endpoint, :tally);

-- name: kept_trait — the sums of a week's sessions with a trait
SELECT side, model, endpoint, tally FROM kept_trait WHERE start = :start AND trait = :trait;

-- name: drop_kept_findings — what insights count of a week
DELETE FROM kept_findings WHERE start = :start;

-- name: keep_findings — what insights count of a week's sessions with a trait
INSERT INTO kept_findings (
    start, trait, with_side, questions, numbers, again, marks, links, linked, pages, cited, disliked, failures,
    reasons
) VALUES (
    :start, :trait, :with_side, :questions, :numbers, :again, :marks, :links, :linked, :pages, :cited, :disliked, :failures,
    :reasons
);

-- name: kept_findings — what insights count of a span's weeks by a trait; with side requests, where that is something else
SELECT start, questions, numbers, again, marks, pages, cited, disliked, failures, reasons
FROM kept_findings WHERE start >= :since AND start < :until AND trait = :trait AND with_side <= :with_side
ORDER BY start, with_side;

-- name: kept_sessions — the same, such that sessions can be told apart
SELECT start, questions, numbers, again, marks, links, linked
FROM kept_findings WHERE start >= :since AND start < :until AND trait = :trait AND with_side <= :with_side
ORDER BY start, with_side;

-- name: has_side — whether there are side requests within a span
SELECT 1 FROM session WHERE began >= :since AND began < :until AND side = 1 LIMIT 1;

-- name: question_of — how a conversation's first question was asked, by its number
SELECT question FROM conversation WHERE number = :number;

-- name: sessions_of — how many began within a span
SELECT count(*) AS sessions FROM session WHERE began >= :since AND began < :until;

-- name: having — the numbers of a span's sessions that have a trait
SELECT json_group_array(number) AS numbers FROM trait_time WHERE trait = :trait AND began >= :since AND began < :until;

-- name: highest_number — the highest number that a conversation has
SELECT max(number) AS number FROM conversation;

-- name: newcomers — who came first within a span, as one text
SELECT group_concat(id) AS people FROM person WHERE first_time >= :since AND first_time < :until;

-- name: first_session — when the earliest began
SELECT min(began) AS began FROM session;

-- name: last_session — when the latest began
SELECT max(began) AS began FROM session;

-- ── prices and texts, a little at a time ────────────────────────────────────────────────────────────────────────────

-- name: unpriced — answers that a price list has not been asked about; each of the three is a place in an index
SELECT answer.conversation, answer.message, answer.model, tokens_in, tokens_out, cached, created_at
FROM (
    SELECT conversation, message FROM answer WHERE cost IS NULL AND priced IS NULL
    UNION ALL SELECT conversation, message FROM answer WHERE cost IS NULL AND priced < :list
    UNION ALL SELECT conversation, message FROM answer WHERE cost IS NULL AND priced > :list
    LIMIT :limit
) AS unasked
JOIN answer ON answer.conversation = unasked.conversation AND answer.message = unasked.message
JOIN message ON message.conversation = answer.conversation AND message.id = answer.message;

-- name: price — what an answer costs, or that it is not known
UPDATE answer SET cost = :cost, priced = :list WHERE conversation = :conversation AND message = :message;

-- name: unread_sessions — sessions whose texts have changed since they were read
SELECT conversation, began, side FROM session WHERE question IS NULL ORDER BY began DESC LIMIT :limit;

-- name: said_by_users — the first bytes of what users said in a conversation, in its order; in a text a NUL would end it
SELECT substr(CAST(text AS BLOB), 1, :limit) AS said FROM message
WHERE conversation = :conversation AND place IS NOT NULL AND role = 'user' AND text <> '' ORDER BY place;

-- name: cited — links of a conversation's messages
SELECT links FROM message WHERE conversation = :conversation AND place IS NOT NULL AND links IS NOT NULL ORDER BY place;

-- name: note_read — what was read out of a session's texts
UPDATE session SET question = :question, again = :again WHERE conversation = :conversation;

-- name: pages — the first of some pages that are cited, each with how many sessions cite it, as JSON
SELECT page.id AS id, url, title, value AS sessions FROM json_each(:pages) CROSS JOIN page ON page.id = CAST(key AS INTEGER)
ORDER BY sessions DESC, url LIMIT :limit;

-- name: drop_citations — a session cites nothing
DELETE FROM citation WHERE conversation = :conversation;

-- name: put_page — a page, as it is called now
INSERT INTO page (url, title) VALUES (:url, :title)
ON CONFLICT (url) DO UPDATE SET title = excluded.title WHERE excluded.title <> '';

-- name: cite — a session cites a page
INSERT INTO citation (conversation, page, began) SELECT :conversation, id, :began FROM page WHERE url = :url;

-- name: searches — what was searched for within a span, and which of it led somewhere, as JSON
SELECT
    json_group_array(search_query) FILTER (WHERE type NOT IN (:clicked, :answered)) AS searched,
    json_group_array(search_query) FILTER (WHERE type = :clicked) AS opened
FROM event INDEXED BY event_of_search
WHERE entity_type = 'search' AND search_query IS NOT NULL AND created_at >= :since AND created_at < :until;
