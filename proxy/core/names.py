"""By which names known clients, front ends and gateways say whose a request is; the defaults of `[conversation]`.

A *chat id* names one conversation. A *session id* may be shared by sub-agents and side requests, and only narrows the
search. A *trace id* is one run of something, and no more than a property. Headers in lower case; body fields as paths.
"""

from __future__ import annotations

ID_HEADERS = (
    "x-conversation-id",
    # Open WebUI with ENABLE_FORWARD_USER_INFO_HEADERS
    "x-openwebui-chat-id",
    # LibreChat's `headers: {x-…: "{{LIBRECHAT_BODY_CONVERSATIONID}}"}` has whatever name its operator chose
    "x-librechat-conversation-id",
    "x-chat-id",
    "x-thread-id",
    # Codex: root and sub-agents share session-id, the thread is the conversation
    "thread-id",
    "conversation_id",
    "x-coder-chat-id",
    "x-grok-conv-id",
)
ID_FIELDS = (
    *("conversation_id", "conversationId", "chat_id", "chatId", "thread_id", "threadId"),
    *("metadata.conversation_id", "metadata.conversationId", "metadata.convo_id"),
    *("metadata.chat_id", "metadata.chatId", "metadata.thread_id", "metadata.threadId"),
)
SESSION_HEADERS = (
    # LLMGateway, OpenRouter, llama-swap, opencode; Codex; Helicone; LiteLLM
    *("x-session-id", "session-id", "session_id", "helicone-session-id", "x-litellm-session-id"),
    # coding agents
    *("x-session-affinity", "x-opencode-session", "x-claude-code-session-id", "x-kilocode-taskid", "x-kilo-session"),
    *("x-roo-task-id", "x-continue-session-id", "x-client-session-id", "x-hermes-session-id", "x-cagent-session-id"),
    # gateways behind which we may stand
    *("agent-session-id", "x-bf-session-id"),
)
SESSION_FIELDS = (
    *("session_id", "sessionId", "litellm_session_id", "client_metadata.session_id", "tensorzero::episode_id"),
    *("metadata.session_id", "metadata.sessionId", "metadata.litellm_session_id"),
)
TRACE_HEADERS = ("x-litellm-trace-id", "x-portkey-trace-id", "x-bf-maxim-trace-id", "traceparent")
TRACE_FIELDS = ("litellm_trace_id", "metadata.trace_id")
USER_HEADERS = ("x-openwebui-user-id", "helicone-user-id", "x-litellm-end-user-id", "x-litellm-customer-id")
USER_FIELDS = ("user", "safety_identifier", "metadata.user_id")
#: JSON objects of the caller's own properties: Portkey, Cloudflare, LiteLLM, TrueFoundry.
METADATA_HEADERS = ("x-portkey-metadata", "cf-aig-metadata", "x-litellm-spend-logs-metadata", "x-tfy-metadata")
