// What every page has with a script, and does without: times in the reader's zone, keys, forms that send themselves.
"use strict";

const FORMS = {
  minute: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "full" },
  time: { timeStyle: "short" },
};

/** Puts the times of a part of the page into the reader's zone; the exact one stays in the title. */
function localise(part) {
  for (const time of part.querySelectorAll("time[data-show]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.textContent = new Intl.DateTimeFormat(undefined, FORMS[time.dataset.show]).format(moment);
    }
    time.removeAttribute("data-show");
  }
}

/** The next or previous row of the page's list gets the focus. */
function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return;
  const here = rows.indexOf(document.activeElement);
  const there = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1);
  rows[there].focus();
  rows[there].scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog") !== null;
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opens]");
  if (button) document.getElementById(button.dataset.opens).showModal();
});

/** A choice in the filter bar counts at once; texts wait for Enter. What was left empty does not stand in the address. */
document.addEventListener("change", (event) => {
  const form = event.target.closest("form.filters");
  if (!form) return;
  // Dates would count before a range that is chosen after them.
  if (event.target.name === "range") for (const date of form.querySelectorAll("input[type=date]")) date.value = "";
  if (event.target.matches("select, input[type=checkbox], input[type=date]")) form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.filters")) return;
  for (const field of event.target.elements) field.disabled = field.disabled || field.value === "";
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
});

for (const button of document.querySelectorAll("[data-opens][hidden]")) button.hidden = false;
localise(document);
new MutationObserver(() => localise(document)).observe(document.body, {
  childList: true, subtree: true, attributeFilter: ["data-show"],
});
