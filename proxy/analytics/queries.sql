-- Every statement of the local analytics server. Values are always bound.

-- name: conversation — one conversation by its id
SELECT * FROM conversation WHERE id = :id;

-- name: put_conversation — a conversation as it is now, new or in place of the old
INSERT INTO conversation (
    id, type, external_id, external_url, support_ticket_conversation_id, project_id, integration_id, visibility,
    properties, user_properties, tags, created_at, updated_at, rev,
    first_message_time, user_message_count, question, interrupted, number
) VALUES (
    :id, :type, :external_id, :external_url, :support_ticket_conversation_id, :project_id, :integration_id, :visibility,
    :properties, :user_properties, :tags, :created_at, :updated_at, :rev,
    :first_message_time, :user_message_count, :question, :interrupted,
    (SELECT coalesce(max(number), 0) + 1 FROM conversation)
)
ON CONFLICT (id) DO UPDATE SET
    external_id = excluded.external_id, external_url = excluded.external_url,
    support_ticket_conversation_id = excluded.support_ticket_conversation_id,
    project_id = excluded.project_id, integration_id = excluded.integration_id, visibility = excluded.visibility,
    properties = excluded.properties, user_properties = excluded.user_properties, tags = excluded.tags,
    created_at = excluded.created_at, updated_at = excluded.updated_at, rev = excluded.rev,
    first_message_time = excluded.first_message_time, user_message_count = excluded.user_message_count,
    question = excluded.question, interrupted = excluded.interrupted;

-- name: session — what a list shows of one conversation, why thumbs went down for some of them; its tokens are NULL where no answer's usage is known, its cost where that of any answer is not; +type: feedback is found by its conversation, which has little of it
SELECT v.id, v.created_at, v.updated_at, v.question, v.user_message_count, v.interrupted, v.properties, v.user_properties, v.tags,
    coalesce(s.positive, 0) AS positive, coalesce(s.negative, 0) AS negative,
    iif(s.negative > 0, (
        SELECT json_group_array(json_object('reasons', reasons, 'details', details))
        FROM (
            -- A list is read at a glance: what is longer stands in the transcript.
            SELECT iif(length(reasons) <= 4000, reasons, NULL) AS reasons, substr(details, 1, 1000) AS details FROM feedback
            WHERE feedback.conversation = :id AND +type = 'negative' ORDER BY message, created_at, id LIMIT 5
        )
    ), '[]') AS disliked,
    answered.tokens, answered.refused,
    (SELECT cost FROM answer_sums WHERE answer_sums.number = v.number AND answers > 0 AND priced = answers) AS cost
FROM conversation AS v LEFT JOIN session AS s ON s.conversation = v.id, (
    SELECT
        sum(tokens_in(properties)) AS tokens,
        coalesce(max(instr(properties, '"refusal"') AND json_text(properties, '["refusal"]') = 'true'), 0) AS refused
    FROM message WHERE conversation = :id AND place IS NOT NULL AND role = 'assistant'
) AS answered
WHERE v.id = :id;

-- name: blocks — the blocks of numbers that there are, the highest first, and when their first and last was changed
WITH RECURSIVE block (number) AS (
    SELECT max(number) >> 10 FROM conversation
    UNION ALL SELECT number - 1 FROM block WHERE number > 0
)
SELECT number, earliest, latest FROM (
    SELECT
        number,
        (SELECT updated_at FROM conversation WHERE conversation.number >> 10 = block.number
            ORDER BY updated_at LIMIT 1) AS earliest,
        (SELECT updated_at FROM conversation WHERE conversation.number >> 10 = block.number
            ORDER BY updated_at DESC LIMIT 1) AS latest
    FROM block
) WHERE latest IS NOT NULL;

-- name: words_beginning — words of the search index from a beginning on and before an end, one after the other: it leaps from each to the next, past all that is said of it
WITH RECURSIVE found (term) AS (
    SELECT (SELECT term FROM search_word WHERE term >= :beginning LIMIT 1)
    UNION ALL
    SELECT (SELECT term FROM search_word WHERE search_word.term >= found.term || char(0) LIMIT 1)
    FROM found WHERE found.term < :end
)
SELECT term FROM found WHERE term < :end LIMIT :most;

-- name: messages — a conversation's messages by place, those that left the list last
SELECT * FROM message WHERE conversation = :conversation ORDER BY place IS NULL, place, created_at, id;

-- name: weight — about how many bytes an answer with a conversation takes; a message without any words takes some, too
SELECT total(
    1000 + length(coalesce(text, '')) + length(coalesce(items, '')) + length(coalesce(tool_calls, ''))
    + length(coalesce(links, '')) + length(coalesce(properties, '')) + length(coalesce(user_properties, ''))
) AS bytes FROM message WHERE conversation = :conversation AND place IS NOT NULL;

-- name: message — one message, also one that left the list
SELECT * FROM message WHERE conversation = :conversation AND id = :id;

-- name: lift_message — a message frees its place, until it is put
UPDATE message SET place = place + 1000000000 WHERE conversation = :conversation AND id = :id;

-- name: retire_message — a message leaves the list
UPDATE message SET place = NULL WHERE conversation = :conversation AND id = :id;

-- name: put_message — a message as it is now, new or in place of the old; a new one has its conversation's next number
INSERT INTO message (
    number, conversation, id, place, id_given, role, text, items, name, tool_calls, links, properties, user_properties,
    external_id, external_url, created_at, updated_at
) VALUES (
    (
        SELECT 1 + coalesce(
            (SELECT max(number) FROM message WHERE number > own.number << 32 AND number < (own.number + 1) << 32),
            own.number << 32
        )
        FROM conversation AS own WHERE own.id = :conversation
    ),
    :conversation, :id, :place, :id_given, :role, :text, :items, :name, :tool_calls, :links, :properties,
    :user_properties, :external_id, :external_url, :created_at, :updated_at
)
ON CONFLICT (conversation, id) DO UPDATE SET
    place = excluded.place, id_given = excluded.id_given, role = excluded.role, text = excluded.text,
    items = excluded.items, name = excluded.name, tool_calls = excluded.tool_calls, links = excluded.links,
    properties = excluded.properties, user_properties = excluded.user_properties,
    external_id = excluded.external_id, external_url = excluded.external_url,
    created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: drop_retired_messages — those nobody has spoken of, and nobody can: an answer with its client's id stays
DELETE FROM message WHERE conversation = :conversation AND place IS NULL
    AND NOT (id_given AND role = 'assistant')
    AND NOT EXISTS (
        SELECT 1 FROM feedback WHERE feedback.message = message.id AND feedback.conversation = message.conversation
    );

-- name: conversation_of_message — the newest conversation that holds a message
SELECT message.conversation FROM message JOIN conversation ON conversation.id = message.conversation
WHERE message.id = :message ORDER BY conversation.updated_at DESC, conversation.id LIMIT 1;

-- name: attach_feedback — feedback that waited for a message of this conversation
UPDATE feedback SET conversation = :conversation
WHERE conversation IS NULL AND message IN (SELECT id FROM message WHERE conversation = :conversation);

-- name: attach_events — events that waited for a message of this conversation
UPDATE event SET conversation = :conversation
WHERE conversation IS NULL AND message IN (SELECT id FROM message WHERE conversation = :conversation);

-- name: feedback — one piece of feedback by its id
SELECT * FROM feedback WHERE id = :id;

-- name: feedback_of_author — what the same person said of the same message, newest first
SELECT * FROM feedback WHERE message = :message AND author = :author ORDER BY created_at DESC, id LIMIT 1;

-- name: put_feedback — feedback as it is now, new or in place of the old
INSERT INTO feedback (
    id, type, message, conversation, author, reasons, details, sources, properties, user_properties,
    created_at, updated_at
) VALUES (
    :id, :type, :message, :conversation, :author, :reasons, :details, :sources, :properties, :user_properties,
    :created_at, :updated_at
)
ON CONFLICT (id) DO UPDATE SET
    type = excluded.type, message = excluded.message, conversation = excluded.conversation, author = excluded.author,
    reasons = excluded.reasons, details = excluded.details, sources = excluded.sources,
    properties = excluded.properties, user_properties = excluded.user_properties,
    created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: count_feedback — how much there is of each type, pending left out
SELECT type, count(*) AS total FROM feedback WHERE conversation IS NOT NULL GROUP BY type;

-- name: newest_feedback — a page of one type, newest first, pending left out
SELECT * FROM feedback WHERE conversation IS NOT NULL AND type = :type
ORDER BY created_at DESC, id LIMIT :limit OFFSET :offset;

-- name: feedback_of_conversation — all feedback on one conversation's messages, oldest first
SELECT * FROM feedback WHERE conversation = :conversation ORDER BY created_at, id;

-- name: event — one event by its id
SELECT * FROM event WHERE id = :id;

-- name: put_event — an event as it is now, new or in place of the old
INSERT INTO event (
    id, type, entity_type, message, conversation, search_query, project_id, integration_id, properties,
    user_properties, created_at
) VALUES (
    :id, :type, :entity_type, :message, :conversation, :search_query, :project_id, :integration_id, :properties,
    :user_properties, :created_at
)
ON CONFLICT (id) DO UPDATE SET
    type = excluded.type, entity_type = excluded.entity_type, message = excluded.message,
    conversation = excluded.conversation, search_query = excluded.search_query, project_id = excluded.project_id,
    integration_id = excluded.integration_id, properties = excluded.properties,
    user_properties = excluded.user_properties, created_at = excluded.created_at;

-- name: outdated_conversations — ids last changed before a time, oldest first
SELECT id FROM conversation WHERE updated_at < :before ORDER BY updated_at LIMIT :limit;

-- name: drop_conversation — a conversation with its messages and feedback (by cascade)
DELETE FROM conversation WHERE id = :id;

-- name: drop_events_of — the events of a conversation
DELETE FROM event WHERE conversation = :id;

-- name: drop_outdated_feedback — feedback from before a time whose message never came
DELETE FROM feedback WHERE conversation IS NULL AND updated_at < :before;

-- name: drop_outdated_events — events from before a time that belong to no conversation that is kept
DELETE FROM event WHERE created_at < :before
    AND NOT EXISTS (SELECT 1 FROM conversation WHERE conversation.id = event.conversation);

-- ── export: NULL is any ─────────────────────────────────────────────────────────────────────────────────────────────

-- name: exported_ids — conversations last changed within a span, of a user: a page of ids
SELECT id FROM conversation
WHERE id > :after
    AND (:since IS NULL OR updated_at >= :since)
    AND (:until IS NULL OR updated_at < :until)
    AND (:user IS NULL OR :user IN (
        CAST(json_extract(user_properties, '$.userId') AS TEXT), CAST(json_extract(user_properties, '$.id') AS TEXT)
    ))
ORDER BY id LIMIT :limit;

-- ── what was searched for ───────────────────────────────────────────────────────────────────────────────────────────

-- name: top_searches — the texts searched for most often since a time, of one project or all
SELECT search_query, count(*) AS searches FROM event
WHERE entity_type = 'search' AND search_query IS NOT NULL
    AND (:after IS NULL OR created_at >= :after)
    AND (:project IS NULL OR project_id = :project)
GROUP BY search_query ORDER BY searches DESC, search_query LIMIT 1000;

-- name: weekly_searchers — how many users searched in each week (from Monday, UTC) since a time, of one project or all
SELECT
    created_at - ((created_at + 259200000) % 604800000 + 604800000) % 604800000 AS week,
    count(DISTINCT coalesce(json_text(user_properties, '["id"]'), json_text(user_properties, '["userId"]'))) AS users
FROM event
WHERE entity_type = 'search'
    AND (:after IS NULL OR created_at >= :after)
    AND (:project IS NULL OR project_id = :project)
GROUP BY week ORDER BY week LIMIT 1000;

-- ── deletion ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: salts — what marks are made with
SELECT value FROM salt;

-- name: add_salt — it is made once
INSERT INTO salt (value) VALUES (:value);

-- name: named_deletions — deletions of an older teelog, which kept the ids
SELECT id, messages, deleted_at FROM deletion;

-- name: drop_named_deletions — they are marks now
DELETE FROM deletion;

-- name: deleted — whether a conversation was deleted, and how much of it
SELECT messages, rev FROM deleted WHERE mark = :mark;

-- name: put_deleted — a conversation is deleted, and stays so
INSERT INTO deleted (mark, messages, rev, deleted_at) VALUES (:mark, :messages, :rev, :deleted_at)
ON CONFLICT (mark) DO UPDATE SET
    messages = max(messages, excluded.messages), rev = max(rev, excluded.rev), deleted_at = excluded.deleted_at;

-- name: deleted_message — whether a message was deleted
SELECT 1 FROM deleted_message WHERE mark = :mark;

-- name: put_deleted_message — a message is deleted, and stays so
INSERT INTO deleted_message (mark, deleted_at) VALUES (:mark, :deleted_at)
ON CONFLICT (mark) DO UPDATE SET deleted_at = excluded.deleted_at;

-- name: drop_waiting_feedback — feedback that waits for a message which will not come any more
DELETE FROM feedback WHERE conversation IS NULL AND message = :message;

-- name: drop_waiting_events — events that do
DELETE FROM event WHERE conversation IS NULL AND message = :message;

-- name: drop_feedback — one piece of feedback
DELETE FROM feedback WHERE id = :id;

-- name: drop_outdated_deletions — deletions from before a time; nobody posts again what was deleted then
DELETE FROM deleted WHERE deleted_at < :before;

-- name: drop_outdated_deleted_messages — and their messages
DELETE FROM deleted_message WHERE deleted_at < :before;

-- name: meant — conversations to be erased, a page of them: of users, by ids, not changed since a time; NULL is any
SELECT id, created_at, updated_at,
    (SELECT count(*) FROM message WHERE message.conversation = conversation.id AND place IS NOT NULL) AS messages
FROM conversation
WHERE id > :after
    AND (:users IS NULL OR EXISTS (
        SELECT 1 FROM json_each(:users) WHERE value IN (
            CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.userId') AS TEXT) END,
            CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.id') AS TEXT) END
        )
    ))
    AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
    AND (:before IS NULL OR updated_at < :before)
ORDER BY id LIMIT :limit;

-- name: spoken_of — how much feedback and how many events there are of a conversation
SELECT (SELECT count(*) FROM feedback WHERE conversation = :id) AS feedback,
    (SELECT count(*) FROM event WHERE conversation = :id) AS events;

-- name: drop_feedback_of_users — what erased users have said of anything
DELETE FROM feedback WHERE (:before IS NULL OR created_at < :before) AND EXISTS (
    SELECT 1 FROM json_each(:users) WHERE value IN (
        CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.userId') AS TEXT) END,
        CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.id') AS TEXT) END
    )
);

-- name: drop_events_of_users — and what is told of them
DELETE FROM event WHERE (:before IS NULL OR created_at < :before) AND EXISTS (
    SELECT 1 FROM json_each(:users) WHERE value IN (
        CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.userId') AS TEXT) END,
        CASE WHEN json_valid(user_properties) THEN CAST(json_extract(user_properties, '$.id') AS TEXT) END
    )
);

-- name: forget_origins — what begins like a conversation that is gone does not name it any more
UPDATE conversation SET properties = json_remove(properties, '$.forkedFrom')
WHERE CASE WHEN json_valid(properties) THEN json_extract(properties, '$.forkedFrom') END
    IN (SELECT value FROM json_each(:ids));

-- name: conversation_by_external_id — the newest conversation that another system knows by an id
SELECT * FROM conversation WHERE external_id = :external_id ORDER BY updated_at DESC, id LIMIT 1;

-- ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: cost_of_conversation — what its answers cost, in billionths of a US dollar; NULL where that of any is not known
SELECT CASE WHEN count(*) = count(cost) THEN sum(cost) END AS cost FROM answer WHERE conversation = :conversation;

-- name: events_of_conversation — what happened in and around one conversation, oldest first
SELECT * FROM event WHERE conversation = :conversation ORDER BY created_at, id;

-- name: share — a link to a conversation, unless there is one
INSERT INTO share (token, conversation, created_at) VALUES (:token, :conversation, :now)
ON CONFLICT (conversation) DO NOTHING;

-- name: unshare — a link is taken back
DELETE FROM share WHERE conversation = :conversation;

-- name: share_of — the link to a conversation that works
SELECT share.token FROM share JOIN conversation ON conversation.id = share.conversation
WHERE share.conversation = :conversation AND conversation.visibility = 'public';

-- name: shared_conversation — the conversation that a link leads to
SELECT share.conversation FROM share JOIN conversation ON conversation.id = share.conversation
WHERE share.token = :token AND conversation.visibility = 'public';

-- name: set_visibility — who may read a conversation
UPDATE conversation SET visibility = :visibility WHERE id = :id;
