-- Every statement of the recorder and the courier, by name. `:now` and all times are unix milliseconds.

-- ── journal position ────────────────────────────────────────────────────────────────────────────────────────────────

-- name: position — how far a source has been made use of, and what was begun behind it
SELECT segment, offset, tries FROM position WHERE source = :source;

-- name: move_position — a source has been made use of up to here
INSERT INTO position (source, segment, offset, tries) VALUES (:source, :segment, :offset, :tries)
ON CONFLICT (source) DO UPDATE SET segment = excluded.segment, offset = excluded.offset, tries = excluded.tries;

-- ── whose conversation is it ────────────────────────────────────────────────────────────────────────────────────────

-- name: conversation_named — the tenant's conversation that goes by a name: given by the client, or our own
SELECT * FROM conversation
WHERE (tenant = :tenant AND given = :name) OR (id = :name AND tenant = :tenant)
ORDER BY given IS NULL LIMIT 1;

-- name: newest_of_user_on_line — the newest conversation with a tip, of a user, on a client connection
SELECT * FROM conversation WHERE key = (
    SELECT key FROM conversation
    WHERE tenant = :tenant AND tip = :tip AND user = :user AND connection = :connection ORDER BY rev DESC LIMIT 1
);

-- name: newest_of_user — the newest conversation with a tip, of a user
SELECT * FROM conversation WHERE key = (
    SELECT key FROM conversation
    WHERE tenant = :tenant AND tip = :tip AND user = :user ORDER BY rev DESC LIMIT 1
);

-- name: newest_on_line — the newest conversation with a tip, on a client connection
SELECT * FROM conversation WHERE key = (
    SELECT key FROM conversation
    WHERE tenant = :tenant AND tip = :tip AND connection = :connection ORDER BY rev DESC LIMIT 1
);

-- name: newest — the newest conversation with a tip
SELECT * FROM conversation WHERE key = (
    SELECT key FROM conversation
    WHERE tenant = :tenant AND tip = :tip ORDER BY rev DESC LIMIT 1
);

-- name: standing — what a conversation is recognised by, in order
SELECT place, chain, digest FROM message
WHERE conversation = :conversation AND place > 0 AND chain IS NOT NULL ORDER BY place;

-- name: message_known_by — the tenant's newest message of an id that somebody else gave it
SELECT body FROM key JOIN message ON message.key = key.message JOIN conversation ON conversation.key = message.conversation
WHERE value = :value AND kind = :kind AND tenant = :tenant ORDER BY message.key DESC LIMIT 1;

-- ── conversations and their messages ────────────────────────────────────────────────────────────────────────────────

-- name: conversation — one conversation
SELECT * FROM conversation WHERE key = :key;

-- name: begin_conversation — a new one, still without messages
INSERT INTO conversation (id, tenant, given, user, connection, created_at, rev, sampled, properties, user_properties)
VALUES (:id, :tenant, :given, '', '', :created_at, 0, :sampled, '{}', '{}')
RETURNING *;

-- name: go_on — a conversation after an exchange
UPDATE conversation SET
    user = :user, connection = :connection, rev = :rev, last_place = :last_place, tip_place = :tip_place, tip = :tip,
    appended = max(appended, :appended), properties = :properties, user_properties = :user_properties
WHERE key = :key;

-- name: messages — what a conversation says now, in order
SELECT id, created_at, body, properties FROM message
WHERE conversation = :conversation AND place IS NOT NULL ORDER BY place;

-- name: add_message — a message takes its place
INSERT INTO message (conversation, place, id, rev, created_at, chain, digest, pair, body, properties)
VALUES (:conversation, :place, :id, :rev, :created_at, :chain, :digest, :pair, :body, :properties)
RETURNING key;

-- name: message_id_taken — whether any standing message has an id
SELECT 1 FROM message WHERE id = :id AND place IS NOT NULL;

-- name: prompt — the system prompt as it stands
SELECT key, place, body FROM message WHERE conversation = :conversation AND place <= 0;

-- name: say_again — a system prompt with its newest text
UPDATE message SET body = :body WHERE key = :key;

-- name: keep_ids — messages that are about to be replaced stay known by their ids
INSERT OR IGNORE INTO key (value, kind, message)
SELECT id, 'message', key FROM message WHERE conversation = :conversation AND place BETWEEN :first AND :last;

-- name: replace — messages give up their places
UPDATE message SET place = NULL WHERE conversation = :conversation AND place BETWEEN :first AND :last;

-- name: add_key — one more thing that a message is known by
INSERT OR IGNORE INTO key (value, kind, message) VALUES (:value, :kind, :message);

-- name: exchange_seen — whether something has been made of an exchange
SELECT 1 FROM key WHERE value = :id AND kind = 'exchange';

-- ── answers that came later ─────────────────────────────────────────────────────────────────────────────────────────

-- name: answer_of_completion — the answer that an upstream gave an id, the newest of the tenant's
SELECT message.*, conversation.id AS conversation_id, conversation.rev AS conversation_rev, tip_place, tip
FROM key JOIN message ON message.key = key.message JOIN conversation ON conversation.key = message.conversation
WHERE key.value = :completion AND key.kind = 'completion' AND conversation.tenant = :tenant AND place IS NOT NULL
ORDER BY message.key DESC LIMIT 1;

-- name: standing_messages — what a conversation says now and is recognised by, without its system prompt, in order
SELECT key, place, id, chain, body FROM message WHERE conversation = :conversation AND place > 0 ORDER BY place;

-- name: tell_again — a message says more than it did
UPDATE message SET created_at = :created_at, body = :body, properties = :properties WHERE key = :key;

-- name: move_messages — messages move on to make room
UPDATE message SET place = place + :by WHERE conversation = :conversation AND place >= :first;

-- name: hash_again — what a message is recognised by, when it or one before it says something else
UPDATE message SET chain = :chain, digest = :digest, pair = :pair WHERE key = :key;

-- name: go_on_later — a conversation after an answer in it was told again
UPDATE conversation SET rev = :rev, last_place = last_place + :moved, tip_place = :tip_place, tip = :tip
WHERE key = :key;

-- ── feedback and events ─────────────────────────────────────────────────────────────────────────────────────────────

-- name: put_annotation — feedback or an event, new or said again under its id
INSERT INTO annotation (kind, tenant, id, body, about_kind, about)
VALUES (:kind, :tenant, :id, :body, :about_kind, :about)
ON CONFLICT (kind, tenant, id) DO UPDATE SET
    body = excluded.body, about_kind = excluded.about_kind, about = excluded.about,
    message = NULL, conversation = NULL, needs_rev = NULL
RETURNING key;

-- name: any_open — whether any annotation waits for something to become known
SELECT 1 FROM annotation WHERE about IS NOT NULL AND needs_rev IS NULL LIMIT 1;

-- name: open_about — annotations that wait for something of this name
SELECT key, about_kind, about, tenant FROM annotation
WHERE about = :about AND about IS NOT NULL AND needs_rev IS NULL;

-- name: message_called — the message that goes by a name, the newest of the tenant's; no tenant: of anyone's
SELECT message.key, message.id, message.rev, message.conversation
FROM (
    SELECT key AS message FROM message WHERE id = :name AND place IS NOT NULL
    UNION
    SELECT message FROM key WHERE value = :name AND kind <> 'tool_call'
) AS named
JOIN message ON message.key = named.message
JOIN conversation ON conversation.key = message.conversation
WHERE :tenant = '' OR conversation.tenant = :tenant
ORDER BY message.key DESC LIMIT 1;

-- name: conversation_with_id — the conversation that analytics knows by an id
SELECT * FROM conversation WHERE id = :id;

-- name: settle — what an annotation speaks of is known
UPDATE annotation SET message = :message, conversation = :conversation, needs_rev = :needs_rev WHERE key = :key;

-- name: annotation — one annotation, with the ids of what it speaks of
SELECT annotation.kind, annotation.body, message.id AS message_id, conversation.id AS conversation_id
FROM annotation
LEFT JOIN message ON message.key = annotation.message
LEFT JOIN conversation ON conversation.key = annotation.conversation
WHERE annotation.key = :key;

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

-- name: put — a conversation has a newer rev than the sink
INSERT INTO outbox (sink, kind, item, state, wanted_rev, dirty_since, due)
VALUES (:sink, 'conversation', :item, 'ready', :rev, :now, :now)
ON CONFLICT (sink, kind, item) DO UPDATE SET
    wanted_rev = excluded.wanted_rev,
    state = iif(state = 'leased', state, 'ready'),
    due = CASE state WHEN 'leased' THEN NULL WHEN 'ready' THEN due ELSE :now END,
    dirty_since = coalesce(dirty_since, :now),
    tries = iif(state = 'dead', 0, tries),
    first_failed_at = iif(state = 'dead', NULL, first_failed_at),
    dead_reason = NULL;

-- name: expire_leases — rows whose holder is gone may be leased again
UPDATE outbox SET state = 'ready', due = :now, lease_until = NULL
WHERE sink = :sink AND state = 'leased' AND lease_until <= :until;

-- name: bring_forward — rows due later than any row can be: the clock was set back since
UPDATE outbox SET due = :now WHERE sink = :sink AND state = 'ready' AND due > :latest;

-- name: lease — the right to send the rows that are due longest
UPDATE outbox SET
    state = 'leased', due = NULL, lease_until = :until, lease_token = lease_token + 1, tries = tries + 1
WHERE key IN (
    SELECT key FROM outbox WHERE sink = :sink AND state = 'ready' AND due <= :now ORDER BY due LIMIT :limit
)
RETURNING key, kind, item, wanted_rev, lease_token, tries;

-- name: next_due — when the next row is due
SELECT min(due) AS due FROM outbox WHERE sink = :sink AND state = 'ready';

-- name: send_again — a sink that has lost what it had lacks everything
UPDATE outbox SET state = 'ready', sent_rev = 0, dirty_since = :now, due = :now WHERE sink = :sink AND state = 'sent';

-- name: ack — the sink has a rev; a newer one goes out next
UPDATE outbox SET
    sent_rev = max(sent_rev, :rev),
    state = iif(wanted_rev > max(sent_rev, :rev), 'ready', 'sent'),
    due = iif(wanted_rev > max(sent_rev, :rev), :now, NULL),
    dirty_since = iif(wanted_rev > max(sent_rev, :rev), :now, NULL),
    lease_until = NULL, tries = 0, first_failed_at = NULL, last_failed_at = NULL, last_error = NULL
WHERE key = :key AND lease_token = :token AND state IN ('leased', 'ready')
RETURNING sink, kind, item;

-- name: postpone — try again later
UPDATE outbox SET
    state = 'ready', due = :due, lease_until = NULL, last_error = :error,
    first_failed_at = coalesce(first_failed_at, :now), last_failed_at = :now
WHERE key = :key AND lease_token = :token AND state = 'leased';

-- name: bury — set aside with the reason, unless there is a newer rev to try
UPDATE outbox SET
    state = iif(wanted_rev > :rev, 'ready', 'dead'),
    due = iif(wanted_rev > :rev, :now, NULL),
    dead_reason = iif(wanted_rev > :rev, NULL, :reason),
    lease_until = NULL, last_error = :error, first_failed_at = coalesce(first_failed_at, :now), last_failed_at = :now
WHERE key = :key AND lease_token = :token AND state = 'leased';

-- name: bury_too_old — what has failed for too long is set aside
UPDATE outbox SET state = 'dead', due = NULL, dead_reason = 'too old'
WHERE sink = :sink AND state = 'ready' AND first_failed_at < :before;

-- name: bury_unknown — annotations whose message never came are set aside
UPDATE outbox SET state = 'dead', due = NULL, dead_reason = 'unknown message'
WHERE sink = :sink AND state = 'waiting' AND state <> 'sent' AND dirty_since < :before;

-- ── what went wrong, and how much of everything ─────────────────────────────────────────────────────────────────────

-- name: set_aside — a record that nothing could be made of
INSERT INTO failed_exchange (at, id, reason, payload) VALUES (:now, :id, :reason, :payload);

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
SELECT sink, state, count(*) AS n, min(dirty_since) AS since FROM outbox WHERE state <> 'sent' GROUP BY sink, state;

-- name: dead_letters — what was buried, by reason
SELECT sink, dead_reason, count(*) AS n FROM outbox WHERE state = 'dead' AND state <> 'sent'
GROUP BY sink, dead_reason;

-- name: last_error — the newest error of a row that is still to be delivered, and its time
SELECT last_error, last_failed_at FROM outbox
WHERE sink = :sink AND last_failed_at IS NOT NULL ORDER BY last_failed_at DESC LIMIT 1;

-- name: failing — how many of the rows that are due, or being sent, have failed since their last success
SELECT count(*) AS n FROM outbox
WHERE sink = :sink AND last_failed_at IS NOT NULL AND state IN ('ready', 'leased');

-- name: some_dirty — some of the rows that are due longest, to tell how large they are
SELECT kind, item FROM outbox WHERE sink = :sink AND state IN ('ready', 'leased') LIMIT :limit;

-- name: failed_exchanges — how many records nothing could be made of, of what size, and when the newest came
SELECT count(*) AS n, coalesce(sum(length(payload)), 0) AS bytes, max(at) AS newest FROM failed_exchange;
