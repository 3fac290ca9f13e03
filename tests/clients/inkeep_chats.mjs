// Conversations as the official SDK logs them: new, again, of each type, shared and forked, late, and refused.
import { api, gives, has, isMoment, isText, refuses, sdk, web } from "./inkeep_asked.mjs";

const { conversations } = sdk;
export const user = (content, more = {}) => ({ role: "user", content, ...more });
export const says = (content, more = {}) => ({ role: "assistant", content, ...more });
export const log = (body, expected, key = api) =>
  gives("conversations.log", () => conversations.log(key, body), expected);
export const chat = (id, messages, more = {}) => ({ type: "openai", id, projectId: "sdk", messages, ...more });
const logRefused = (kind, status, body, key = api) =>
  refuses("conversations.log", kind, status, () => conversations.log(key, body));

export async function chats() {
  const minted = await log(
    { type: "openai", messages: [user("without an id")], projectId: "sdk" },
    {
      id: isText,
      visibility: "private",
      createdAt: isMoment,
      messages: [{ id: isText, type: "openai", content: "without an id" }],
    },
  );
  await gives("conversations.delete", () => conversations.delete(api, { id: minted.id }), {
    success: true,
    message: isText,
  });

  const began = new Date("2026-11-02T10:00:00.500Z");
  const about = { properties: { source: "docs", n: 1, nested: { a: [1, null] } }, tags: ["a", "ü"], externalId: "x/1" };
  const userProperties = { userId: "u1", additionalProperties: { plan: "pro" } };
  const first = [
    user("what is SSO?", { createdAt: began }),
    says("a way in", { createdAt: began, id: "c1-a", links: [{ url: "u", label: "1" }] }),
  ];
  const once = await log(chat("c/1 ü", first, { ...about, userProperties, createdAt: began }), {
    ...about,
    userProperties,
    id: "c/1 ü",
    projectId: "sdk",
    createdAt: began.toISOString(),
    integrationId: null,
    messages: [
      { id: isText, createdAt: began.toISOString(), conversationId: "c/1 ü" },
      { id: "c1-a", links: [{ url: "u", label: "1" }] },
    ],
    messagesOpenAIFormat: [
      { role: "user", content: "what is SSO?" },
      { role: "assistant", content: "a way in" },
    ],
  });
  const kept = once.messages.map(({ id, createdAt }) => ({ id, createdAt }));
  await log(chat("c/1 ü", [...first, user("thanks", { createdAt: began })]), {
    messages: [...kept, { content: "thanks", id: isText }],
    createdAt: once.createdAt,
    properties: about.properties,
    tags: about.tags,
  });
  await log(chat("c/1 ü", first, { tags: null }), { messages: kept, tags: null, properties: about.properties });
  await log(
    chat(
      "c/1 ü",
      once.messages.map((one) => ({ ...one, createdAt: began, updatedAt: null })),
    ),
    { id: once.id, messages: kept, userProperties },
  );

  await log(
    chat("c2", [
      user([
        { type: "text", text: "see" },
        { type: "image_url", imageUrl: { url: "u", detail: "low" } },
      ]),
      says("", { toolCalls: [{ id: "t1", type: "function", function: { name: "look_up", arguments: '{"a":1}' } }] }),
    ]),
    {
      messages: [
        {
          content: [
            { type: "text", text: "see" },
            { type: "image_url", imageUrl: { url: "u", detail: "low" } },
          ],
        },
        {
          content: "",
          toolCalls: [{ id: "t1", type: "function", function: { name: "look_up", arguments: '{"a":1}' } }],
        },
      ],
      messagesOpenAIFormat: has(2),
    },
  );
  await log(
    {
      type: "support_ticket",
      id: "t1",
      projectId: "sdk",
      supportTicketConversationId: "4711",
      messages: [
        { role: "customer", content: null },
        { role: "agent", content: "hm" },
      ],
    },
    {
      type: "support_ticket",
      supportTicketConversationId: "4711",
      messages: [{ role: "customer", content: null }, { role: "agent" }],
    },
  );
  await log(
    { type: "support_copilot", id: "p1", projectId: "sdk", messages: [{ role: "user", content: "draft" }] },
    { type: "support_copilot", messages: has(1) },
  );

  const shared = await log(
    chat(
      "shared",
      once.messages.map(({ role, content, links }) => ({ role, content, links })),
      { visibility: "public", tags: [] },
    ),
    { visibility: "public", tags: [], messages: has(2) },
    web,
  );
  await gives("conversations.get", () => conversations.get(web, { id: "shared" }), {
    id: "shared",
    visibility: "public",
    messages: shared.messages.map(({ id }) => ({ id })),
  });
  await log(
    {
      type: "openai",
      messages: [...shared.messages.map(({ role, content }) => ({ role, content })), user("and then?")],
    },
    { id: (id) => isText(id) && id !== "shared", visibility: "private", messages: has(3) },
    web,
  );

  const snapshot = (teelogRev, ...messages) => chat("s1", messages, { properties: { source: "teelog", teelogRev } });
  await log(snapshot(5, user("a"), says("b")), { messages: has(2) });
  await log(snapshot(4, user("a")), { messages: has(2), properties: { teelogRev: 5 } });
  await log(snapshot(6, user("a")), { messages: has(1), properties: { teelogRev: 6 } });

  await log(chat("large", [user("x".repeat(1_990_000))]), { messages: [{ content: has(1_990_000) }] });
  await logRefused("APIError", 413, chat("large", [user("x".repeat(64_000_000))]));
  await logRefused("BadRequest", 400, chat("c3", []));
  await logRefused("UnprocessableEntity", 422, {
    type: "support_ticket",
    id: "c2",
    messages: [{ role: "user", content: "x" }],
  });
  await logRefused("UnprocessableEntity", 422, chat("c3", [user("a", { id: "m" }), says("b", { id: "m" })]));
  await logRefused("Unauthorized", 401, chat("c3", [user("a")]), {});
  await logRefused("Unauthorized", 401, chat("c3", [user("a")]), { apiIntegrationKey: "sk-wrong" });
}
