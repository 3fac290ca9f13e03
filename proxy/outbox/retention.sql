-- What is kept for so long, and no longer. `:before` and all times are unix milliseconds.

-- name: outdated — conversations that may not have changed since a time, whatever a sink lacks of them
SELECT conversation.* FROM quiet JOIN conversation ON conversation.key = quiet.conversation
WHERE quiet.freed IN (0, 1, 2) AND quiet.appended IN (0, 1) AND since < :before LIMIT :limit;

-- name: lacked — how many rows of a conversation, and of what was said of it, no sink has
SELECT count(*) AS n FROM outbox
WHERE dirty_since IS NOT NULL AND ((kind = 'conversation' AND item = :key)
    OR (kind IN ('feedback', 'event') AND item IN (SELECT key FROM annotation WHERE conversation = :key)));

-- name: outdated_notes — feedback and events that belong to no conversation here, and were sent before a time
SELECT annotation.key FROM annotation
WHERE annotation.conversation IS NULL AND NOT EXISTS (
    SELECT 1 FROM outbox WHERE outbox.kind = annotation.kind AND outbox.item = annotation.key
        AND (state <> 'sent' OR sent_at >= :before)
)
LIMIT :limit;

-- name: outdated_dead — dead letters from before a time
SELECT key, kind, item FROM outbox WHERE dead_reason IS NOT NULL AND coalesce(last_failed_at, dirty_since) < :before
LIMIT :limit;

-- name: surplus_dead — the oldest dead letters, beyond so many bytes of newer ones
SELECT key, kind, item FROM (
    SELECT key, kind, item, sum(size) OVER (ORDER BY since DESC, key DESC) AS total FROM (
        SELECT key, kind, item, coalesce(last_failed_at, dirty_since) AS since, CASE
            WHEN kind = 'conversation' THEN (
                SELECT coalesce(sum(length(CAST(body AS BLOB)) + length(CAST(properties AS BLOB))), 0)
                FROM message WHERE conversation = outbox.item AND place IS NOT NULL
            )
            WHEN kind = 'deletion' THEN 0
            ELSE (SELECT length(CAST(body AS BLOB)) FROM annotation WHERE annotation.key = outbox.item)
        END AS size
        FROM outbox WHERE dead_reason IS NOT NULL
    )
)
WHERE total > :bytes LIMIT :limit;

-- name: oldest_dead — since when the oldest dead letter of a sink lies there
SELECT min(coalesce(last_failed_at, dirty_since)) AS since FROM outbox WHERE sink = :sink AND dead_reason IS NOT NULL;

-- name: some_dead — some of a sink's dead letters, to tell how large they are
SELECT kind, item FROM outbox WHERE sink = :sink AND dead_reason IS NOT NULL LIMIT :limit;

-- name: drop_outdated_failed — records that nothing could be made of, from before a time
DELETE FROM failed_exchange WHERE key IN (SELECT key FROM failed_exchange WHERE at < :before LIMIT :limit);
