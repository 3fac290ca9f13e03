-- What damage has left of the recorder's memory, made consistent: run on the rows that were read out of a damaged file,
-- before anybody else reads the new one. Losing a message must not make analytics lose what it has already: a conversation
-- is sent whole or, where a sink has none of it yet, as far as it is there.

-- Conversations that have lost some of their messages, and how many are left. Places are counted without gaps; only where
-- requests came without their history may they begin behind 1.
CREATE TEMP TABLE holed AS
SELECT conversation.key AS key, count(message.key) AS left_over
FROM conversation LEFT JOIN message ON message.conversation = conversation.key AND message.place >= 1
WHERE conversation.freed = 0
GROUP BY conversation.key
HAVING count(message.key) = 0 OR max(message.place) <> conversation.last_place
    OR count(message.key) <> max(message.place) - min(message.place) + 1
    OR (min(message.place) > 1 AND conversation.appended = 0);

-- Some of them no sink has ever had: what is left of them is sent, and says that it is not all.
CREATE TEMP TABLE unsent AS
SELECT holed.key AS key FROM holed JOIN outbox ON outbox.kind = 'conversation' AND outbox.item = holed.key
WHERE holed.left_over > 0 GROUP BY holed.key HAVING max(outbox.sent_rev) = 0 AND max(outbox.state = 'leased') = 0;

UPDATE conversation SET properties = json_set(properties, '$.history', 'partial') WHERE key IN (SELECT key FROM unsent);

-- The others stand as if they were freed: a client that goes on brings the history, or they are gone on with apart.
UPDATE conversation SET freed = 1 WHERE key IN (SELECT key FROM holed) AND key NOT IN (SELECT key FROM unsent);

-- What a sink lacks of those cannot be made any more; a person sees it among the dead letters.
UPDATE outbox SET
    state = iif(dirty_since IS NULL, 'sent', 'dead'),
    dead_reason = iif(dirty_since IS NULL, NULL, 'not rendered'),
    last_error = iif(dirty_since IS NULL, NULL, 'a damaged file took a part of it; what analytics has of it stays as it is'),
    due = NULL, lease_until = NULL, echo_at = iif(dirty_since IS NULL, NULL, echo_at)
WHERE kind = 'conversation' AND state IN ('ready', 'leased')
    AND item IN (SELECT key FROM holed) AND item NOT IN (SELECT key FROM unsent);

-- Where damage took the row that says what a sink has, it is sent once more.
INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
SELECT 'analytics', 'conversation', key, 'ready', rev, rev, rev FROM conversation
WHERE freed = 0 AND sampled = 1
    AND key NOT IN (SELECT key FROM holed)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE kind = 'conversation' AND item = conversation.key);

INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
SELECT 'analytics', kind, key, iif(waits, 'waiting', 'ready'), 1, now, iif(waits, NULL, now)
FROM (
    SELECT kind, key, unixepoch() * 1000 AS now, about IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM outbox
        WHERE kind = 'conversation' AND item = annotation.conversation AND sent_rev >= annotation.needs_rev
    ) AS waits
    FROM annotation
) AS noted
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.kind = noted.kind AND outbox.item = noted.key);

INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
SELECT 'analytics', 'deletion', key, 'ready', 1, unixepoch() * 1000, unixepoch() * 1000 FROM deletion
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.kind = 'deletion' AND outbox.item = deletion.key);

DROP TABLE unsent;
DROP TABLE holed;
