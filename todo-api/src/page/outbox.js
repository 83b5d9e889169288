// What was done here and the service has not confirmed. Kept over reloads, sent in order, again and again.

import { ask, Backoff, Refused } from "./api.js";
import { Clash, clashes, isSame } from "./clash.js";

const PREFIX = "todo:write:";

/** "change" events tell that something was added or answered. */
export const outbox = new EventTarget();

const backoff = new Backoff();
let writes = read();
let sending = false;
let answered = () => {};
let refused = () => {};

/** Keys must be unique; `crypto.randomUUID` is missing where the page came without TLS. */
export function uniqueKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function pending() {
  return writes;
}

/** Begins to send; the handlers get each write with its answer, or with why it was refused. */
export function start(handlers) {
  ({ answered, refused } = handlers);
  send();
}

/** Takes a write: `{ kind, id, fields?, todo?, base? }`. With a base it is of that version, unless nothing of it was changed. */
export function push(write) {
  const whole = { ...write, key: uniqueKey(), at: Date.now() };
  if (!whole.id) whole.id = `new-${whole.key}`;
  writes.push(whole);
  keep(whole);
  changed();
  send();
  return whole;
}

export function tryNow() {
  backoff.wake();
}

addEventListener("online", tryNow);

function changed() {
  outbox.dispatchEvent(new Event("change"));
}

function name(write) {
  return `${PREFIX}${String(write.at).padStart(15, "0")}:${write.key}`;
}

// A browser that keeps nothing for us (private windows, full disks) must not keep us from working.
function keep(write) {
  try {
    localStorage.setItem(name(write), JSON.stringify(write));
  } catch {}
}

function forget(write) {
  writes = writes.filter((other) => other !== write);
  try {
    localStorage.removeItem(name(write));
  } catch {}
}

function read() {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)).sort();
    return names.map((name) => JSON.parse(localStorage.getItem(name)));
  } catch {
    return [];
  }
}

async function send() {
  if (sending) return;
  sending = true;
  while (writes.length) {
    const write = writes[0];
    try {
      const todo = await perform(write);
      backoff.reset();
      forget(write);
      if (write.kind === "create") rename(write.id, todo.id);
      if (todo) follow(todo);
      answered(write, todo);
      changed();
    } catch (error) {
      if (error instanceof Refused) {
        forget(write);
        // What followed on something that never came to be.
        if (write.kind === "create") writes.filter(({ id }) => id === write.id).forEach(forget);
        refused(write, error);
        changed();
      } else {
        changed();
        await backoff.wait();
      }
    }
  }
  sending = false;
}

function perform(write) {
  const { kind, fields, key } = write;
  const path = `/api/todos/${write.id}`;
  switch (kind) {
    case "create":
      return ask("POST", "/api/todos", { body: fields, key });
    case "change":
      return onBase(write, () => ask("PATCH", path, { body: fields, key, version: write.base?.version }));
    case "restore":
      return ask("POST", `${path}/restore`, { body: {}, key });
    case "remove":
      // Gone already is as good as gone: the answer to an earlier try may have been lost.
      return onBase(write, () => ask("DELETE", path, { key, version: write.base?.version })).catch((error) => {
        if (error.status !== 404) throw error;
        return null;
      });
  }
}

/** Writes on the version that was seen, or on a later one in which nothing of what was seen was changed. */
async function onBase(write, attempt) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error.status !== 412) throw error;
    }
    const theirs = await ask("GET", `/api/todos/${write.id}`);
    // The answer to an earlier try may have been lost.
    const isDone = write.fields && Object.entries(write.fields).every(([name, value]) => isSame(name, theirs[name], value));
    if (isDone) return theirs;
    if (clashes(write, theirs)) throw new Clash(theirs);
    write.base.version = theirs.version;
    keep(write);
  }
}

/** What else was done here to a todo was done to what it has become. */
function follow(todo) {
  for (const write of writes) {
    if (write.id !== todo.id || !write.base || clashes(write, todo)) continue;
    write.base.version = todo.version;
    keep(write);
  }
}

/** What was done to a todo before the service gave it its id. */
function rename(from, to) {
  for (const write of writes.filter((write) => write.id === from)) {
    write.id = to;
    if (write.todo) write.todo.id = to;
    keep(write);
  }
}
