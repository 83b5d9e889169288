// What is known of the list: what the service said, and what was done here since.

import { pending } from "./outbox.js";
import { ask, Refused } from "./api.js";

const PAGE = 100;
const MOST_PAGES = 10;

/** "change" events tell that the list is other than before. */
export const store = new EventTarget();

export const FILTERS = {
  all: { matches: () => true, query: () => "" },
  open: { matches: (todo) => !todo.completed_at, query: () => "&state=open" },
  done: { matches: (todo) => todo.completed_at, query: () => "&state=completed" },
  overdue: {
    matches: isOverdue,
    query: () => `&state=open&due_before=${encodeURIComponent(new Date().toISOString())}`,
  },
};

let known = new Map();
let next = null;
let loaded = false;
/** The version in which each was removed: answers that were under way may still bring it. */
const dropped = new Map();
/** What came in while a load is under way, which may know less; null for what was removed. */
let news = null;
let loads = 0;

export function isOverdue(todo) {
  return !todo.completed_at && todo.due_at !== null && Date.parse(todo.due_at) < Date.now();
}

export function isLoaded() {
  return loaded;
}

export function hasMore() {
  return next !== null;
}

/** Whether it was removed, by whoever. */
export function isRemoved(id) {
  return dropped.has(id) && !current().has(id);
}

/** A todo as it is shown. */
export function find(id) {
  return current().get(id);
}

/** The todos of a filter, newest first. */
export function list(filter) {
  const todos = [...current().values()].filter(FILTERS[filter].matches);
  return todos.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1));
}

/** What the service said, with all that it has not confirmed yet. */
function current() {
  const todos = new Map(known);
  for (const { kind, id, fields, todo, at } of pending()) {
    if (kind === "create") todos.set(id, blank(id, fields, at));
    if (kind === "change" && todos.has(id)) todos.set(id, { ...todos.get(id), ...fields, waits: true });
    if (kind === "remove") todos.delete(id);
    if (kind === "restore") todos.set(id, { ...todo, waits: true });
  }
  return todos;
}

function blank(id, fields, at) {
  const created_at = new Date(at).toISOString();
  return { notes: null, due_at: null, completed_at: null, ...fields, id, created_at, version: 0, waits: true };
}

/** Takes a todo as the service has it, unless a newer one is known. */
export function put(todo) {
  if ((known.get(todo.id)?.version ?? 0) > todo.version || isOfBefore(todo)) return;
  known.set(todo.id, todo);
  dropped.delete(todo.id);
  news?.set(todo.id, todo);
  changed();
}

/** Takes note that a todo was removed when it had this version. */
export function drop(id, version = Infinity) {
  const last = known.get(id)?.version ?? 0;
  if (last > version) return;
  known.delete(id);
  dropped.set(id, Math.max(dropped.get(id) ?? 0, version === Infinity ? last : version));
  news?.set(id, null);
  changed();
}

/** Whether it was removed since it was like this; a restored one has a newer version. */
function isOfBefore({ id, version }) {
  return version <= (dropped.get(id) ?? 0);
}

/** Looks at a todo that is said to have this version now. */
export async function refresh(id, version) {
  if ((known.get(id)?.version ?? 0) >= version) return;
  try {
    put(await ask("GET", `/api/todos/${id}`));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    drop(id);
  }
}

/** Reads the list anew, as far as it was known. */
export async function load(filter) {
  const load = ++loads;
  const wanted = Math.min(MOST_PAGES * PAGE, Math.max(1, list(filter).length));
  news = new Map();
  const found = new Map();
  let cursor = null;
  do {
    const page = await read(filter, cursor);
    // Another load has begun since; it knows better.
    if (load !== loads) return;
    for (const todo of page.items) if (!isOfBefore(todo)) found.set(todo.id, todo);
    cursor = page.next_cursor;
  } while (cursor && found.size < wanted);
  for (const [id, todo] of news) {
    if (todo === null) found.delete(id);
    else if ((found.get(id)?.version ?? 0) < todo.version) found.set(id, todo);
  }
  [known, next, loaded, news] = [found, cursor, true, null];
  changed();
}

export async function loadMore(filter) {
  const before = loads;
  const page = await read(filter, next);
  if (before !== loads) return;
  next = page.next_cursor;
  page.items.forEach(put);
  changed();
}

function read(filter, cursor) {
  const from = cursor ? `&cursor=${cursor}` : "";
  return ask("GET", `/api/todos?limit=${PAGE}${FILTERS[filter].query()}${from}`);
}

export function changed() {
  store.dispatchEvent(new Event("change"));
}
