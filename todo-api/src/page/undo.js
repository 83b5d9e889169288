// What was done here and can be undone: deletions, completions and edits, the last first.

import { push } from "./outbox.js";
import { say } from "./speak.js";
import { find } from "./store.js";

const bar = document.querySelector("#undo");
const words = bar.querySelector("p");

/** How long the bar stays, unless it is in use; Ctrl Z works for as long as the page is open. */
const SHOWN = 20_000;

const steps = [];
let hiding;
let nowhere = () => {};
let undone = () => {};

/** `nowhere` takes the focus when the bar goes; `undone` hears of which todo something was undone. */
export function start(handlers) {
  ({ nowhere, undone } = handlers);
  addEventListener("keydown", keydown);
  document.querySelector("#undo-last").addEventListener("click", undo);
  document.querySelector("#undo-dismiss").addEventListener("click", hide);
}

/** Something was done to a todo: `{ kind: "remove" | "toggle" | "change", todo, fields? }`, the todo as it was before. */
export function did(step) {
  steps.push(step);
  words.textContent = inWords(step);
  bar.hidden = false;
  hideLater();
}

/** The service gave a todo its id. */
export function rename(from, to) {
  for (const { todo } of steps) if (todo.id === from) todo.id = to;
}

/** What was done to this todo was not saved: there is nothing to undo. */
export function forget(key) {
  const index = steps.findIndex((step) => step.key === key);
  if (index < 0) return;
  steps.splice(index, 1);
  if (index === steps.length) hide();
}

function inWords({ kind, todo, fields }) {
  switch (kind) {
    case "remove":
      return `Deleted “${todo.title}”`;
    case "toggle":
      return `${fields.completed_at ? "Done" : "Open again"}: “${todo.title}”`;
    case "change":
      return `Changed “${fields.title ?? todo.title}”`;
  }
}

function undo() {
  const step = steps.pop();
  if (!step) return;
  bar.hidden = true;
  revert(step);
  undone(step.todo.id);
  say(step.kind === "remove" ? `Back again: ${step.todo.title}` : `As before: ${step.todo.title}`);
}

function revert({ kind, todo, fields }) {
  if (kind === "remove") {
    push({ kind: "restore", id: todo.id, todo });
    return;
  }
  const before = Object.fromEntries(Object.keys(fields).map((name) => [name, todo[name]]));
  const change = { kind: "change", id: todo.id, fields: before };
  // What others made of it since is theirs.
  if (kind === "change") change.base = { version: find(todo.id)?.version ?? 0, values: fields };
  push({ ...change, isUndo: true });
}

function keydown(event) {
  const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  // In a field with something in it, the browser undoes typing.
  const isTyping = event.target.matches("input:not([type=checkbox]), textarea") && event.target.value;
  if (!isUndo || !steps.length || isTyping) return;
  event.preventDefault();
  undo();
}

function hideLater() {
  clearTimeout(hiding);
  hiding = setTimeout(() => (bar.matches(":hover, :focus-within") ? hideLater() : hide()), SHOWN);
}

function hide() {
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = true;
  if (hadFocus) nowhere();
}
