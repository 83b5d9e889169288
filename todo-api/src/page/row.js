// One todo in the list: shown, or being edited.

import { inWords } from "./due.js";
import { draftOf, Editor } from "./editor.js";
import { isOverdue } from "./store.js";

const template = document.querySelector("#row").content;

let counter = 0;

export class Row {
  /** `acts` has what can be done with a todo: toggle, change, remove. */
  constructor(todo, acts) {
    this.acts = acts;
    this.element = template.cloneNode(true).firstElementChild;
    const part = (selector) => this.element.querySelector(selector);
    this.shown = part(".shown");
    this.done = part(".done");
    this.title = part(".title");
    this.notes = part(".notes");
    this.due = part("time");
    this.state = part(".state");
    this.remove = part(".delete");
    this.title.id = `title-${++counter}`;
    this.done.setAttribute("aria-labelledby", this.title.id);
    this.done.addEventListener("change", () => acts.toggle(this.todo, this.done.checked));
    this.title.addEventListener("click", () => this.edit());
    this.remove.addEventListener("click", () => acts.remove(this.todo));
    this.update(todo);
  }

  get isEditing() {
    return Boolean(this.editor);
  }

  update(todo) {
    this.todo = todo;
    const overdue = isOverdue(todo);
    this.element.classList.toggle("is-done", Boolean(todo.completed_at));
    this.element.classList.toggle("is-overdue", overdue);
    this.done.checked = Boolean(todo.completed_at);
    setText(this.title, todo.title);
    setText(this.notes, todo.notes ?? "");
    setText(this.due, todo.due_at ? `${overdue ? "Overdue: " : "Due "}${inWords(todo.due_at)}` : "");
    this.due.dateTime = todo.due_at ?? "";
    setText(this.state, todo.waits ? "Not saved yet" : "");
    this.remove.setAttribute("aria-label", `Delete: ${todo.title}`);
    if (this.isGone) this.editor?.complain("");
    this.isGone = false;
    this.editor?.meet(todo);
  }

  /** Someone else deleted it while it is edited here: what is typed stays. */
  gone() {
    this.isGone = true;
    this.editor.complain("This was deleted elsewhere. Saving brings it back.");
  }

  edit(draft = null) {
    if (this.editor) return;
    this.open(draft);
    this.editor.focus();
  }

  /** A change was not saved, because others had made another: what was typed stands beside that. */
  clash(change) {
    const theirs = this.todo;
    const hadFocus = this.element.contains(document.activeElement);
    this.open(draftOf(change, theirs));
    this.editor.keep();
    // Whoever types elsewhere goes on typing there.
    if (hadFocus || document.activeElement === document.body) this.editor.focus();
  }

  open(draft) {
    this.editor = new Editor(this.todo, { save: () => this.save(), close: () => this.close() }, draft);
    this.shown.hidden = true;
    this.element.append(this.editor.element);
  }

  save() {
    const changes = this.editor.changes();
    if (!changes) return;
    const { todo, isGone } = this;
    this.close();
    this.acts.change(todo, changes, isGone);
  }

  close() {
    this.editor.close();
    this.editor = null;
    this.shown.hidden = false;
    this.title.focus();
    if (this.isGone) this.acts.closed();
  }
}

/** Touches the text only where it changes, so that selections and screen readers are left in peace. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
