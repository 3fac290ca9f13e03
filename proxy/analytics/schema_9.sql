-- Migration 9: figures of some sessions (with a tag, a word, a thumb; by a property) read one small row of each, and those
-- with a tag or a property are found by when they began.

-- A session by its conversation's number, which is short and stays what it is.
ALTER TABLE session ADD COLUMN number INTEGER;

-- What the answers of a session add up to, in one row; none where nothing was answered. How long each took stands there as
-- letters (`core/tally.py`), in no order.
CREATE TABLE answer_sums (
    number     INTEGER PRIMARY KEY,
    answers    INTEGER NOT NULL,
    -- Of the answers that told both, and how many did.
    tokens_in  INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    told       INTEGER NOT NULL,
    -- In billionths of a US dollar, and of how many answers.
    cost       INTEGER NOT NULL,
    priced     INTEGER NOT NULL,
    first      TEXT NOT NULL,
    whole      TEXT NOT NULL
) STRICT;

-- The tags and properties of conversations (`core/traits.py`), each by a small number; gone with the last that has it.
CREATE TABLE trait_name (
    id    INTEGER PRIMARY KEY,
    trait TEXT NOT NULL UNIQUE
) STRICT;

-- Who has them, in the order of when sessions began.
CREATE TABLE trait_time (
    trait  INTEGER NOT NULL,
    began  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (trait, began, number)
) STRICT, WITHOUT ROWID;

-- Of the traits that many of a week's sessions have, the sums of that week (from Monday, UTC), by the marks of `kept`.
CREATE TABLE kept_trait (
    start    INTEGER NOT NULL,
    trait    INTEGER NOT NULL,
    side     INTEGER NOT NULL,
    model    TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    tally    TEXT NOT NULL,
    PRIMARY KEY (start, trait, side, model, endpoint)
) STRICT, WITHOUT ROWID;

-- Weeks (their beginnings) whose sums by trait do not hold; nor do those of a week that has a stale hour.
CREATE TABLE stale_week (
    start   INTEGER PRIMARY KEY,
    -- It is being summed, and has not changed since that began.
    claimed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER week_stale AFTER INSERT ON stale BEGIN
    INSERT INTO stale_week (start) VALUES (new.hour - ((new.hour + 259200000) % 604800000 + 604800000) % 604800000)
    ON CONFLICT (start) DO UPDATE SET claimed = 0;
END;

-- ── what is there already; of a file that has none of it yet, `derived.complete` makes it ───────────────────────────────

UPDATE session SET number = (SELECT number FROM conversation WHERE conversation.id = session.conversation);
CREATE UNIQUE INDEX session_by_number ON session (number);

INSERT INTO answer_sums
SELECT
    number, count(*),
    sum(iif(tokens_in IS NULL OR tokens_out IS NULL, 0, tokens_in)),
    sum(iif(tokens_in IS NULL OR tokens_out IS NULL, 0, tokens_out)),
    sum(tokens_in IS NOT NULL AND tokens_out IS NOT NULL),
    coalesce(sum(cost), 0), count(cost),
    coalesce(group_concat(time_letter(first_ms), ''), ''), coalesce(group_concat(time_letter(whole_ms), ''), '')
FROM session CROSS JOIN answer ON answer.conversation = session.conversation
WHERE number IS NOT NULL
GROUP BY session.conversation;

INSERT INTO trait_name (trait)
SELECT DISTINCT value FROM conversation, json_each(timed_traits_of(properties, tags));
INSERT INTO trait_time (trait, began, number)
SELECT trait_name.id, first_message_time, number
FROM conversation CROSS JOIN json_each(timed_traits_of(properties, tags)) AS has
CROSS JOIN trait_name ON trait_name.trait = has.value
WHERE number IS NOT NULL
ORDER BY trait_name.id, first_message_time, number;

INSERT INTO stale_week (start)
SELECT DISTINCT began - ((began + 259200000) % 604800000 + 604800000) % 604800000 FROM session;

-- (Sums of hours are of a few sessions, and are packed as before.)
UPDATE kept SET tally = packed_again(tally) WHERE unit <> 'hour';

-- ── from what is logged to it ───────────────────────────────────────────────────────────────────────────────────────────

DROP TRIGGER figures_conversation_logged;
CREATE TRIGGER figures_conversation_logged AFTER INSERT ON conversation BEGIN
    INSERT INTO person (name) SELECT name FROM told_session WHERE conversation = new.id AND name IS NOT NULL
        ON CONFLICT (name) DO NOTHING;
    INSERT INTO session (
        conversation, number, began, changed, side, model, endpoint, person, questions, positive, negative, regenerated
    )
    SELECT
        conversation, new.number, began, new.updated_at, side, model, endpoint,
        (SELECT id FROM person WHERE person.name = told_session.name), questions,
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'positive'),
        (SELECT count(*) FROM feedback WHERE feedback.conversation = new.id AND +type = 'negative'),
        (SELECT count(*) FROM event WHERE event.conversation = new.id AND +type = 'message:regenerated')
    FROM told_session WHERE conversation = new.id;
END;

CREATE TRIGGER answer_sums_logged AFTER INSERT ON answer BEGIN
    INSERT INTO answer_sums
    SELECT
        number, 1,
        iif(new.tokens_in IS NULL OR new.tokens_out IS NULL, 0, new.tokens_in),
        iif(new.tokens_in IS NULL OR new.tokens_out IS NULL, 0, new.tokens_out),
        new.tokens_in IS NOT NULL AND new.tokens_out IS NOT NULL,
        coalesce(new.cost, 0), new.cost IS NOT NULL,
        coalesce(time_letter(new.first_ms), ''), coalesce(time_letter(new.whole_ms), '')
    FROM session WHERE conversation = new.conversation AND number IS NOT NULL
    ON CONFLICT (number) DO UPDATE SET
        answers = answers + 1,
        tokens_in = tokens_in + excluded.tokens_in, tokens_out = tokens_out + excluded.tokens_out,
        told = told + excluded.told, cost = cost + excluded.cost, priced = priced + excluded.priced,
        first = first || excluded.first, whole = whole || excluded.whole;
END;

-- (An answer that says something else is another row; a price is put to it.)
CREATE TRIGGER answer_sums_priced AFTER UPDATE OF cost ON answer WHEN old.cost IS NOT new.cost BEGIN
    UPDATE answer_sums SET
        cost = cost - coalesce(old.cost, 0) + coalesce(new.cost, 0),
        priced = priced - (old.cost IS NOT NULL) + (new.cost IS NOT NULL)
        WHERE number = (SELECT number FROM session WHERE conversation = new.conversation);
END;

CREATE TRIGGER answer_sums_gone AFTER DELETE ON answer BEGIN
    UPDATE answer_sums SET
        answers = answers - 1,
        tokens_in = tokens_in - iif(old.tokens_in IS NULL OR old.tokens_out IS NULL, 0, old.tokens_in),
        tokens_out = tokens_out - iif(old.tokens_in IS NULL OR old.tokens_out IS NULL, 0, old.tokens_out),
        told = told - (old.tokens_in IS NOT NULL AND old.tokens_out IS NOT NULL),
        cost = cost - coalesce(old.cost, 0), priced = priced - (old.cost IS NOT NULL),
        first = iif(
            old.first_ms IS NULL, first,
            substr(first, 1, instr(first, time_letter(old.first_ms)) - 1)
            || substr(first, instr(first, time_letter(old.first_ms)) + 1)
        ),
        whole = iif(
            old.whole_ms IS NULL, whole,
            substr(whole, 1, instr(whole, time_letter(old.whole_ms)) - 1)
            || substr(whole, instr(whole, time_letter(old.whole_ms)) + 1)
        )
        WHERE number = (SELECT number FROM session WHERE conversation = old.conversation);
END;

CREATE TRIGGER session_gone AFTER DELETE ON session BEGIN
    DELETE FROM answer_sums WHERE number = old.number;
END;

CREATE TRIGGER trait_time_logged AFTER INSERT ON conversation BEGIN
    INSERT INTO trait_name (trait) SELECT value FROM json_each(timed_traits_of(new.properties, new.tags)) WHERE true
        ON CONFLICT (trait) DO NOTHING;
    INSERT INTO trait_time (trait, began, number)
    SELECT trait_name.id, new.first_message_time, new.number
    FROM json_each(timed_traits_of(new.properties, new.tags)) AS has CROSS JOIN trait_name ON trait_name.trait = has.value;
END;

CREATE TRIGGER trait_time_changed AFTER UPDATE OF first_message_time, properties, tags ON conversation
WHEN old.first_message_time <> new.first_message_time
    OR timed_traits_of(old.properties, old.tags) <> timed_traits_of(new.properties, new.tags)
BEGIN
    DELETE FROM trait_time WHERE began = old.first_message_time AND number = old.number AND trait IN (
        SELECT id FROM trait_name
        WHERE trait IN (SELECT value FROM json_each(timed_traits_of(old.properties, old.tags)))
    );
    INSERT INTO trait_name (trait) SELECT value FROM json_each(timed_traits_of(new.properties, new.tags)) WHERE true
        ON CONFLICT (trait) DO NOTHING;
    INSERT INTO trait_time (trait, began, number)
    SELECT trait_name.id, new.first_message_time, new.number
    FROM json_each(timed_traits_of(new.properties, new.tags)) AS has CROSS JOIN trait_name ON trait_name.trait = has.value;
    INSERT INTO stale_week (start) VALUES (
        old.first_message_time - ((old.first_message_time + 259200000) % 604800000 + 604800000) % 604800000
    ) ON CONFLICT (start) DO UPDATE SET claimed = 0;
    INSERT INTO stale_week (start) VALUES (
        new.first_message_time - ((new.first_message_time + 259200000) % 604800000 + 604800000) % 604800000
    ) ON CONFLICT (start) DO UPDATE SET claimed = 0;
END;

CREATE TRIGGER trait_time_gone AFTER DELETE ON conversation BEGIN
    DELETE FROM trait_time WHERE began = old.first_message_time AND number = old.number AND trait IN (
        SELECT id FROM trait_name
        WHERE trait IN (SELECT value FROM json_each(timed_traits_of(old.properties, old.tags)))
    );
END;

CREATE TRIGGER trait_name_gone AFTER DELETE ON trait_time
WHEN NOT EXISTS (SELECT 1 FROM trait_time WHERE trait = old.trait) BEGIN
    DELETE FROM trait_name WHERE id = old.trait;
END;
