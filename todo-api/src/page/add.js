// The form for something new. What is typed survives a reload.

import { fromFields } from "./due.js";
import { push } from "./outbox.js";
import { say } from "./speak.js";
import { excess, trim } from "./text.js";

const DRAFT = "todo:draft";
const form = document.querySelector("#add");
const { title, date, time } = form.elements;
const when = document.querySelector("#add-when");
const due = document.querySelector("#add-due");
const problem = document.querySelector("#add-problem");

export function start() {
  form.addEventListener("submit", submit);
  form.addEventListener("input", () => (complain(""), keep()));
  when.addEventListener("click", () => showDue(due.hidden));
  const draft = recall();
  if (draft) refill(draft);
}

export function focus() {
  title.focus();
}

/** Puts back a title that could not be saved, unless something else is typed already. */
export function giveBack(text, why) {
  if (!title.value) refill({ title: text });
  complain(`“${text}” was not saved: ${why}.`);
}

function submit(event) {
  event.preventDefault();
  const text = trim(title.value);
  const why = text ? excess({ title: text })?.words : "Write down what is to be done.";
  if (why) {
    complain(why);
    title.focus();
    return;
  }
  push({ kind: "create", fields: { title: text, due_at: fromFields(date.value, time.value) } });
  say(`Added: ${text}`);
  form.reset();
  showDue(false);
  keep();
  title.focus();
}

function showDue(shown) {
  due.hidden = !shown;
  when.setAttribute("aria-expanded", String(shown));
  if (shown) date.focus();
}

function complain(text) {
  problem.textContent = text;
  problem.hidden = !text;
  title.setAttribute("aria-invalid", String(Boolean(text)));
}

function refill(draft) {
  title.value = draft.title ?? "";
  date.value = draft.date ?? "";
  time.value = draft.time ?? "";
  if (date.value) showDue(true);
}

function keep() {
  try {
    const draft = { title: title.value, date: date.value, time: time.value };
    sessionStorage.setItem(DRAFT, JSON.stringify(draft));
  } catch {}
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null;
  }
}
