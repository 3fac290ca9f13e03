"""Random logs and random questions about them, for hypothesis."""

from hypothesis import strategies as st

from tests.analytics.evaluator import FIELDS, JSON_FIELDS, TIMES

#: Few of each, so that groups have members and filters meet what is there.
WORDS = st.sampled_from(
    ["a", "b", "A", "", "ä", "5", "5.0", "-1.5e3", "true", "null", "🙂", 'q"\\', "x\x00y", "' OR 1=1"]
)
#: Mostly one, so that paths lead somewhere.
KEYS = st.sampled_from(["a", "a", "a", "a", "b", "source", "userId", 'k"', "a.b", "", "$", "\x00"])
NUMBERS = st.one_of(st.integers(-3, 6), st.sampled_from([0.5, 2.0, -1.25, 1e18, 2**53 + 1]))
SCALARS = st.one_of(WORDS, NUMBERS, st.booleans())
JSON = st.recursive(
    st.one_of(SCALARS, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.one_of(
    st.fixed_dictionaries({"a": SCALARS}),
    st.fixed_dictionaries({"a": JSON}),
    st.dictionaries(KEYS, JSON, max_size=4),
    st.none(),
)
MOMENTS = st.one_of(
    st.sampled_from([0, -1, 3_600_000, 1_763_797_565_000, 1_761_955_200_000, -62_135_596_800_000, 253_402_300_799_999]),
    st.integers(1_760_000_000_000, 1_765_000_000_000),
    st.integers(-(10**12), 10**12),
)
PROJECTS = st.sampled_from([None, "p1", "p2"])
TYPES = st.sampled_from(["openai", "support_ticket", "support_copilot"])
TICKET = st.fixed_dictionaries({"role": st.sampled_from(["user", "agent"]), "content": WORDS, "createdAt": MOMENTS})
CONVERSATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["support_ticket", "support_copilot"]),
            "messages": st.lists(TICKET, min_size=1, max_size=3),
            "projectId": PROJECTS,
            "integrationId": PROJECTS,
            "properties": OBJECTS,
            "userProperties": OBJECTS,
        }
    ),
    max_size=6,
)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["copied", "shared"]),
            "entityType": st.just("search"),
            "searchQuery": WORDS,
            "createdAt": MOMENTS,
            "projectId": PROJECTS,
            "integrationId": PROJECTS,
            "properties": OBJECTS,
            "userProperties": OBJECTS,
        }
    ),
    max_size=6,
)
FEEDBACK = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["positive", "negative"]),
            "messageId": st.sampled_from(["m0", "m1", "m2", "never"]),
            "createdAt": MOMENTS,
            "updatedAt": MOMENTS,
            "details": st.one_of(st.none(), WORDS),
            "reasons": st.one_of(
                st.none(), st.lists(st.fixed_dictionaries({"label": WORDS, "details": WORDS}), max_size=2)
            ),
            "sources": st.one_of(st.none(), st.lists(st.fixed_dictionaries({"title": WORDS}), max_size=2)),
            "properties": OBJECTS,
            "userProperties": OBJECTS,
        }
    ),
    max_size=6,
)
PATHS = st.one_of(st.just(["a"]), st.just(["a"]), st.lists(KEYS, min_size=1, max_size=2))
UNITS = st.sampled_from(["hour", "day", "week", "month"])


def moments_said():
    return MOMENTS.flatmap(lambda at: st.sampled_from([at, said(at)]))


def said(at):
    from tests.analytics.evaluator import EPOCH, timedelta

    return (EPOCH + timedelta(milliseconds=at)).isoformat()


@st.composite
def sources(draw, view):
    """A field, with a path where it is JSON."""
    field = draw(st.sampled_from(FIELDS[view]))
    return {"field": field} | ({"path": draw(PATHS)} if field in JSON_FIELDS and draw(st.booleans()) else {})


@st.composite
def selections(draw, view):
    kind = draw(st.sampled_from(["field", "time", "aggregation", "aggregation"]))
    if kind == "field":
        return {"type": kind} | draw(sources(view))
    if kind == "time":
        field = draw(st.sampled_from([None, *(name for name in FIELDS[view] if name in TIMES)]))
        return {"type": kind, "timeUnit": draw(UNITS)} | ({"field": field} if field else {})
    how = draw(st.sampled_from(["count", "count", "countDistinct", "sum", "avg", "min", "max"]))
    if how == "count" and draw(st.booleans()):
        return {"type": kind, "aggregation": how}
    if how in ("count", "countDistinct"):
        return {"type": kind, "aggregation": how} | draw(sources(view))
    numeric = [{"field": "properties", "path": draw(PATHS)}]
    numeric += [{"field": "userMessageCount"}] if view == "conversations" else []
    numeric += [{"field": name} for name in FIELDS[view] if name in TIMES and how in ("min", "max")]
    return {"type": kind, "aggregation": how} | draw(st.sampled_from(numeric))


@st.composite
def conditions(draw, view):
    field = draw(st.sampled_from([*FIELDS[view], *["properties"] * 8]))
    if field not in JSON_FIELDS:
        values = moments_said() if field in TIMES else NUMBERS if field == "userMessageCount" else WORDS | PROJECTS
        return {"field": field} | draw(comparisons(values))
    path = draw(PATHS)
    if draw(st.sampled_from([True, True, False])):
        made = draw(comparisons(SCALARS))
        return {"field": field} | made | {"value": {"path": path, "value": made.get("value")}}
    operator, value = draw(
        st.sampled_from(
            [
                ("arrayContains", st.one_of(SCALARS, st.lists(SCALARS, max_size=2))),
                ("jsonContains", JSON.filter(lambda value: value is not None)),
                ("jsonContainedBy", JSON.filter(lambda value: value is not None)),
                ("jsonHasKey", KEYS),
                ("jsonHasAnyKey", st.lists(KEYS, max_size=2)),
                ("jsonHasAllKeys", st.lists(KEYS, max_size=2)),
                ("jsonArrayContainsObject", st.dictionaries(st.sampled_from(["label", "a"]), WORDS, max_size=1)),
            ]
        )
    )
    wanted = draw(value)
    return {
        "field": field,
        "operator": operator,
        "value": draw(st.sampled_from([wanted, {"path": path, "value": wanted}])),
    }


@st.composite
def comparisons(draw, values):
    operator = draw(st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte", "in", "notIn", "isNull", "isNotNull"]))
    if operator in ("isNull", "isNotNull"):
        return {"operator": operator}
    if operator in ("in", "notIn"):
        return {"operator": operator, "value": draw(st.lists(values | st.none(), max_size=3))}
    some = values if operator in ("eq", "neq") else values.filter(lambda one: one is not None and type(one) is not bool)
    return {"operator": operator, "value": draw(some)}


def filters(view):
    one = st.builds(lambda one: {"condition": one}, conditions(view))
    more = st.recursive(
        one,
        lambda inner: st.builds(
            lambda kind, parts: {kind: parts}, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3)
        ),
        max_leaves=5,
    )
    return one | one | more


@st.composite
def bodies(draw, view):
    """A body that is right."""
    body = {}
    if draw(st.booleans()):
        body["select"] = draw(st.lists(selections(view), max_size=4))
    if draw(st.booleans()):
        shown = st.sampled_from([{}, {"includeInSelect": False}, {"includeInSelect": True}])
        body["groupBy"] = [one | draw(shown) for one in draw(st.lists(sources(view), max_size=2))]
    if draw(st.sampled_from([True, True, False])):
        body["where"] = draw(filters(view))
    keys = orderable(view, body)
    if keys and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(keys), max_size=2))
        body["orderBy"] = [{"field": key, "direction": draw(st.sampled_from(["asc", "desc"]))} for key in chosen]
    if draw(st.integers(0, 3)) == 0:
        body |= {"limit": draw(st.integers(0, 4)), "offset": draw(st.integers(0, 4))}
    return body


def orderable(view, body):
    """Keys that the result can be ordered by."""
    from tests.analytics.evaluator import key_of, selected

    found = [selected(view, one) for one in body.get("select") or []]
    found += [("value", one["field"], tuple(one.get("path") or ()), None) for one in body.get("groupBy") or []]
    is_grouped = bool(body.get("groupBy")) or any(what[0] == "aggregate" for what in found)
    if not is_grouped:
        found += [("value", name, (), None) for name in FIELDS[view]]
    first = {}
    for what in found:
        first.setdefault(key_of(what), what)
    return [key for key, what in first.items() if not (what[0] == "value" and what[1] in JSON_FIELDS and not what[2])]
