"""Side requests are told by their shape, and chats that speak of the same things are not."""

import pytest

from proxy.core.message import Message
from proxy.core.side import kind_of, quoted
from proxy.core.turn import Asked

CHAT = "### Chat History:\n<chat_history>\nUSER: hi\nASSISTANT: Hello\n\nto you\nUSER: how?\nASSISTANT: So\n</chat_history>"
NEXT_CHAT = (
    "Please generate a four to five word title summarizing our conversation without any lead-in, punctuation, "
    "quotation marks, periods, symbols, bold text, or additional text. Remove enclosing quotation marks."
)
LANGUAGE_AND_TITLE = (
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n"
    "2. A concise title in the detected language (5 words or less, no punctuation or quotation)"
)
RECAP = "Summarize the discussion briefly in 200 words or less to use as a prompt for future context."


def asked(*messages, **body):
    said = [Message(role, text) for role, text in messages]
    return Asked(said, "m", stream=False, n=1, user=None, metadata={}, body=body)


def task(text):
    return ("user", f"### Task:\n{text}\n### Guidelines:\n- Be brief.\n### Output:\nJSON\n{CHAT}")


SIDE = {
    "Open WebUI, title": (
        "title",
        asked(task("Generate a concise, 3-5 word title with an emoji summarizing the chat.")),
    ),
    "Open WebUI, title, newer": ("title", asked(task("Generate a concise title summarizing the chat history."))),
    "Open WebUI, tags": ("tags", asked(task("Generate 1-3 broad tags categorizing the main themes."))),
    "Open WebUI, next": ("follow_ups", asked(task("Suggest 3-5 relevant follow-up questions or prompts."))),
    "Open WebUI, next, newer": (
        "follow_ups",
        asked(
            task("Predict 3-5 useful messages this user might naturally send next to advance their current objective.")
        ),
    ),
    "Open WebUI, search": (
        "queries",
        asked(task("Analyze the chat history to determine the necessity of generating search queries")),
    ),
    "Open WebUI, typing": (
        "autocomplete",
        asked(
            ("user", "### Task:\nYou are an autocompletion system. Continue the text in `<text>`\n<type>General</type>")
        ),
    ),
    "Open WebUI, another": ("task", asked(task("Do what the administrator wrote here."))),
    "LibreChat": (
        "title",
        asked(
            (
                "user",
                "Provide a concise, 5-word-or-less title for the conversation, using its same language\nonly return the title itself",
            )
        ),
    ),
    "LibreChat, of today": (
        "title",
        asked(
            (
                "user",
                "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. "
                "Only return the title itself.\n\nConversation:\nUser: hi\nAI: Hello",
            )
        ),
    ),
    "LibreChat, with the language": ("title", asked(("user", f"{LANGUAGE_AND_TITLE}\n\nUser: hi\nAI: Hello"))),
    "LibreChat, of the first words": (
        "title",
        asked(("user", "Please generate a concise title (max 40 characters) for a conversation that starts with: hi")),
    ),
    "NextChat, title": ("title", asked(("user", "hi"), ("assistant", "Hello"), ("user", NEXT_CHAT))),
    "NextChat, recap": ("summary", asked(("user", "hi"), ("assistant", "Hello"), ("system", RECAP))),
    "crush": (
        "title",
        asked(
            ("system", "You will generate a short title based on the first message a user begins a conversation with"),
            ("user", "hi"),
            max_tokens=40,
        ),
    ),
    "opencode": (
        "title",
        asked(("system", "You are a title generator. You output ONLY a thread title."), ("user", "hi")),
    ),
    "a probe": ("probe", asked(("user", "hi"), max_tokens=1)),
}


@pytest.mark.parametrize(("kind", "request_"), SIDE.values(), ids=SIDE)
def test_side_requests(kind, request_):
    """What front ends ask for themselves has a kind."""
    assert kind_of(request_) == kind


CHATS = {
    "nothing": asked(),
    "a greeting": asked(("user", "hi")),
    "a short answer wanted": asked(("user", "Name a colour"), max_tokens=10),
    "a yes or no": asked(("user", "Is this sentence in French? Answer y or n."), max_tokens=1),
    "somebody wants a title": asked(("user", "Generate a concise, 3-5 word title for my essay on trees")),
    "somebody else does": asked(("user", "Please generate a concise title for a conversation about dogs.")),
    "a task without a chat": asked(("user", "### Task:\nSuggest 3-5 relevant follow-up questions for an interview")),
    "a task within a chat": asked(("user", "hi"), ("assistant", "Hello"), task("Generate 1-3 broad tags categorizing")),
    "a task of an agent": asked(task("Generate 1-3 broad tags categorizing"), tools=[{}]),
    "a task of somebody's own": asked(("user", "### Task:\nSum this up\n### Chat History:\nann: hi\nben: ho")),
    "a task about a page": asked(("user", "### Task:\nWhat is wrong with <type>number</type> here?")),
    "a task about tags": asked(("user", "### Task:\nExplain what <chat_history> means in this template")),
    "a title is wanted in the end": asked(("user", "hi"), ("assistant", "Hello"), ("user", LANGUAGE_AND_TITLE)),
    "a summary is wanted": asked(
        ("user", "Analyze this conversation and provide a title and the detected language of each: ann: hi")
    ),
    "the title's prompt is asked about": asked(("user", f"Why does my server get this? {LANGUAGE_AND_TITLE}")),
    "a quick yes or no": asked(("user", "Is 7 a prime?"), max_tokens=1),
    "the prompt is asked about": asked(("user", f"What does this mean? “{NEXT_CHAT}”")),
    "the recap is given": asked(("system", f"The user may say: {RECAP}"), ("user", "hi")),
    "a talk about titles": asked(
        ("system", "You are a title generator. You output ONLY a thread title."),
        *(("user", "hi"), ("assistant", "Hello"), ("user", "Another one")),
    ),
}


@pytest.mark.parametrize("request_", CHATS.values(), ids=CHATS)
def test_chats(request_):
    """What people say is a chat, also when they speak of titles and tasks."""
    assert kind_of(request_) == ""


def test_the_chat_that_is_quoted():
    """The quoted messages are read line by line, with the lines that belong to them."""
    assert quoted(asked(task("Generate"))) == [
        Message("user", "hi"),
        Message("assistant", "Hello\n\nto you"),
        Message("user", "how?"),
        Message("assistant", "So"),
    ]
    assert quoted(asked(("user", "### Task:\nno chat"))) == quoted(asked()) == []
