// The AI SDK over its own HTTP code, told nothing but its base URL. Prints what its user saw, a list per conversation.
import { openai } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const model = openai.chat("m");
const tools = {
  look_up: tool({
    description: "finds things",
    inputSchema: z.object({ what: z.string() }),
    execute: async ({ what }) => `found ${what}`,
  }),
};

function linesOf(messages) {
  const lines = [];
  for (const { role, content } of messages) {
    const parts = typeof content === "string" ? [{ type: "text", text: content }] : content;
    if (role === "tool") {
      for (const part of parts) lines.push(["result", part.toolCallId, part.output.value]);
      continue;
    }
    lines.push([role, parts.map((part) => part.text ?? "").join("")]);
    for (const part of parts)
      if (part.type === "tool-call")
        lines.push(["call", part.toolCallId, part.toolName, JSON.stringify(part.input)]);
  }
  return lines;
}

async function whole(options) {
  return (await generateText({ model, ...options })).response.messages;
}

async function streamed(options) {
  const result = streamText({ model, ...options, onError: ({ error }) => { throw error; } });
  let seen = "";
  for await (const text of result.textStream) seen += text;
  if (!seen.endsWith(await result.text)) throw new Error(`streamed ${seen}, kept ${await result.text}`);
  return (await result.response).messages;
}

async function threeTurns(name, ask) {
  const messages = [];
  for (let turn = 0; turn < 3; turn++) {
    messages.push({ role: "user", content: `${name} turn ${turn} ü 🦊` });
    messages.push(...(await ask({ messages })));
  }
  return linesOf(messages);
}

async function withTools(name, ask) {
  const messages = [{ role: "user", content: `${name}: where is it?` }];
  messages.push(...(await ask({ messages, tools, stopWhen: stepCountIs(3) })));
  return linesOf(messages);
}

console.log(
  JSON.stringify([
    await threeTurns("whole", whole),
    await threeTurns("streamed", streamed),
    await withTools("whole tools", whole),
    await withTools("streamed tools", streamed),
  ]),
);
