// The openai Node SDK, told nothing but its base URL. Prints what its user saw: one list of lines per conversation.
import OpenAI from "openai";

const client = new OpenAI();
const model = "m";

function linesOf(messages) {
  const lines = [];
  for (const message of messages) {
    if (message.role === "tool") {
      lines.push(["result", message.tool_call_id, message.content]);
      continue;
    }
    lines.push([message.role, message.content ?? ""]);
    for (const call of message.tool_calls ?? [])
      lines.push(["call", call.id, call.function.name, call.function.arguments]);
  }
  return lines;
}

async function threeTurns(name, ask) {
  const messages = [{ role: "system", content: "be brief" }];
  for (let turn = 0; turn < 3; turn++) {
    messages.push({ role: "user", content: `${name} turn ${turn} ü 🦊` });
    messages.push(await ask(messages));
  }
  return linesOf(messages);
}

async function create(messages) {
  return (await client.chat.completions.create({ model, messages })).choices[0].message;
}

async function stream(messages) {
  let content = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
    content += chunk.choices[0]?.delta?.content ?? "";
  return { role: "assistant", content };
}

async function helper(messages) {
  const { role, content } = await client.chat.completions
    .stream({ model, messages, stream_options: { include_usage: true } })
    .finalMessage();
  return { role, content };
}

async function runTools(name, options) {
  const lookUp = {
    type: "function",
    function: {
      name: "look_up",
      parameters: { type: "object", properties: { what: { type: "string" } } },
      parse: JSON.parse,
      function: async ({ what }) => `found ${what}`,
    },
  };
  const runner = client.chat.completions.runTools({
    model,
    messages: [{ role: "user", content: `${name}: where is it?` }],
    tools: [lookUp],
    ...options,
  });
  await runner.finalContent();
  return linesOf(runner.messages);
}

console.log(
  JSON.stringify([
    ...(await Promise.all([threeTurns("create", create), threeTurns("stream", stream), threeTurns("helper", helper)])),
    await runTools("tools", {}),
    await runTools("streamed tools", { stream: true }),
  ]),
);
