// Inkeep's official SDK before an analytics server that holds what others have logged, hostile things among them: every
// operation it has, with what must come back. Prints how many calls of each, and what was wrong.
import { api, gives, has, refuses, sdk, sdkWith, tell, web } from "./inkeep_asked.mjs";
import { chat, chats, log, says, user } from "./inkeep_chats.mjs";
import { happenings, thumbs } from "./inkeep_notes.mjs";
import { ask } from "./inkeep_queries.mjs";

const { conversations, conversation, feedback } = sdk;

async function whatOthersLogged() {
  for (let offset = 0, total = 1; offset < total; offset += 20) {
    const page = await gives("conversations.list", () => conversations.list({ limit: 20, offset }), { pageSize: 20 });
    total = page?.total ?? 0;
    for (const { id, messages } of page?.conversations ?? [])
      await gives("conversations.get", () => conversations.get(api, { id }), { id, messages: has(messages.length) });
  }
  const all = await gives("feedback.list", () => feedback.list({ limit: 100 }), {
    negativeFeedback: (list) => list.length > 5,
  });
  for (const { id, conversation } of all?.negativeFeedback ?? [])
    await gives("feedback.getFeedbackById", () => feedback.getFeedbackById({ id }), {
      id,
      conversation: { id: conversation.id },
    });
}

async function found() {
  const get = "conversations.get",
    byExternal = "conversation.getConversationByExternalId";
  await gives(get, () => conversations.get(api, { id: "c/1 ü" }), { id: "c/1 ü", messages: has(2) });
  await refuses(get, "NotFound", 404, () => conversations.get(api, { id: "c/1%20ü" }));
  await refuses(get, "NotFound", 404, () => conversations.get(web, { id: "nobody's" }));
  await refuses(get, "Unauthorized", 401, () => conversations.get({}, { id: "c2" }));
  await log(chat("c4", [user("newer")], { externalId: "x/1" }), { externalId: "x/1" });
  await gives(byExternal, () => conversation.getConversationByExternalId({ externalId: "x/1" }), { id: "c4" });
  await refuses(byExternal, "NotFound", 404, () => conversation.getConversationByExternalId({ externalId: "x%2F1" }));
  await refuses(byExternal, "Unauthorized", 401, () =>
    sdkWith("sk-wrong").conversation.getConversationByExternalId({ externalId: "x/1" }),
  );

  const list = "conversations.list";
  await gives(list, () => conversations.list({}), {
    pageSize: 20,
    count: 20,
    total: (total) => total > 20,
    conversations: (list) => list.find(({ updatedAt }) => updatedAt < "9999").id === "c4",
  });
  await gives(list, () => conversations.list({ limit: null, offset: null }), { pageSize: 20 });
  await gives(list, () => conversations.list({ limit: 0, offset: 0 }), { conversations: [], count: 0, pageSize: 0 });
  await gives(list, () => conversations.list({ offset: 1_000_000 }), { conversations: [], count: 0 });
  await refuses(list, "BadRequest", 400, () => conversations.list({ limit: 101 }));
  await refuses(list, "BadRequest", 400, () => conversations.list({ offset: -1 }));
  await refuses(list, "Unauthorized", 401, () => sdkWith("sk-wrong").conversations.list({}));
  await refuses(list, "Forbidden", 403, () => sdkWith(process.env.WEB_KEY).conversations.list({}));
}

async function gone() {
  const remove = "conversations.delete";
  await refuses(remove, "Forbidden", 403, () => conversations.delete(web, { id: "c/1 ü" }));
  await refuses(remove, "Unauthorized", 401, () => conversations.delete({}, { id: "c/1 ü" }));
  await gives(remove, () => conversations.delete(api, { id: "c/1 ü" }), { success: true });
  await refuses(remove, "NotFound", 404, () => conversations.delete(api, { id: "c/1 ü" }));
  await refuses("conversations.get", "NotFound", 404, () => conversations.get(api, { id: "c/1 ü" }));
  await refuses("feedback.getFeedbackById", "NotFound", 404, () => feedback.getFeedbackById({ id: "f/1" }));
  await log(chat("c/1 ü", [user("what is SSO?")]), { id: "c/1 ü" });
  await refuses("conversations.get", "NotFound", 404, () => conversations.get(api, { id: "c/1 ü" }));
  await log(chat("c/1 ü", [user("what is SSO?"), says("a way in"), user("more")]), {
    id: "c/1 ü~2",
    messages: [{ content: "more" }],
  });
}

try {
  for (const scene of [whatOthersLogged, chats, found, thumbs, happenings, ask, gone]) await scene();
} finally {
  tell();
}
