-- Every statement of the recorder and the courier, by name. `:now` and all times are unix milliseconds.

-- ── journal position ────────────────────────────────────────────────────────────────────────────────────────────────

-- name: position — how far a source has been made use of, and what was begun behind it
SELECT segment, offset, tries FROM position WHERE source = :source;

-- name: move_position — a source has been made use of up to here
INSERT INTO position (source, segment, offset, tries) VALUES (:source, :segment, :offset, :tries)
ON CONFLICT (source) DO UPDATE SET segment = excluded.segment, offset = excluded.offset, tries = excluded.tries;

-- ── whose conversation is it ────────────────────────────────────────────────────────────────────────────────────────
-- `:user` and `:thread` may be NULL: anybody's, any. What many conversations share is looked up in the newest 256 of them.

-- name: named — the newest of the tenant's conversations that go by a chat's id
SELECT * FROM conversation WHERE tenant = :tenant AND thread = :thread AND thread <> '' ORDER BY rev DESC LIMIT 1;

-- name: named_of_user — the newest of those that are a user's
SELECT * FROM conversation
WHERE tenant = :tenant AND thread = :thread AND thread <> '' AND user = :user ORDER BY rev DESC LIMIT 1;

-- name: of_tenant_with_id — the tenant's conversation that analytics knows by an id, if it can be this user's
SELECT * FROM conversation WHERE id = :id AND tenant = :tenant AND (:user = '' OR user IN ('', :user));

-- name: call_thread — a conversation goes by another name from now on
UPDATE conversation SET thread = :thread WHERE key = :key;

-- name: call_tips — and so does what may be gone on with in its stead
UPDATE other_tip SET thread = :thread WHERE conversation = :key;

-- name: tip_of_user — of a thread and a user: on this connection before others, of this kin before others, the newest
SELECT conversation, former, choice FROM (
    SELECT * FROM (
        SELECT key AS conversation, NULL AS former, 0 AS choice, connection, kin, rev FROM conversation
        WHERE tip = :tip AND thread = :thread AND user = :user ORDER BY rev DESC LIMIT 256
    )
    UNION ALL
    SELECT * FROM (
        SELECT conversation, former, choice, connection, kin, rev FROM other_tip
        WHERE hash = :tip AND thread = :thread AND user = :user ORDER BY rev DESC LIMIT 256
    )
)
ORDER BY connection = :connection DESC, kin = :kin DESC, rev DESC LIMIT 1;

-- name: tip_of_chat — the same, of those that go by a chat's id
SELECT conversation, former, choice FROM (
    SELECT key AS conversation, NULL AS former, 0 AS choice, connection, kin, rev FROM conversation
    WHERE tip = :tip AND thread = :thread
    UNION ALL
    SELECT conversation, former, choice, connection, kin, rev FROM other_tip WHERE hash = :tip AND thread = :thread
)
ORDER BY connection = :connection DESC, kin = :kin DESC, rev DESC LIMIT 1;

-- name: tip_of_anybody — the same, of whoever is not told apart
SELECT conversation, former, choice FROM (
    SELECT * FROM (
        SELECT key AS conversation, NULL AS former, 0 AS choice, user, thread, connection, kin, rev FROM conversation
        WHERE tip = :tip AND thread = '' AND user = '' ORDER BY rev DESC LIMIT 256
    )
    UNION ALL
    SELECT * FROM (
        SELECT key, NULL, 0, user, thread, connection, kin, rev FROM conversation
        WHERE tip = :tip AND (thread <> '' OR user <> '') ORDER BY rev DESC LIMIT 256
    )
    UNION ALL
    SELECT * FROM (
        SELECT conversation, former, choice, user, thread, connection, kin, rev FROM other_tip
        WHERE hash = :tip ORDER BY rev DESC LIMIT 256
    )
)
WHERE (:user IS NULL OR user = :user) AND (:thread IS NULL OR thread = :thread)
ORDER BY connection = :connection DESC, kin = :kin DESC, rev DESC LIMIT 1;

-- name: inside — where a history ends with a message that stands
SELECT conversation.*, found.place
FROM (
    SELECT conversation AS held, place FROM message
    WHERE chain = :chain AND place IS NOT NULL AND chain IS NOT NULL ORDER BY conversation DESC LIMIT 256
) AS found
JOIN conversation ON conversation.key = found.held
WHERE conversation.tenant = :tenant
    AND (:user IS NULL OR user = :user) AND (:thread IS NULL OR thread = :thread)
ORDER BY rev DESC LIMIT 64;

-- name: paired — where a question and its answer stand
SELECT conversation.*, found.place
FROM (
    SELECT conversation AS held, place FROM message
    WHERE pair = :pair AND place IS NOT NULL AND pair IS NOT NULL ORDER BY conversation DESC LIMIT 256
) AS found
JOIN conversation ON conversation.key = found.held
WHERE conversation.tenant = :tenant
    AND (:user IS NULL OR user = :user) AND (:thread IS NULL OR thread = :thread)
ORDER BY rev DESC LIMIT 64;

-- name: holding — in which conversations a tool call stands
SELECT DISTINCT conversation.*
FROM (
    SELECT message FROM key WHERE value = :call AND kind = 'tool_call' ORDER BY message DESC LIMIT 256
) AS found
JOIN message ON message.key = found.message AND message.place IS NOT NULL
JOIN conversation ON conversation.key = message.conversation
WHERE conversation.tenant = :tenant
    AND (:user IS NULL OR user = :user) AND (:thread IS NULL OR thread = :thread)
ORDER BY rev DESC LIMIT 64;

-- name: answer_of — where the tenant's newest answer with a completion id stands
SELECT conversation.*, coalesce(message.place, 0) AS place, message.key AS message
FROM key
JOIN message ON message.key = key.message
JOIN conversation ON conversation.key = message.conversation
WHERE key.value = :completion AND key.kind = 'completion' AND conversation.tenant = :tenant
ORDER BY key.message DESC LIMIT 1;

-- name: former_tip — the replaced answer that a message is, while it may still be gone on with
SELECT conversation.*, other_tip.hash, other_tip.former
FROM other_tip JOIN conversation ON conversation.key = other_tip.conversation WHERE other_tip.former = :message LIMIT 1;

-- name: place_of — with which message of a conversation a history ends
SELECT * FROM message WHERE chain = :chain AND conversation = :conversation AND place IS NOT NULL;

-- name: newest_standing — the last messages up to a place, the newest first
SELECT * FROM message
WHERE conversation = :conversation AND place BETWEEN 1 AND :upto AND chain IS NOT NULL ORDER BY place DESC LIMIT :count;

-- name: standing_behind — the first messages behind a place
SELECT * FROM message
WHERE conversation = :conversation AND place > :place AND chain IS NOT NULL ORDER BY place LIMIT :count;

-- name: call_ids — the tool calls that a message makes or answers
SELECT value FROM key WHERE message = :message AND kind = 'tool_call';

-- name: message — one message
SELECT * FROM message WHERE key = :key;

-- name: message_known_by — the tenant's newest message of an id that somebody else gave it
SELECT message.key, role, body FROM key
JOIN message ON message.key = key.message JOIN conversation ON conversation.key = message.conversation
WHERE value = :value AND kind = :kind AND tenant = :tenant AND freed = 0 ORDER BY key.message DESC LIMIT 1;

-- ── conversations and their messages ────────────────────────────────────────────────────────────────────────────────

-- name: conversation — one conversation
SELECT * FROM conversation WHERE key = :key;

-- name: begin_conversation — a new one, still without messages
INSERT INTO conversation (id, tenant, user, thread, connection, created_at, rev, sampled, properties, user_properties)
VALUES (:id, :tenant, '', :thread, '', :created_at, 0, :sampled, :properties, '{}')
RETURNING *;

-- name: go_on — a conversation after an exchange
UPDATE conversation SET
    user = :user, thread = :thread, connection = :connection, kin = :kin, rev = :rev,
    last_place = :last_place, tip_place = :tip_place, tip = :tip,
    properties = :properties, user_properties = :user_properties
WHERE key = :key;

-- name: come_back — what was said in it is here again, or a part of its history nobody else has any more
UPDATE conversation SET freed = 0, appended = max(appended, :appended) WHERE key = :key;

-- name: forget_tips — a conversation goes on elsewhere; `:all` 0: the replaced answers may still be gone on with
DELETE FROM other_tip WHERE conversation = :conversation AND (:all OR former IS NULL);

-- name: add_tip — where a conversation may be gone on with besides its tip
INSERT INTO other_tip (conversation, hash, user, thread, connection, kin, rev, former, choice)
VALUES (:conversation, :hash, :user, :thread, :connection, :kin, :rev, :former, :choice);

-- name: messages — what a conversation says now, in order
SELECT id, created_at, role, body, properties FROM message
WHERE conversation = :conversation AND place IS NOT NULL ORDER BY place;

-- name: add_message — a message takes its place, or none
INSERT INTO message (
    conversation, place, id, rev, created_at, started, cut, retry, role, of_tools, chain, digest, pair, body, properties
)
VALUES (
    :conversation, :place, :id, :rev, :created_at, :started, :cut, :retry, :role, :of_tools, :chain, :digest, :pair,
    :body, :properties
);

-- name: message_id_taken — whether any standing message has an id, or another tenant's had it before it was replaced
SELECT 1 FROM message WHERE id = :id AND place IS NOT NULL
UNION ALL
SELECT 1 FROM key
JOIN message ON message.key = key.message JOIN conversation ON conversation.key = message.conversation
WHERE key.value = :id AND key.kind = 'message' AND conversation.tenant <> :tenant
LIMIT 1;

-- name: prompt — the system prompt as it stands
SELECT key, place, body FROM message WHERE conversation = :conversation AND place <= 0;

-- name: say_again — a message with its newest text
UPDATE message SET body = :body WHERE key = :key;

-- name: keep_ids — messages that are about to be replaced stay known by their ids
INSERT OR IGNORE INTO key (value, kind, message)
SELECT id, 'message', key FROM message WHERE conversation = :conversation AND place BETWEEN :first AND :last;

-- name: replace — messages give up their places
UPDATE message SET place = NULL WHERE conversation = :conversation AND place BETWEEN :first AND :last;

-- name: between — messages in some places
SELECT * FROM message WHERE conversation = :conversation AND place BETWEEN :first AND :last ORDER BY place;

-- name: up_to — what was said up to a place
SELECT * FROM message WHERE conversation = :conversation AND place BETWEEN 1 AND :place ORDER BY place;

-- name: at_place — the message at a place
SELECT * FROM message WHERE conversation = :conversation AND place = :place;

-- name: question_before — the last question before a place
SELECT digest FROM message
WHERE conversation = :conversation AND place BETWEEN 1 AND :place - 1 AND role = 'user' ORDER BY place DESC LIMIT 1;

-- name: put_back — a replaced message stands again; its id may have been given to another since
UPDATE message SET
    place = :place, chain = :chain,
    id = iif(EXISTS (SELECT 1 FROM message AS other WHERE other.id = message.id AND other.place IS NOT NULL),
             id || '~' || key, id)
WHERE key = :key;

-- name: rehash — what was before a message has changed
UPDATE message SET chain = :chain WHERE key = :key;

-- name: say_otherwise — a message says something else, and is recognised by that
UPDATE message SET body = :body, chain = :chain, digest = :digest, pair = :pair WHERE key = :key;

-- name: tell — a message's properties
UPDATE message SET properties = :properties WHERE key = :key;

-- name: times — when the messages of a conversation came, by what they end
SELECT chain, created_at FROM message
WHERE conversation = :conversation AND place BETWEEN 1 AND :place AND chain IS NOT NULL;

-- name: freed — what a client must bring again, where it has a hash
SELECT key, chain, body FROM message WHERE conversation = :conversation AND place BETWEEN 1 AND :upto;

-- name: add_key — one more thing that a message is known by
INSERT OR IGNORE INTO key (value, kind, message) VALUES (:value, :kind, :message);

-- name: exchange_seen — whether something has been made of an exchange
SELECT 1 FROM key WHERE value = :id AND kind = 'exchange';

-- ── answers that came later ─────────────────────────────────────────────────────────────────────────────────────────

-- name: answer_of_completion — the answer that an upstream gave an id, the newest of the tenant's
SELECT message.*, conversation.id AS conversation_id, conversation.rev AS conversation_rev, tip_place, tip, tenant
FROM key JOIN message ON message.key = key.message JOIN conversation ON conversation.key = message.conversation
WHERE key.value = :completion AND key.kind = 'completion' AND conversation.tenant = :tenant AND place IS NOT NULL
    AND freed = 0
ORDER BY key.message DESC LIMIT 1;

-- name: standing_from — what a conversation says now from a place on, in order
SELECT key, place, role, body FROM message WHERE conversation = :conversation AND place >= :first ORDER BY place;

-- name: tell_again — a message says more than it did
UPDATE message SET created_at = :created_at, of_tools = :of_tools, cut = 0, body = :body, properties = :properties
WHERE key = :key;

-- name: move_messages — messages move on to make room
UPDATE message SET place = place + :by WHERE conversation = :conversation AND place >= :first;

-- name: hash_again — what a message is recognised by, when it or one before it says something else
UPDATE message SET chain = :chain, digest = :digest, pair = :pair WHERE key = :key;

-- name: go_on_later — a conversation after an answer in it was told again
UPDATE conversation SET
    rev = :rev, last_place = last_place + :moved, tip_place = :tip_place, tip = iif(tip IS NULL, NULL, :tip)
WHERE key = :key;

-- ── feedback and events ─────────────────────────────────────────────────────────────────────────────────────────────

-- name: annotated_by_another — whether another tenant, or who speaks for all, has given an annotation this id
SELECT 1 FROM annotation
WHERE kind = :kind AND id = :id AND tenant <> :tenant AND :tenant <> '*' LIMIT 1;

-- name: put_annotation — feedback or an event, new or said again under its id
INSERT INTO annotation (kind, tenant, id, body, about_kind, about)
VALUES (:kind, :tenant, :id, :body, :about_kind, :about)
ON CONFLICT (kind, id, tenant) DO UPDATE SET
    body = excluded.body, about_kind = excluded.about_kind, about = excluded.about,
    message = NULL, conversation = NULL, needs_rev = NULL
RETURNING key;

-- name: any_open — whether any annotation waits for something to become known
SELECT 1 FROM annotation WHERE about IS NOT NULL AND needs_rev IS NULL LIMIT 1;

-- name: open_about — annotations that wait for something of this name
SELECT key, about_kind, about, tenant FROM annotation
WHERE about = :about AND about IS NOT NULL AND needs_rev IS NULL;

-- name: message_called — the message that goes by a name, the newest of the tenant's; "*": of anyone's
SELECT message.key, message.id, message.rev, message.conversation, conversation.sampled
FROM (
    SELECT key AS message FROM message WHERE id = :name AND place IS NOT NULL
    UNION
    SELECT message FROM key WHERE value = :name AND kind <> 'tool_call'
) AS named
JOIN message ON message.key = named.message
JOIN conversation ON conversation.key = message.conversation
WHERE :tenant IN ('*', conversation.tenant)
ORDER BY message.key DESC LIMIT 1;

-- name: conversation_with_id — the conversation that analytics knows by an id
SELECT * FROM conversation WHERE id = :id;

-- name: settle — what an annotation speaks of is known
UPDATE annotation SET message = :message, conversation = :conversation, needs_rev = :needs_rev WHERE key = :key;

-- name: annotation — one annotation, with the ids of what it speaks of
SELECT annotation.kind, annotation.tenant, annotation.body, message.id AS message_id, conversation.id AS conversation_id
FROM annotation
LEFT JOIN message ON message.key = annotation.message
LEFT JOIN conversation ON conversation.key = annotation.conversation
WHERE annotation.key = :key;

-- name: forget_note — an annotation is not to be sent
DELETE FROM outbox WHERE kind IN ('feedback', 'event') AND item = :key;

-- name: forget_annotation — nor kept, since what it speaks of is not
DELETE FROM annotation WHERE key = :key;

-- name: put_note — an annotation is to be sent once its message has arrived, or at once when it needs none
INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
VALUES (:sink, :kind, :item, iif(:waits, 'waiting', 'ready'), 1, :now, iif(:waits, NULL, :now))
ON CONFLICT (sink, kind, item) DO UPDATE SET
    wanted_rev = wanted_rev + 1,
    state = iif(state = 'leased', state, excluded.state),
    due = iif(state = 'leased', NULL, excluded.due),
    dirty_since = coalesce(dirty_since, :now),
    tries = iif(state = 'dead', 0, tries),
    first_failed_at = iif(state = 'dead', NULL, first_failed_at),
    last_failed_at = iif(state = 'dead', NULL, last_failed_at),
    last_error = iif(state = 'dead', NULL, last_error),
    dead_reason = NULL;

-- name: free_notes — annotations become due whose message the sink has acknowledged
UPDATE outbox SET state = 'ready', due = :now
WHERE sink = :sink AND kind IN ('feedback', 'event') AND state = 'waiting' AND item IN (
    SELECT annotation.key FROM annotation
    JOIN outbox AS owner
        ON owner.sink = :sink AND owner.kind = 'conversation' AND owner.item = annotation.conversation
    WHERE annotation.conversation = :conversation AND annotation.needs_rev <= owner.sent_rev
);

-- ── the outbox ──────────────────────────────────────────────────────────────────────────────────────────────────────

-- name: put_more — a conversation that the sink lacks already has a newer rev; no index has a part in that
UPDATE outbox SET wanted_rev = :rev
WHERE kind = 'conversation' AND item = :item AND sink = :sink AND state IN ('ready', 'leased') AND dirty_since IS NOT NULL;

-- name: put — a conversation has a newer rev than the sink; it waits after a failure, and while the last was just sent
INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
VALUES (:sink, 'conversation', :item, 'ready', :rev, :now, :now)
ON CONFLICT (sink, kind, item) DO UPDATE SET
    wanted_rev = excluded.wanted_rev,
    state = iif(state = 'leased', state, 'ready'),
    due = CASE
        WHEN state = 'leased' THEN NULL
        WHEN state = 'ready' AND dirty_since IS NOT NULL THEN due
        ELSE max(:now, min(coalesce(sent_at, 0), :now) + :debounce)
    END,
    dirty_since = coalesce(dirty_since, :now),
    tries = iif(state = 'dead', 0, tries),
    first_failed_at = iif(state = 'dead', NULL, first_failed_at),
    last_failed_at = iif(state = 'dead', NULL, last_failed_at),
    last_error = iif(state = 'dead', NULL, last_error),
    dead_reason = NULL;

-- name: expire_leases — rows whose holder is gone may be leased again; what he sent may be applied until `:doubt`
UPDATE outbox SET
    state = 'ready', due = iif(dirty_since IS NULL, :doubt, :now), lease_until = NULL,
    echo_at = max(coalesce(echo_at, 0), :doubt)
WHERE sink = :sink AND state = 'leased' AND lease_until <= :until;

-- name: bring_forward — rows due later than any row can be: the clock was set back since
UPDATE outbox SET due = :now WHERE sink = :sink AND state = 'ready' AND due > :latest;

-- name: hasten — what waits only because its conversation was just sent may be sent at once
UPDATE outbox SET due = :now
WHERE sink = :sink AND state = 'ready' AND due > :now AND due <= :now + :debounce
    AND dirty_since IS NOT NULL AND last_failed_at IS NULL;

-- name: lease — the right to send the rows that are due longest
UPDATE outbox SET
    state = 'leased', due = NULL, lease_until = :until, lease_token = lease_token + 1, tries = tries + 1
WHERE key IN (
    SELECT key FROM outbox WHERE sink = :sink AND state = 'ready' AND due <= :now ORDER BY due LIMIT :limit
)
RETURNING key, kind, item, wanted_rev, lease_token, tries;

-- name: next_due — when the next row is due
SELECT min(due) AS due FROM outbox WHERE sink = :sink AND state = 'ready';

-- name: send_again — a sink that has lost what it had lacks everything that is still here
UPDATE outbox SET state = 'ready', sent_rev = 0, dirty_since = :now, due = :now
WHERE sink = :sink AND state = 'sent'
    AND (kind <> 'conversation' OR item IN (SELECT key FROM conversation WHERE freed = 0));

-- name: ack — the sink has a rev, in a POST begun at `:began`; a newer one goes out next, or this one once more (an echo).
-- A doubt that ends after `:latest` is from before the clock was set back.
UPDATE outbox SET
    sent_rev = max(sent_rev, :rev),
    sent_at = :now,
    state = iif(wanted_rev > max(sent_rev, :rev) OR min(max(coalesce(echo_at, 0), :doubt), :latest) > :began, 'ready', 'sent'),
    due = CASE
        WHEN wanted_rev > max(sent_rev, :rev) THEN :now + :debounce
        WHEN min(max(coalesce(echo_at, 0), :doubt), :latest) > :began THEN min(max(coalesce(echo_at, 0), :doubt), :latest)
    END,
    echo_at = iif(
        min(max(coalesce(echo_at, 0), :doubt), :latest) > :began, min(max(coalesce(echo_at, 0), :doubt), :latest), NULL
    ),
    dirty_since = iif(wanted_rev > max(sent_rev, :rev), :now, NULL),
    lease_until = NULL, tries = 0, first_failed_at = NULL, last_failed_at = NULL, last_error = NULL
WHERE key = :key AND lease_token = :token AND state IN ('leased', 'ready')
RETURNING sink, kind, item;

-- name: postpone — try again later
UPDATE outbox SET
    state = 'ready', due = :due, lease_until = NULL, last_error = :error,
    first_failed_at = coalesce(first_failed_at, :now), last_failed_at = :now,
    echo_at = nullif(max(coalesce(echo_at, 0), :doubt), 0)
WHERE key = :key AND lease_token = :token AND state = 'leased';

-- name: hand_back — the sink takes nothing at all: that is not held against the row
UPDATE outbox SET
    state = 'ready', due = :due, lease_until = NULL, tries = tries - 1, last_error = :error, last_failed_at = :now,
    echo_at = nullif(max(coalesce(echo_at, 0), :doubt), 0)
WHERE key = :key AND lease_token = :token AND state = 'leased';

-- name: bury — set aside with the reason, unless there is a newer rev to try, or the sink has this one
UPDATE outbox SET
    state = CASE WHEN dirty_since IS NULL THEN 'sent' WHEN wanted_rev > :rev THEN 'ready' ELSE 'dead' END,
    due = iif(wanted_rev > :rev AND dirty_since IS NOT NULL, :now, NULL),
    dead_reason = iif(wanted_rev > :rev OR dirty_since IS NULL, NULL, :reason),
    echo_at = iif(dirty_since IS NULL, NULL, nullif(max(coalesce(echo_at, 0), :doubt), 0)),
    lease_until = NULL,
    last_error = iif(dirty_since IS NULL, NULL, :error),
    first_failed_at = iif(dirty_since IS NULL, NULL, coalesce(first_failed_at, :now)),
    last_failed_at = iif(dirty_since IS NULL, NULL, :now)
WHERE key = :key AND lease_token = :token AND state = 'leased'
RETURNING state;

-- name: bury_too_old — what has failed for too long is set aside
UPDATE outbox SET state = 'dead', due = NULL, dead_reason = 'too old'
WHERE sink = :sink AND state = 'ready' AND first_failed_at < :before AND dirty_since IS NOT NULL;

-- name: bury_untried — likewise what a sink that has taken nothing for so long has not even been asked for
UPDATE outbox SET state = 'dead', due = NULL, dead_reason = 'too old'
WHERE sink = :sink AND state = 'ready' AND dirty_since < :before;

-- name: bury_unknown — annotations whose message never came are set aside; those whose message is owed wait with it
UPDATE outbox SET state = 'dead', due = NULL, dead_reason = 'unknown message'
WHERE sink = :sink AND state = 'waiting' AND dirty_since < :before
    AND item IN (SELECT key FROM annotation WHERE about IS NOT NULL AND needs_rev IS NULL);

-- ── what nobody has spoken in for long ──────────────────────────────────────────────────────────────────────────────

-- name: idle — conversations that may not have changed since a rev; those whose history only we may have are kept longer.
-- Many share a rev, since a batch of records has one time: what has been looked at is told by rev and key.
SELECT conversation AS key, since, rev, tenant, thread FROM quiet JOIN conversation ON conversation.key = quiet.conversation
WHERE quiet.freed = 0 AND quiet.appended = 0 AND since < :before AND (since, conversation) > (:since, :key)
ORDER BY since, conversation LIMIT :limit;

-- name: not_quiet — somebody has spoken in a conversation since that was looked at last
UPDATE quiet SET since = :since WHERE conversation = :key;

-- name: second_answer — whether a conversation has more than one answer
SELECT 1 FROM message WHERE conversation = :key AND place IS NOT NULL AND role = 'assistant' LIMIT 1 OFFSET 1;

-- name: sends_no_history — whether a tenant has, among the newest, a conversation whose history only we may have
SELECT 1 FROM (SELECT conversation FROM quiet WHERE freed = 0 AND appended = 1 ORDER BY since DESC LIMIT 1000) AS newest
JOIN conversation ON conversation.key = newest.conversation
WHERE tenant = :tenant LIMIT 1;

-- name: forgotten — the same, whether freed or not
SELECT conversation AS key, since, rev, thread FROM quiet JOIN conversation ON conversation.key = quiet.conversation
WHERE quiet.freed = :freed AND quiet.appended = :appended AND since < :before AND (since, conversation) > (:since, :key)
ORDER BY since, conversation LIMIT :limit;

-- name: is_owed — whether any sink lacks a conversation, or something that was said of it
SELECT 1 FROM outbox WHERE kind = 'conversation' AND item = :key AND state <> 'sent'
UNION ALL
SELECT 1 FROM annotation JOIN outbox ON outbox.kind = annotation.kind AND outbox.item = annotation.key
WHERE annotation.conversation = :key AND outbox.state <> 'sent'
LIMIT 1;

-- name: free_standing — what clients bring back with their history is taken out (`rewording.CONTENT`)
UPDATE message SET body = json_remove(body, '$.content', '$.tool_calls', '$.function_call')
WHERE conversation = :key AND place IS NOT NULL AND chain IS NOT NULL;

-- name: free_replaced — of what was replaced only the ids stay
UPDATE message SET body = '{}', properties = '{}' WHERE conversation = :key AND place IS NULL;

-- name: forget_former — it cannot be gone on with any more
DELETE FROM other_tip WHERE conversation = :key AND former IS NOT NULL;

-- name: mark_freed — what was said in a conversation is not here any more; 2: nothing of it is
UPDATE conversation SET freed = :freed, tip = iif(:freed = 2, NULL, tip) WHERE key = :key;

-- name: forget_rows — what the outbox knows of a conversation that every sink has
DELETE FROM outbox WHERE (kind = 'conversation' AND item = :key)
    OR (kind IN ('feedback', 'event') AND item IN (SELECT key FROM annotation WHERE conversation = :key));

-- name: forget_annotations — what was said of a conversation
DELETE FROM annotation WHERE conversation = :key;

-- name: forget_messages — what was said in a conversation
DELETE FROM message WHERE conversation = :key;

-- name: forget_conversation — a conversation and all that hangs on it
DELETE FROM conversation WHERE key = :key;

-- ── what went wrong, and how much of everything ─────────────────────────────────────────────────────────────────────

-- name: set_aside — a record that nothing could be made of
INSERT INTO failed_exchange (at, id, reason, payload) VALUES (:now, :id, :reason, zeroblob(:size));

-- name: trim_failed — the oldest of those go, until as many and as much are left as may be
DELETE FROM failed_exchange WHERE key <= (
    SELECT max(key) FROM (
        SELECT key, row_number() OVER newest AS n, sum(length(payload)) OVER newest AS size
        FROM failed_exchange WINDOW newest AS (ORDER BY key DESC)
    ) WHERE n > :rows OR size > :bytes
);

-- name: count — a counter goes up
INSERT INTO counter (name, value) VALUES (:name, :n) ON CONFLICT (name) DO UPDATE SET value = value + :n;

-- name: counters — all counters
SELECT name, value FROM counter ORDER BY name;

-- name: depth — how much each sink lacks, by state
SELECT sink, state, count(*) AS n, min(dirty_since) AS since FROM outbox
WHERE dirty_since IS NOT NULL GROUP BY sink, state;

-- name: dead_letters — what was buried, by reason
SELECT sink, dead_reason, count(*) AS n FROM outbox WHERE dead_reason IS NOT NULL GROUP BY sink, dead_reason;

-- name: last_error — the newest error of a row that has not been delivered since, and its time
SELECT last_error, last_failed_at FROM outbox
WHERE sink = :sink AND last_failed_at IS NOT NULL ORDER BY last_failed_at DESC LIMIT 1;

-- name: failing — how many of the rows that are due, or being sent, have failed since their last success
SELECT count(*) AS n FROM outbox
WHERE sink = :sink AND last_failed_at IS NOT NULL AND state IN ('ready', 'leased') AND dirty_since IS NOT NULL;

-- name: any_failing — whether there are any
SELECT 1 FROM outbox
WHERE sink = :sink AND last_failed_at IS NOT NULL AND state IN ('ready', 'leased') AND dirty_since IS NOT NULL LIMIT 1;

-- name: some_dirty — some of the rows that are due longest, to tell how large they are
SELECT kind, item FROM outbox
WHERE sink = :sink AND state IN ('ready', 'leased') AND state <> 'sent' AND dirty_since IS NOT NULL LIMIT :limit;

-- name: failed_exchanges — how many records nothing could be made of, of what size, when the newest and the oldest came
SELECT count(*) AS n, coalesce(sum(length(payload)), 0) AS bytes, max(at) AS newest, min(at) AS oldest
FROM failed_exchange;
