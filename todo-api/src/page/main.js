// Starts the page, and connects its parts.

import * as add from "./add.js";
import * as live from "./live.js";
import * as outbox from "./outbox.js";
import { say, startBanner } from "./speak.js";
import { drop, FILTERS, loadMore, put, store } from "./store.js";
import * as undo from "./undo.js";
import * as view from "./view.js";

const more = document.querySelector("#more");

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

/** Something was undone: the focus goes where it is seen. */
function undone(id) {
  view.render(filter());
  view.focusOn(id);
}

const handlers = {
  answered(write, todo) {
    if (write.kind === "create") {
      view.rename(write.id, todo.id);
      undo.rename(write.id, todo.id);
    }
    if (todo) put(todo);
    else drop(write.id);
  },
  refused(write, error) {
    undo.forget(write.key);
    if (error.theirs) return clashed(write, error.theirs);
    const isGone = error.status === 404;
    if (isGone) drop(write.id);
    giveBack(write, isGone ? "it was deleted elsewhere" : `it ${error.message}`);
    live.reload();
  },
};

/** Others had changed the todo: what they made of it is shown, and what was typed here is not lost. */
function clashed(write, theirs) {
  put(theirs);
  view.render(filter());
  const isTyped = write.kind === "change" && !write.isUndo;
  if (isTyped && view.clash(write)) say(`Not saved: changed elsewhere to ${theirs.title}.`);
  else giveBack(isTyped ? write : {}, `“${theirs.title}” was changed elsewhere meanwhile`);
}

function giveBack(write, why) {
  if (write.fields?.title) add.giveBack(write.fields.title, why);
  else say(`Not saved: ${why}.`);
}

function tryNow() {
  outbox.tryNow();
  live.tryNow();
}

addEventListener("hashchange", () => (choose(), live.reload()));
more.addEventListener("click", () => loadMore(filter()).catch(live.reload));
store.addEventListener("change", draw);
outbox.outbox.addEventListener("change", draw);
// What was not overdue a minute ago may be now.
setInterval(draw, 60_000);

startBanner(tryNow);
add.start();
undo.start({ nowhere: add.focus, undone });
view.start({ nowhere: add.focus, did: undo.did });
choose();
live.start(filter);
outbox.start(handlers);
