// Feedback and events as the official SDK logs them: of messages that are there, and of one that comes later.
import { api, gives, has, isMoment, isText, refuses, sdk, sdkWith, web } from "./inkeep_asked.mjs";
import { chat, log, says, user } from "./inkeep_chats.mjs";

const { events, feedback } = sdk;

export async function thumbs() {
  const submit = (body, expected, client = sdk) =>
    gives("feedback.submit", () => client.feedback.submit(body), expected);
  const get = (id, expected) => gives("feedback.getFeedbackById", () => feedback.getFeedbackById({ id }), expected);
  const negative = { type: "negative", messageId: "c1-a", reasons: [{ label: "inaccurate_statement", details: "no" }] };
  await submit(
    { id: "f/1", ...negative, properties: { page: "/docs" } },
    { id: "f/1", ...negative, createdAt: isMoment },
  );
  await get("f/1", {
    conversation: { id: "c/1 ü" },
    message: { id: "c1-a", content: "a way in" },
    properties: { page: "/docs" },
  });
  await submit(
    { id: "f/1", type: "positive", messageId: "c1-a" },
    { id: "f/1", type: "positive", reasons: negative.reasons },
  );
  const mine = { userProperties: { id: "u1", additionalProperties: {} } };
  const click = await submit(
    { type: "negative", messageId: "c1-a", ...mine },
    { id: isText },
    sdkWith(process.env.WEB_KEY),
  );
  await submit({ type: "positive", messageId: "c1-a", ...mine }, { id: click.id, type: "positive" });
  await submit({ id: "early", type: "positive", messageId: "later" }, { id: "early" });
  await refuses("feedback.getFeedbackById", "NotFound", 404, () => feedback.getFeedbackById({ id: "early" }));
  await log(chat("c5", [user("q"), says("a", { id: "later" })]), { messages: has(2) });
  await get("early", { message: { id: "later" }, conversation: { id: "c5" } });
  await refuses("feedback.submit", "BadRequest", 400, () => feedback.submit({ type: "positive", messageId: "" }));
  await refuses("feedback.submit", "Unauthorized", 401, () => sdkWith("sk-wrong").feedback.submit(negative));
  await gives("feedback.list", () => feedback.list({}), {
    positiveFeedbackCount: 3,
    positiveFeedback: has(3),
    negativeFeedbackCount: (count) => count > 5,
  });
  await gives("feedback.list", () => feedback.list({ limit: 1, offset: 1 }), {
    positiveFeedbackCount: 3,
    positiveFeedback: has(1),
    negativeFeedback: has(1),
  });
  await refuses("feedback.list", "BadRequest", 400, () => feedback.list({ limit: 1000 }));
  await refuses("feedback.list", "Forbidden", 403, () => sdkWith(process.env.WEB_KEY).feedback.list({}));
}

export async function happenings() {
  const event = (body, expected, key = api) =>
    gives("events.log", () => events.log(key, { projectId: "sdk", ...body }), expected);
  const copied = { type: "message:copied", entityType: "message", messageId: "c1-a" };
  await event(
    { ...copied, id: "e/1", properties: { n: 1 } },
    { ...copied, id: "e/1", createdAt: isMoment, integrationId: null, properties: { n: 1 } },
  );
  await event(
    { ...copied, id: "e/1", type: "message:code_snippet:copied" },
    { id: "e/1", type: "message:code_snippet:copied" },
    web,
  );
  await event(
    { type: "conversation:shared", entityType: "conversation", conversationId: "c/1 ü" },
    { conversationId: "c/1 ü" },
  );
  for (const [searchQuery, day, id] of [
    ["sso", 2, "u1"],
    ["sso", 3, "u1"],
    ["api", 9, "u2"],
  ])
    await event(
      {
        type: "search_query_submitted",
        entityType: "search",
        searchQuery,
        createdAt: new Date(Date.UTC(2026, 10, day)),
        userProperties: { id, additionalProperties: {} },
      },
      { searchQuery },
    );
  await refuses("events.log", "BadRequest", 400, () => events.log(api, { ...copied, type: "" }));
  await refuses("events.log", "Unauthorized", 401, () => events.log({}, copied));
}
