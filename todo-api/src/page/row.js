// One todo in the list: shown, or being edited.

import { fromFields, inWords, toFields } from "./due.js";
import { isOverdue } from "./store.js";

const DRAFT = "todo:edit";
const rowTemplate = document.querySelector("#row").content;
const editorTemplate = document.querySelector("#editor").content;

let counter = 0;

export class Row {
  /** `acts` has what can be done with a todo: toggle, change, remove. */
  constructor(todo, acts) {
    this.acts = acts;
    this.element = rowTemplate.cloneNode(true).firstElementChild;
    const part = (selector) => this.element.querySelector(selector);
    this.shown = part(".shown");
    this.done = part(".done");
    this.title = part(".title");
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
    setText(this.due, todo.due_at ? `${overdue ? "Overdue: " : "Due "}${inWords(todo.due_at)}` : "");
    this.due.dateTime = todo.due_at ?? "";
    setText(this.state, todo.waits ? "Not saved yet" : "");
    this.remove.setAttribute("aria-label", `Delete: ${todo.title}`);
    if (this.isGone) this.complain("");
    this.isGone = false;
  }

  /** Someone else deleted it while it is edited here: what is typed stays. */
  gone() {
    this.isGone = true;
    this.complain("This was deleted elsewhere. Saving brings it back.");
  }

  edit(draft = { title: this.todo.title, ...toFields(this.todo.due_at) }) {
    if (this.editor) return;
    this.editor = editorTemplate.cloneNode(true).firstElementChild;
    const { title, date, time } = this.editor.elements;
    Object.assign(title, { value: draft.title });
    Object.assign(date, { value: draft.date });
    Object.assign(time, { value: draft.time });
    this.editor.addEventListener("submit", (event) => (event.preventDefault(), this.save()));
    this.editor.addEventListener("input", () => this.keep());
    this.editor.querySelector(".cancel").addEventListener("click", () => this.close());
    this.editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.shown.hidden = true;
    this.element.append(this.editor);
    title.focus();
    title.select();
  }

  save() {
    const { title, date, time } = this.editor.elements;
    const text = title.value.trim();
    if (!text) {
      this.complain("A title is needed. To delete it, cancel and press Delete.");
      title.setAttribute("aria-invalid", "true");
      title.focus();
      return;
    }
    const fields = {};
    if (text !== this.todo.title) fields.title = text;
    const before = toFields(this.todo.due_at);
    if (date.value !== before.date || time.value !== before.time) {
      fields.due_at = fromFields(date.value, time.value);
    }
    const { todo, isGone } = this;
    this.close();
    this.acts.change(todo, fields, isGone);
  }

  close() {
    this.editor.remove();
    this.editor = null;
    this.shown.hidden = false;
    write(null);
    this.title.focus();
    if (this.isGone) this.acts.closed();
  }

  complain(text) {
    const problem = this.editor?.querySelector(".problem");
    if (!problem) return;
    problem.textContent = text;
    problem.hidden = !text;
  }

  keep() {
    const { title, date, time } = this.editor.elements;
    if (!this.isGone) this.complain("");
    title.removeAttribute("aria-invalid");
    write({ id: this.todo.id, title: title.value, date: date.value, time: time.value });
  }
}

/** What was being typed when the page was left. */
export function editDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null;
  }
}

function write(draft) {
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(draft));
  } catch {}
}

/** Touches the text only where it changes, so that selections and screen readers are left in peace. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
