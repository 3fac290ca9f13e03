// What the official SDK asks: queries of every view, an export, names and values of properties, and what was searched for.
import { gives, has, isText, refuses, sdk, sdkWith } from "./inkeep_asked.mjs";

const count = { type: "aggregation", aggregation: "count" };
const of = (field, operator, value) => ({ condition: { field, operator, value } });
const ours = of("projectId", "eq", "sdk");
const rows = (...result) => ({
  status: "ok",
  data: { result, total: result.length, count: result.length, pageSize: 1000 },
});
const some = { status: "ok", data: { result: (list) => list.length > 0, total: (total) => total > 0 } };

async function ofConversations() {
  const query = (body, expected) => gives("query.conversations", () => sdk.query.conversations(body), expected);
  const source = { field: "properties", path: ["source"] };
  const on = (operator, value) =>
    query(
      { select: [count], where: { and: [ours, of("properties", operator, value)] } },
      (answer) => answer.data.result[0].count > 0,
    );
  const day = { type: "time", timeUnit: "day", field: "firstMessageTime" };
  const one = { and: [ours, of("id", "eq", "c/1 ü")] };
  await query({}, some);
  await query(
    { where: one },
    rows({
      id: "c/1 ü",
      userMessageCount: 1,
      projectId: "sdk",
      type: "openai",
      properties: { n: 1 },
      userProperties: { userId: "u1" },
      firstMessageTime: new Date("2026-11-02T10:00:00.500Z"),
    }),
  );
  await query(
    {
      select: [day, { ...count, field: "id" }, { type: "aggregation", aggregation: "sum", field: "userMessageCount" }],
      where: one,
    },
    rows({ firstMessageTimeDay: "2026-11-02T00:00:00.000Z", countId: 1, sumUserMessageCount: 1 }),
  );
  for (const [timeUnit, key, start] of [
    ["hour", "Hour", "2026-11-02T10:00"],
    ["week", "Week", "2026-11-02T00:00"],
    ["month", "Month", "2026-11-01T00:00"],
  ])
    await query(
      { select: [{ type: "time", timeUnit, field: "firstMessageTime" }], where: one },
      rows({ [`firstMessageTime${key}`]: `${start}:00.000Z` }),
    );
  await query(
    { select: [count], groupBy: [source], where: { and: [ours, of("properties", "isNotNull", { path: ["source"] })] } },
    (answer) =>
      answer.data.result.some((row) => row.additionalProperties["properties.source"] === "docs" && row.count === 1),
  );
  await query(
    {
      select: [{ type: "aggregation", aggregation: "countDistinct", field: "userProperties", path: ["userId"] }],
      where: ours,
    },
    rows({ countDistinctUserPropertiesUserId: 1 }),
  );
  await query(
    {
      select: ["min", "max", "avg", "sum"].map((aggregation) => ({
        type: "aggregation",
        aggregation,
        field: "userMessageCount",
      })),
      where: one,
    },
    rows({ minUserMessageCount: 1, maxUserMessageCount: 1, avgUserMessageCount: 1, sumUserMessageCount: 1 }),
  );
  await query(
    {
      select: ["sum", "avg", "min", "countDistinct"].map((aggregation) => ({
        type: "aggregation",
        aggregation,
        field: "properties",
        path: ["n"],
      })),
      where: one,
    },
    rows({
      additionalProperties: {
        "sum_properties.n": 1,
        "avg_properties.n": 1,
        "min_properties.n": 1,
        "countDistinct_properties.n": 1,
      },
    }),
  );
  await query(
    { groupBy: [{ field: "integrationId", includeInSelect: false }], select: [count], where: one },
    rows({ count: 1, integrationId: undefined }),
  );
  await query(
    { select: [{ type: "field", field: "id" }], where: ours, orderBy: [{ field: "id", direction: "desc" }] },
    (answer) =>
      answer.data.result.map(({ id }) => id).join() ===
      answer.data.result
        .map(({ id }) => id)
        .sort()
        .reverse()
        .join(),
  );
  await query(
    { select: [{ type: "field", field: "userProperties", path: ["userId"] }], where: one },
    rows({ userPropertiesUserId: "u1" }),
  );
  await query(
    { select: [count], where: { or: [of("type", "in", ["support_ticket", "support_copilot"])] } },
    (answer) => answer.data.result[0].count >= 2,
  );
  await query({ select: [count], where: { and: [ours, of("type", "notIn", ["openai"])] } }, rows({ count: 2 }));
  for (const [operator, value] of [
    ["eq", { path: ["n"], value: 1 }],
    ["neq", { path: ["n"], value: 2 }],
    ["gte", { path: ["n"], value: 1 }],
    ["lt", { path: ["n"], value: 2 }],
    ["gt", { path: ["n"], value: 0 }],
    ["lte", { path: ["n"], value: 1 }],
    ["isNull", { path: ["nowhere"], value: null }],
    ["jsonContains", { source: "docs" }],
    ["jsonContainedBy", { source: "docs", n: 1, nested: { a: [1, null] } }],
    ["jsonHasKey", "nested"],
    ["jsonHasAnyKey", ["no", "n"]],
    ["jsonHasAllKeys", ["source", "n"]],
    ["arrayContains", { path: ["nested", "a"], value: 1 }],
  ])
    await on(operator, value);
  await refuses("query.conversations", "BadRequest", 400, () => sdk.query.conversations({ notes: "x".repeat(81) }));
  await refuses("query.conversations", "BadRequest", 400, () =>
    sdk.query.conversations({ where: of("userMessageCount", "eq", "many") }),
  );
  await refuses("query.conversations", "Forbidden", 403, () => sdkWith(process.env.WEB_KEY).query.conversations({}));
  await refuses("query.conversations", "Unauthorized", 401, () => sdkWith("sk-wrong").query.conversations({}));
}

async function ofEvents() {
  const query = (body, expected) => gives("query.queryEvents", () => sdk.query.queryEvents(body), expected);
  await query({}, some);
  await query(
    { where: of("id", "eq", "e/1") },
    rows({
      id: "e/1",
      eventType: "message",
      type: "message:code_snippet:copied",
      messageId: "c1-a",
      conversationId: "c/1 ü",
      properties: { n: "1" },
    }),
  );
  await query(
    { select: [count], groupBy: [{ field: "type" }], where: { and: [ours, of("searchQuery", "isNotNull")] } },
    rows({ type: "search_query_submitted", count: 3 }),
  );
  await query(
    {
      select: [{ type: "time", timeUnit: "week", field: "createdAt" }, count],
      where: { and: [ours, of("eventType", "eq", "search")] },
      orderBy: [{ field: "createdAt_week", direction: "desc" }],
    },
    rows(
      { createdAtWeek: "2026-11-09T00:00:00.000Z", count: 1 },
      { createdAtWeek: "2026-11-02T00:00:00.000Z", count: 2 },
    ),
  );
  await query({ select: [count], where: of("createdAt", "lt", "1990-01-01T00:00:00Z") }, rows({ count: 0 }));
  await refuses("query.queryEvents", "BadRequest", 400, () =>
    sdk.query.queryEvents({ where: of("createdAt", "gte", "today") }),
  );
}

async function ofFeedback() {
  const query = (body, expected) => gives("query.queryFeedback", () => sdk.query.queryFeedback(body), expected);
  await query({}, some);
  await query(
    { where: of("id", "eq", "f/1") },
    rows({
      id: "f/1",
      type: "positive",
      messageId: "c1-a",
      conversationId: "c/1 ü",
      projectId: "sdk",
      reasons: [{ label: "inaccurate_statement", details: "no" }],
    }),
  );
  await query({ select: [count], groupBy: [{ field: "type" }], where: ours }, rows({ type: "positive", count: 3 }));
  await query({ select: [count], where: of("reasons", "arrayContains", "wrong") }, rows({ count: (n) => n >= 0 }));
  await refuses("query.queryFeedback", "BadRequest", 400, () =>
    sdk.query.queryFeedback({ select: [{ type: "aggregation", aggregation: "sum", field: "id" }] }),
  );
}

async function ofThreads() {
  const threads = "query.querySemanticThreads",
    file = "query.exportSemanticThreadsQueryResults";
  await gives(threads, () => sdk.query.querySemanticThreads({}), {
    status: "ok",
    data: { count: (n) => n >= 0, result: Array.isArray },
  });
  await gives(threads, () => sdk.query.querySemanticThreads({ select: [count], query: "sso" }), {
    data: { result: has(1) },
  });
  await refuses(threads, "Forbidden", 403, () => sdkWith(process.env.WEB_KEY).query.querySemanticThreads({}));
  await gives(
    file,
    async () => new Response(await sdk.query.exportSemanticThreadsQueryResults({})).text(),
    (csv) => csv.startsWith("id,"),
  );
  await refuses(file, "Unauthorized", 401, () => sdkWith("sk-wrong").query.exportSemanticThreadsQueryResults({}));
}

async function ofNames() {
  const keys = (body, expected) =>
    gives("query.queryPropertyKeys", () => sdk.query.queryPropertyKeys(body), { results: expected });
  const values = (body, expected) =>
    gives("query.queryPropertyValues", () => sdk.query.queryPropertyValues(body), { results: expected });
  const views = ["conversations_view"];
  await keys({ field: "properties" }, (list) => ["source", "n", "nested", "page"].every((key) => list.includes(key)));
  await keys({ field: "properties", views, where: of("id", "eq", "c/1 ü") }, ["n", "nested", "source"]);
  await keys({ field: "userProperties", views, where: ours }, ["plan", "userId"]);
  await values({ field: "properties", key: "source", views, where: ours }, ["docs", "teelog"]);
  await values({ field: "properties", key: "n", views, where: ours, limit: 1 }, ["1"]);
  await values({ field: "userProperties", key: "id", views: ["events_view"], where: ours }, ["u1", "u2"]);
  await refuses("query.queryPropertyKeys", "Forbidden", 403, () =>
    sdkWith(process.env.WEB_KEY).query.queryPropertyKeys({ field: "properties" }),
  );
  await refuses("query.queryPropertyValues", "Unauthorized", 401, () =>
    sdkWith("sk-wrong").query.queryPropertyValues({ field: "properties", key: "n" }),
  );
}

async function ofSearches() {
  const after = "2026-11-01",
    top = "topSearchQueries",
    weekly = "weeklySearchUsers",
    projectId = "sdk";
  await gives(top, () => sdk.topSearchQueries({}), {
    data: { result: ([first]) => isText(first.searchQuery) && isText(first.count) },
  });
  await gives(top, () => sdk.topSearchQueries({ after, projectId }), {
    data: {
      total: 2,
      result: [
        { searchQuery: "sso", count: "2" },
        { searchQuery: "api", count: "1" },
      ],
    },
  });
  await gives(top, () => sdk.topSearchQueries({ projectId: "another's" }), { data: { total: 0, result: [] } });
  await refuses(top, "BadRequest", 400, () => sdk.topSearchQueries({ after: "last week" }));
  await gives(weekly, () => sdk.weeklySearchUsers({ after, projectId }), {
    data: {
      result: [
        { week: "2026-11-02T00:00:00.000Z", uniqueUsers: "1" },
        { week: "2026-11-09T00:00:00.000Z", uniqueUsers: "1" },
      ],
    },
  });
  await gives(weekly, () => sdk.weeklySearchUsers({ after: "2027-01-01T00:00:00+02:00" }), { data: { total: 0 } });
  await refuses(weekly, "Unauthorized", 401, () => sdkWith("sk-wrong").weeklySearchUsers({}));
}

export async function ask() {
  await ofConversations();
  await ofEvents();
  await ofFeedback();
  await ofThreads();
  await ofNames();
  await ofSearches();
}
