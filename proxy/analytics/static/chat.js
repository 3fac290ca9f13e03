// What a transcript has with a script: texts and links that are copied.
"use strict";

const transcript = document.querySelector("[data-messages]");
let messages = null;

/** Puts a text on the clipboard; pages that came over plain HTTP have no clipboard, so the old way is the other one. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** What a message says, as it was logged: the page may show it as the Markdown that it is. */
async function contentOf(id) {
  messages ??= fetch(transcript.dataset.messages).then((answer) => answer.json());
  const { content } = (await messages).messages.find((message) => message.id === id);
  return typeof content === "string" ? content : (content ?? []).map((item) => item.text ?? "").join("\n");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies], [data-copies-link]");
  if (!button) return;
  const { copies, copiesLink } = button.dataset;
  const words = button.textContent;
  try {
    await copy(copiesLink ? new URL(copiesLink, location.href).href : await contentOf(copies));
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = words; }, 2000);
});

/** The way back leads to the list as it was narrowed. */
const list = `${location.origin}/chats?`;
if (document.referrer.startsWith(list)) document.querySelector("[data-back]").href = document.referrer;

for (const button of document.querySelectorAll("[data-copies][hidden], [data-copies-link][hidden]")) button.hidden = false;
