// Starts the page, and connects its parts.

import * as add from "./add.js";
import * as live from "./live.js";
import * as outbox from "./outbox.js";
import { say, startBanner } from "./speak.js";
import { drop, FILTERS, loadMore, put, store } from "./store.js";
import * as view from "./view.js";

const bar = document.querySelector("#undo");
const undoButton = document.querySelector("#undo-delete");
const more = document.querySelector("#more");

/** How long the undo bar stays, unless it is in use; Ctrl Z works for as long as the page is open. */
const UNDO_SHOWN = 20_000;

const deleted = [];
let hiding;
let isDrawn = false;

function filter() {
  const name = location.hash.slice(1);
  return Object.hasOwn(FILTERS, name) ? name : "all";
}

/** Draws the list once, however many changes come before the next frame. */
function draw() {
  if (isDrawn) return;
  isDrawn = true;
  // Not requestAnimationFrame, which waits in windows that nobody looks at.
  queueMicrotask(() => {
    isDrawn = false;
    view.render(filter());
  });
}

function choose() {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${filter()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  draw();
}

function removed(todo) {
  deleted.push(todo);
  bar.querySelector("p").textContent = `Deleted “${todo.title}”`;
  bar.hidden = false;
  hideLater();
}

function hideLater() {
  clearTimeout(hiding);
  hiding = setTimeout(() => (bar.matches(":hover, :focus-within") ? hideLater() : hide()), UNDO_SHOWN);
}

function hide() {
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = true;
  if (hadFocus) add.focus();
}

function undo() {
  const todo = deleted.pop();
  if (!todo) return;
  outbox.push({ kind: "restore", id: todo.id, todo });
  bar.hidden = true;
  view.render(filter());
  view.focusOn(todo.id);
  say(`Back again: ${todo.title}`);
}

function keydown(event) {
  const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  // In a field with something in it, the browser undoes typing.
  const isTyping = event.target.matches("input:not([type=checkbox])") && event.target.value;
  if (!isUndo || !deleted.length || isTyping) return;
  event.preventDefault();
  undo();
}

const handlers = {
  answered(write, todo) {
    if (write.kind === "create") {
      view.rename(write.id, todo.id);
      for (const gone of deleted) if (gone.id === write.id) gone.id = todo.id;
    }
    if (todo) put(todo);
    else drop(write.id);
  },
  refused(write, { status, message }) {
    const isGone = status === 404;
    if (isGone) drop(write.id);
    const why = isGone ? "it was deleted elsewhere" : `it ${message}`;
    if (write.fields?.title) add.giveBack(write.fields.title, why);
    else say(`Not saved: ${why}.`);
    live.reload();
  },
};

function tryNow() {
  outbox.tryNow();
  live.tryNow();
}

addEventListener("hashchange", () => (choose(), live.reload()));
addEventListener("keydown", keydown);
undoButton.addEventListener("click", undo);
document.querySelector("#undo-dismiss").addEventListener("click", hide);
more.addEventListener("click", () => loadMore(filter()).catch(live.reload));
store.addEventListener("change", draw);
outbox.outbox.addEventListener("change", draw);
// What was not overdue a minute ago may be now.
setInterval(draw, 60_000);

startBanner(tryNow);
add.start();
view.start({ nowhere: add.focus, removed });
choose();
live.start(filter);
outbox.start(handlers);
