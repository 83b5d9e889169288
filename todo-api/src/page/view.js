// The list on the screen, and where the focus goes.

import { editDraft } from "./editor.js";
import { push } from "./outbox.js";
import { Row } from "./row.js";
import { say } from "./speak.js";
import { hasMore, isLoaded, isOverdue, isRemoved, list } from "./store.js";

const section = document.querySelector("#list");
const ul = section.querySelector("ul");
const empty = document.querySelector("#empty");
const more = document.querySelector("#more");
const summary = document.querySelector("#summary");

const NOTHING = {
  all: "Nothing to do yet.",
  open: "Nothing left to do.",
  done: "Nothing done yet.",
  overdue: "Nothing is overdue.",
};

const rows = new Map();
let draft = editDraft();
let nowhere = () => {};
let did = () => {};

/** `nowhere` takes the focus when the list is empty; `did` hears what was done and can be undone. */
export function start(handlers) {
  ({ nowhere, did } = handlers);
  ul.addEventListener("keydown", keydown);
}

const acts = {
  // Says all that it means: whatever others change, it is done or not.
  toggle(todo, isDone) {
    const fields = { completed_at: isDone ? new Date().toISOString() : null };
    const { key } = push({ kind: "change", id: todo.id, fields });
    say(`${isDone ? "Done" : "Open again"}: ${todo.title}`);
    did({ kind: "toggle", key, todo, fields });
  },
  change(todo, { fields, base }, isGone) {
    if (isGone) push({ kind: "restore", id: todo.id, todo });
    if (Object.keys(fields).length) {
      const { key } = push({ kind: "change", id: todo.id, fields, base });
      did({ kind: "change", key, todo: { ...todo, ...base.values }, fields });
    }
    if (isGone || Object.keys(fields).length) say("Saved.");
  },
  remove(todo) {
    const { version, title, due_at, notes } = todo;
    const { key } = push({ kind: "remove", id: todo.id, todo, base: { version, values: { title, due_at, notes } } });
    say(`Deleted: ${todo.title}. Control Z brings it back.`);
    did({ kind: "remove", key, todo });
  },
  closed: () => render(lastFilter),
};

let lastFilter = "all";

export function render(filter) {
  lastFilter = filter;
  const todos = list(filter);
  const focused = rowOf(document.activeElement);
  const place = focused && [...ul.children].indexOf(focused.element);
  const wanted = new Set(todos.map((todo) => todo.id));
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    if (row.isEditing) {
      if (isRemoved(id)) row.gone();
      continue;
    }
    row.element.remove();
    rows.delete(id);
  }
  arrange(todos);
  show(todos, filter);
  // The focus was in a row that left: on to the one in its place.
  if (focused && !focused.element.isConnected) focusAt(place);
  openDraft();
}

/** Puts the rows in order, moving as few as possible: a moved element loses the focus. */
function arrange(todos) {
  const isFirst = !rows.size;
  let next = ul.firstElementChild;
  for (const todo of todos) {
    let row = rows.get(todo.id);
    if (row) {
      row.update(todo);
    } else {
      row = new Row(todo, acts);
      row.element.classList.toggle("is-new", !isFirst);
      rows.set(todo.id, row);
    }
    if (row.element === next) {
      next = next.nextElementSibling;
    } else {
      ul.insertBefore(row.element, next);
    }
  }
}

function show(todos, filter) {
  section.setAttribute("aria-busy", String(!isLoaded()));
  empty.textContent = NOTHING[filter];
  empty.hidden = !isLoaded() || ul.children.length > 0;
  more.hidden = !hasMore();
  const open = todos.filter((todo) => !todo.completed_at).length;
  const overdue = todos.filter(isOverdue).length;
  const count = (number, what) => `${number}${hasMore() ? "+" : ""} ${what}`;
  const words = {
    all: [count(open, "open"), overdue && count(overdue, "overdue")],
    open: [count(open, "open"), overdue && count(overdue, "overdue")],
    done: [count(todos.length, "done")],
    overdue: [count(overdue, "overdue")],
  };
  summary.textContent = isLoaded() && todos.length ? words[filter].filter(Boolean).join(", ") : "\u00a0";
}

/** The service gave a todo its id: it stays the same row. */
export function rename(from, to) {
  const row = rows.get(from);
  if (!row || rows.has(to)) return;
  rows.delete(from);
  rows.set(to, row);
}

/** Shows a todo that came back, and puts the focus on it. */
export function focusOn(id) {
  rows.get(id)?.title.focus();
}

/** Shows what was typed beside what others made of the todo; false where it is not on the screen, or edited again. */
export function clash(write) {
  const row = rows.get(write.id);
  if (!row || row.isEditing) return false;
  row.clash(write);
  return true;
}

function openDraft() {
  const row = draft && rows.get(draft.id);
  if (!row) return;
  row.edit(draft);
  draft = null;
}

function rowOf(element) {
  const li = element?.closest?.("#list li");
  return li && [...rows.values()].find((row) => row.element === li);
}

function focusAt(place) {
  const element = ul.children[Math.min(place, ul.children.length - 1)];
  if (element) rowOf(element).title.focus();
  else nowhere();
}

function keydown(event) {
  const row = rowOf(event.target);
  if (!row || row.isEditing || event.ctrlKey || event.metaKey || event.altKey) return;
  const sibling = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (sibling) {
    const other = rowOf(row.element[sibling]);
    // The same control of the other row.
    const control = ["done", "title", "remove"].find((name) => row[name] === event.target) ?? "title";
    other?.[control].focus();
    event.preventDefault();
  } else if (event.key === "Delete") {
    acts.remove(row.todo);
    event.preventDefault();
  }
}
