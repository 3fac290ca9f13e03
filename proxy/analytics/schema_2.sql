-- Migration 2: what queries over a span of time read instead of whole tables.

-- Charts of conversations: both columns that they aggregate, so that no row is read.
CREATE INDEX conversation_by_first_message ON conversation (first_message_time, user_message_count);

CREATE INDEX feedback_by_creation ON feedback (created_at) WHERE conversation IS NOT NULL;

CREATE INDEX event_of_search ON event (created_at, project_id, search_query) WHERE entity_type = 'search';
