// Changes made elsewhere, as they happen.

import { Backoff } from "./api.js";
import { answers, keptBack } from "./build.js";
import { drop, load, refresh } from "./store.js";

/** The service says something every fifteen seconds at least. */
const SILENCE = 40_000;

/** A process that was killed between a change and its announcement has told nobody. */
const RELOAD = 300_000;

/** So many todos are looked at one by one; more at once are read as a list. */
const FEW = 8;

let filter = () => "all";
let source = null;
let lastHeard = 0;
let loading = false;
let again = false;
let saved = new Map();
const backoff = new Backoff();

/** Keeps the list up to date while the page is seen. */
export function start(currentFilter) {
  filter = currentFilter;
  document.addEventListener("visibilitychange", watch);
  addEventListener("online", tryNow);
  setInterval(watch, SILENCE / 8);
  setInterval(() => document.hidden || reload(), RELOAD);
  watch();
  reload();
}

export function tryNow() {
  backoff.wake();
  watch();
}

/** Reads the list until that succeeds; what is asked for meanwhile is one more reading. */
export async function reload() {
  again = true;
  if (loading) return;
  loading = true;
  while (again) {
    again = false;
    try {
      await load(filter());
      backoff.reset();
    } catch {
      again = true;
      await backoff.wait();
    }
  }
  loading = false;
}

/** Opens the stream, or closes it where nobody looks: a browser has few connections for all pages of a service. */
function watch() {
  if (document.hidden) {
    source?.close();
    source = null;
    return;
  }
  const isSilent = Date.now() - lastHeard > SILENCE;
  if (source && source.readyState !== EventSource.CLOSED && !isSilent) return;
  const isSecond = source !== null;
  source?.close();
  lastHeard = Date.now();
  source = new EventSource("/api/events");
  source.addEventListener("ping", heard);
  source.addEventListener("resync", () => (heard(), reload()));
  source.addEventListener("build", ({ data }) => (heard(), answers(JSON.parse(data))));
  source.addEventListener("notice", ({ data }) => (heard(), keptBack(JSON.parse(data))));
  source.addEventListener("removed", ({ data }) => {
    heard();
    const { id, version } = JSON.parse(data);
    drop(id, version);
  });
  source.addEventListener("saved", ({ data }) => {
    heard();
    const { id, version } = JSON.parse(data);
    if (!saved.size) queueMicrotask(() => setTimeout(look, 5));
    saved.set(id, version);
  });
  // Whether the service is away shows when something is asked of it.
  source.addEventListener("error", () => reload());
  if (isSecond) reload();
}

function heard() {
  lastHeard = Date.now();
}

async function look() {
  const todos = saved;
  saved = new Map();
  if (todos.size > FEW) return reload();
  try {
    await Promise.all([...todos].map(([id, version]) => refresh(id, version)));
  } catch {
    reload();
  }
}
