"""Random lives of a log, for hypothesis: what is posted, posted again, judged, regenerated and deleted, and when sums are made."""

from hypothesis import strategies as st

HOUR = 3_600_000
NOW = 1_763_797_565_000
#: Near the borders of hours, days, weeks and months, and anywhere in between.
BORDERS = [1_763_769_600_000, 1_763_337_600_000, 1_761_955_200_000, NOW - NOW % HOUR]
MOMENTS = st.one_of(
    st.builds(lambda border, by: border + by, st.sampled_from(BORDERS), st.integers(-2, 2)),
    st.integers(NOW - 40 * 24 * HOUR, NOW),
    st.integers(NOW - 30 * HOUR, NOW - 25 * HOUR),
    st.integers(NOW - 3 * HOUR, NOW + HOUR),
)
IDS = st.sampled_from([f"c{n}" for n in range(3)])
MESSAGE_IDS = st.sampled_from([f"m{n}" for n in range(4)])
ODD = st.sampled_from([None, True, 0, -1, 1.5, "", "5", [], {}, 2**64 - 1])
MODELS = st.sampled_from(["gpt-4o", "llama", "ä"])
SECONDS = st.one_of(st.integers(0, 3000), st.integers(0, 2 * 10**9))


def mostly(usual):
    return st.one_of(usual, usual, usual, usual, ODD)


def some(fields):
    return st.fixed_dictionaries({}, optional=fields)


USAGE = some(
    {
        "prompt_tokens": mostly(SECONDS),
        "completion_tokens": mostly(SECONDS),
        "input_tokens": mostly(SECONDS),
        "output_tokens": mostly(SECONDS),
        "prompt_tokens_details": mostly(some({"cached_tokens": mostly(st.integers(0, 100))})),
    }
)
ANSWER_PROPERTIES = some(
    {
        "model": mostly(MODELS),
        "interrupted": mostly(st.sampled_from(["client", "upstream", "crash"])),
        "refusal": mostly(st.just(True)),
        "finishReason": mostly(st.sampled_from(["stop", "length", "content_filter"])),
        "usage": mostly(USAGE),
        "timeToFirstTokenMs": mostly(SECONDS),
        "latencyMs": mostly(SECONDS),
    }
)
TEXTS = st.sampled_from(
    [
        *("How do I log in?", "hello, how do I log in", "Where is my invoice?", "hi", "", "a = b\x00c", "🙂"),
        *("How do I reset the password of my account?", "reset account password", "ACCOUNT: the password", "Größe"),
    ]
)
LINKS = st.lists(
    st.fixed_dictionaries(
        {
            "url": st.sampled_from(
                ["https://a.example/x", "https://a.example/x#y", "http://b.example", "javascript:x", "/"]
            )
        },
        optional={"title": st.sampled_from(["One", "Two"])},
    ),
    max_size=2,
)
REASONS = st.lists(
    st.fixed_dictionaries({"label": st.sampled_from(["inaccurate", "", "ä"]), "details": st.just("")}), max_size=2
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "user", "assistant", "assistant", "system"]),
            "content": TEXTS,
            "createdAt": MOMENTS,
        },
        optional={"id": MESSAGE_IDS, "properties": ANSWER_PROPERTIES, "links": LINKS},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda message: message.get("id", id(message)),
)
PROPERTIES = some(
    {
        "model": mostly(MODELS),
        "endpoint": mostly(st.sampled_from(["chat", "responses"])),
        "kind": st.sampled_from(["title", "", None, "tags"]),
        "source": mostly(st.sampled_from(["docs", "app"])),
    }
)
USERS = some({"userId": mostly(st.sampled_from(["ann", "bob", "5"])), "id": mostly(st.sampled_from(["cid", 5]))})
STEPS = st.one_of(
    *[
        st.tuples(
            st.just("log"),
            st.fixed_dictionaries(
                {"id": IDS, "messages": MESSAGES}, optional={"properties": PROPERTIES, "user": USERS}
            ),
        )
    ]
    * 4,
    st.tuples(
        st.just("thumb"),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["positive", "negative"]), "messageId": MESSAGE_IDS, "id": st.sampled_from("fgh")},
            optional={"reasons": REASONS},
        ),
    ),
    st.tuples(
        st.just("event"),
        st.fixed_dictionaries(
            {
                "id": st.sampled_from("xyz"),
                "type": st.sampled_from(["message:regenerated", "copied"]),
                "conversationId": IDS,
            }
        ),
    ),
    st.tuples(
        st.just("search"),
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    ["search_query_submitted", "searched", "search_query_response_received", "search_result_clicked"]
                ),
                "searchQuery": TEXTS.filter(bool),
                "createdAt": MOMENTS,
            }
        ),
    ),
    st.tuples(st.just("delete"), IDS),
    st.tuples(st.just("undo"), st.sampled_from("fgh")),
    st.tuples(st.just("forget"), MOMENTS),
    *[st.tuples(st.just("sum"), st.none())] * 4,
)
LIVES = st.lists(STEPS, min_size=1, max_size=16)
UNITS = st.sampled_from(["hour", "day", "week", "month"])
#: Mostly all of it: what is kept is used, then.
WHOLE = st.just([NOW - 60 * 24 * HOUR, NOW + 2 * HOUR])
SPANS = st.one_of(WHOLE, WHOLE, st.tuples(MOMENTS, MOMENTS).map(sorted).filter(lambda span: span[0] < span[1]))
