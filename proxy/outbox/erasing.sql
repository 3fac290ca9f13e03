-- What is erased, and what keeps it so. NULL for a filter: any; lists are JSON arrays, `:now` and all times unix milliseconds.

-- ── what was erased ─────────────────────────────────────────────────────────────────────────────────────────────────

-- name: any_tombstone — whether anything was ever erased
SELECT 1 FROM tombstone LIMIT 1;

-- name: tombstone — up to when something is erased
SELECT at FROM tombstone WHERE mark = :mark;

-- name: put_tombstone — something is erased, as far as it began up to a time
INSERT INTO tombstone (mark, at) VALUES (:mark, :at) ON CONFLICT (mark) DO UPDATE SET at = max(at, excluded.at);

-- name: stands — whether a message that ends such a history, or such a pair, stands in a conversation that may be this user's
SELECT 1 FROM message JOIN conversation ON conversation.key = message.conversation
WHERE message.chain = :chain AND message.chain IS NOT NULL AND place IS NOT NULL
    AND tenant = :tenant AND (:user = '' OR user IN ('', :user)) LIMIT 1;

-- name: stands_paired — the same of a question and its answer
SELECT 1 FROM message JOIN conversation ON conversation.key = message.conversation
WHERE message.pair = :pair AND message.pair IS NOT NULL AND place IS NOT NULL
    AND tenant = :tenant AND (:user = '' OR user IN ('', :user)) LIMIT 1;

-- ── what is meant ───────────────────────────────────────────────────────────────────────────────────────────────────

-- name: meant — conversations that are meant, a page of them: users, ids, and nothing said since a time
SELECT conversation.*,
    (SELECT count(*) FROM message WHERE conversation = conversation.key AND place IS NOT NULL) AS messages,
    coalesce((SELECT max(created_at) FROM message WHERE conversation = conversation.key AND place IS NOT NULL), rev) AS last
FROM conversation
WHERE key > :after
    AND (:users IS NULL OR user IN (SELECT value FROM json_each(:users)))
    AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
    AND (:before IS NULL OR coalesce(
        (SELECT max(created_at) FROM message WHERE conversation = conversation.key AND place IS NOT NULL), rev
    ) < :before)
ORDER BY key LIMIT :limit;

-- name: known_ids — which of some ids are conversations here
SELECT id FROM conversation WHERE id IN (SELECT value FROM json_each(:ids));

-- name: every_annotation — feedback and events, a page of them
SELECT key, kind, id, body FROM annotation WHERE key > :after ORDER BY key LIMIT :limit;

-- name: every_failed — records that nothing could be made of, a page of them
SELECT key, at, id, payload FROM failed_exchange WHERE key > :after ORDER BY key LIMIT :limit;

-- ── one of them goes ────────────────────────────────────────────────────────────────────────────────────────────────

-- name: recognised — by what a conversation's messages are known again, those that were replaced last
SELECT id, role, chain, pair FROM message WHERE conversation = :key ORDER BY place IS NULL, place, key;

-- name: names_of — what the messages of a conversation were called
SELECT id AS name FROM message WHERE conversation = :key
UNION
SELECT key.value FROM key JOIN message ON message.key = key.message
WHERE message.conversation = :key AND key.kind <> 'tool_call';

-- name: annotations_of — what was said of a conversation, and whether a sink may have it
SELECT annotation.key, annotation.kind, annotation.tenant, annotation.id, annotation.body,
    coalesce((SELECT max(sent_rev > 0 OR tries > 0 OR state = 'leased') FROM outbox
              WHERE outbox.kind = annotation.kind AND outbox.item = annotation.key), 0) AS is_sent
FROM annotation WHERE conversation = :key;

-- name: annotation_sent — the same of one
SELECT annotation.kind, annotation.tenant, annotation.id, annotation.body,
    coalesce((SELECT max(sent_rev > 0 OR tries > 0 OR state = 'leased') FROM outbox
              WHERE outbox.kind = annotation.kind AND outbox.item = annotation.key), 0) AS is_sent
FROM annotation WHERE key = :key;

-- name: rows_of — how a conversation stands with each sink
SELECT * FROM outbox WHERE kind = 'conversation' AND item = :key;

-- name: rows_about — how many rows of the outbox are of a conversation or of what was said of it, and were set aside
SELECT count(*) AS n, coalesce(sum(state = 'dead'), 0) AS dead FROM outbox
WHERE (dirty_since IS NOT NULL OR state = 'leased') AND ((kind = 'conversation' AND item = :key)
    OR (kind IN ('feedback', 'event') AND item IN (SELECT key FROM annotation WHERE conversation = :key)));

-- name: thread_stands — whether another conversation goes by the same chat id
SELECT 1 FROM conversation WHERE tenant = :tenant AND thread = :thread AND thread <> '' AND user = :user LIMIT 1;

-- name: forks_of — conversations that begin like some that are gone
SELECT key, id, freed FROM conversation
WHERE CASE WHEN json_valid(properties) THEN json_extract(properties, '$.forkedFrom') END
    IN (SELECT value FROM json_each(:ids));

-- name: forget_origin — a conversation that begins like one that is gone does not name it any more
UPDATE conversation SET rev = max(rev + 1, :now), properties = json_remove(properties, '$.forkedFrom') WHERE key = :key
RETURNING rev;

-- ── what the sinks are asked to delete ──────────────────────────────────────────────────────────────────────────────

-- name: add_deletion — something that a sink is asked to delete
INSERT INTO deletion (kind, id, rev) VALUES (:kind, :id, :rev) RETURNING key;

-- name: put_deletion — it is due, and once more when no POST of it can be on its way any more
INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due, echo_at)
VALUES (:sink, 'deletion', :item, 'ready', 1, :now, :now, :doubt);

-- name: deletion — what a sink is asked to delete
SELECT kind, id, rev FROM deletion WHERE key = :key;

-- name: end_deletions — what every sink has deleted is not named any more
DELETE FROM deletion WHERE NOT EXISTS (
    SELECT 1 FROM outbox WHERE outbox.kind = 'deletion' AND outbox.item = deletion.key AND outbox.state <> 'sent'
);

-- name: end_deletion_rows — nor are its rows
DELETE FROM outbox WHERE kind = 'deletion' AND state = 'sent';

-- name: deletions_left — how many deletions wait, and how many were set aside
SELECT count(*) AS n, coalesce(sum(state = 'dead'), 0) AS dead FROM outbox WHERE kind = 'deletion' AND state <> 'sent';
