-- What a person looks through and steers: `teelog outbox`. NULL for a filter: any. `:now` and all times are unix
-- milliseconds, `:ids` is a JSON array. The name of a record that had no readable id is `unread-<key>`.

-- ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: held — rows that match, a page of them in the order in which they were made
SELECT outbox.*, coalesce(conversation.id, annotation.id, deletion.id) AS id
FROM outbox
LEFT JOIN conversation ON outbox.kind = 'conversation' AND conversation.key = outbox.item
LEFT JOIN annotation ON outbox.kind IN ('feedback', 'event') AND annotation.key = outbox.item
LEFT JOIN deletion ON outbox.kind = 'deletion' AND deletion.key = outbox.item
WHERE outbox.key > :after
    AND (outbox.dirty_since IS NOT NULL OR :sent)
    AND (:state IS NULL OR outbox.state = :state)
    AND (:sink IS NULL OR outbox.sink = :sink)
    AND (:kind IS NULL OR outbox.kind = :kind)
    AND (:before IS NULL OR outbox.dirty_since < :before)
    AND (:reason IS NULL OR instr(lower(coalesce(outbox.dead_reason, '') || ': ' || coalesce(outbox.last_error, '')), :reason))
    AND (:ids IS NULL OR coalesce(conversation.id, annotation.id, deletion.id) IN (SELECT value FROM json_each(:ids)))
ORDER BY outbox.key LIMIT :limit;

-- name: held_total — how many rows match, by state
SELECT outbox.state, count(*) AS n
FROM outbox
LEFT JOIN conversation ON outbox.kind = 'conversation' AND conversation.key = outbox.item
LEFT JOIN annotation ON outbox.kind IN ('feedback', 'event') AND annotation.key = outbox.item
LEFT JOIN deletion ON outbox.kind = 'deletion' AND deletion.key = outbox.item
WHERE outbox.dirty_since IS NOT NULL
    AND (:state IS NULL OR outbox.state = :state)
    AND (:sink IS NULL OR outbox.sink = :sink)
    AND (:kind IS NULL OR outbox.kind = :kind)
    AND (:before IS NULL OR outbox.dirty_since < :before)
    AND (:reason IS NULL OR instr(lower(coalesce(outbox.dead_reason, '') || ': ' || coalesce(outbox.last_error, '')), :reason))
    AND (:ids IS NULL OR coalesce(conversation.id, annotation.id, deletion.id) IN (SELECT value FROM json_each(:ids)))
GROUP BY outbox.state;

-- name: conversation_bytes — how large a conversation is
SELECT coalesce(sum(length(CAST(body AS BLOB)) + length(CAST(properties AS BLOB))), 0) AS bytes
FROM message WHERE conversation = :item AND place IS NOT NULL;

-- name: annotation_bytes — how large an annotation is
SELECT length(CAST(body AS BLOB)) AS bytes FROM annotation WHERE key = :item;

-- name: failed — records that nothing could be made of and that match, a page of them, oldest first
SELECT key, at, coalesce(nullif(id, ''), 'unread-' || key) AS id, reason, length(payload) AS bytes
FROM failed_exchange
WHERE key > :after
    AND (:before IS NULL OR at < :before)
    AND (:reason IS NULL OR instr(lower(reason), :reason))
    AND (:ids IS NULL OR coalesce(nullif(id, ''), 'unread-' || key) IN (SELECT value FROM json_each(:ids)))
ORDER BY key LIMIT :limit;

-- name: failed_total — how many of them match
SELECT count(*) AS n
FROM failed_exchange
WHERE (:before IS NULL OR at < :before)
    AND (:reason IS NULL OR instr(lower(reason), :reason))
    AND (:ids IS NULL OR coalesce(nullif(id, ''), 'unread-' || key) IN (SELECT value FROM json_each(:ids)));

-- name: failed_payload — one of them as it was journaled
SELECT payload FROM failed_exchange WHERE key = :key;

-- ── steering ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: retry — a dead row may be sent now; an annotation without its message waits for it anew
UPDATE outbox SET
    state = iif(dead_reason = 'unknown message', 'waiting', 'ready'),
    due = iif(dead_reason = 'unknown message', NULL, :now),
    dirty_since = iif(dead_reason = 'unknown message', :now, dirty_since),
    tries = 0, first_failed_at = NULL, last_failed_at = NULL, last_error = NULL, dead_reason = NULL
WHERE key = :key AND state = 'dead'
RETURNING sink, kind, item;

-- name: annotated — the conversation that an annotation speaks of, where it is known
SELECT conversation FROM annotation WHERE key = :key;

-- name: drop — the sink is to get nothing more of this row than it has; if its conversation goes on, it gets all of it
UPDATE outbox SET
    state = 'sent', wanted_rev = sent_rev, due = NULL, dirty_since = NULL, tries = 0,
    first_failed_at = NULL, last_failed_at = NULL, last_error = NULL, dead_reason = NULL, echo_at = NULL
WHERE key = :key AND state NOT IN ('leased', 'sent');

-- name: fail_again — a record that was read again in vain
UPDATE failed_exchange SET reason = :reason WHERE key = :key;

-- name: drop_failed — a record is given up, or something has been made of it
DELETE FROM failed_exchange WHERE key = :key;

-- ── export: NULL is any ─────────────────────────────────────────────────────────────────────────────────────────────

-- name: exported_keys — recorded conversations whose newest message came within a span, of a user: a page of keys
SELECT key FROM conversation
WHERE key > :after AND sampled = 1
    AND (:user IS NULL OR user = :user)
    AND (SELECT max(message.created_at) FROM message WHERE conversation = conversation.key AND place IS NOT NULL)
        BETWEEN coalesce(:since, 0) AND coalesce(:until, 9223372036854775807) - 1
ORDER BY key LIMIT :limit;
