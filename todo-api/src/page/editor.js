// The form in which one todo is edited. What others change meanwhile is shown beside what is typed.

import { fromFields, inWords, toFields } from "./due.js";
import { excess, glimpse, trim } from "./text.js";

const DRAFT = "todo:edit";
const template = document.querySelector("#editor").content;

/** What is edited together: fields of the form. */
const PARTS = [["title"], ["date", "time"], ["notes"]];

/** How much of others' notes is shown beside what is typed. */
const GLIMPSE = 200;

export class Editor {
  /** `acts` has what the form can do: save, close. A draft is what was typed before, and of which todo that was. */
  constructor(todo, acts, draft = null) {
    this.element = template.cloneNode(true).firstElementChild;
    this.fields = this.element.elements;
    this.id = todo.id;
    this.base = draft?.base ?? seen(todo);
    this.fill(draft ?? formOf(todo));
    this.element.addEventListener("submit", (event) => (event.preventDefault(), acts.save()));
    this.element.addEventListener("input", () => this.keep());
    this.element.querySelector(".cancel").addEventListener("click", acts.close);
    this.element.querySelector(".take").addEventListener("click", acts.close);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") acts.close();
      // Enter alone is a new line of the notes.
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    });
    this.meet(todo);
  }

  focus() {
    this.fields.title.focus();
    this.fields.title.select();
  }

  /** The todo is like this now. What is not touched here follows; what is stays, and stands beside what others made. */
  meet(todo) {
    const [theirs, was, typed] = [formOf(todo), formOf(this.base), this.typed()];
    let clash = false;
    for (const part of PARTS) {
      const differ = (one, other) => part.some((name) => one[name] !== other[name]);
      if (!differ(theirs, was)) continue;
      if (!differ(typed, was)) part.forEach((name) => this.put(name, theirs[name]));
      else clash ||= differ(typed, theirs);
    }
    this.base = seen(todo);
    if (clash) this.compare(todo);
  }

  compare({ title, due_at, notes }) {
    const theirs = this.element.querySelector(".theirs");
    const due = due_at ? `due ${inWords(due_at)}` : "no due date";
    const noted = notes ? `, with the notes “${glimpse(notes, GLIMPSE)}”` : "";
    theirs.textContent = `Changed elsewhere meanwhile: “${title}”, ${due}${noted}. Yours is not saved yet.`;
    theirs.hidden = false;
    this.element.querySelector(".take").hidden = false;
    this.element.querySelector("[type=submit]").textContent = "Save mine";
  }

  /** What is to change, and what that was; nothing where that cannot be saved, which is said. */
  changes() {
    const [typed, was] = [this.typed(), formOf(this.base)];
    if (!typed.title) {
      return this.refuse("title", "A title is needed. To delete it, cancel and press Delete.");
    }
    const [fields, values] = [{}, {}];
    if (typed.title !== was.title) [fields.title, values.title] = [typed.title, this.base.title];
    if (typed.date !== was.date || typed.time !== was.time) {
      [fields.due_at, values.due_at] = [fromFields(typed.date, typed.time), this.base.due_at];
    }
    if (typed.notes !== was.notes) [fields.notes, values.notes] = [typed.notes || null, this.base.notes];
    const tooLong = excess(fields);
    if (tooLong) return this.refuse(tooLong.name, tooLong.words);
    return { fields, base: { version: this.base.version, values } };
  }

  refuse(name, why) {
    this.complain(why);
    this.fields[name].setAttribute("aria-invalid", "true");
    this.fields[name].focus();
    return null;
  }

  complain(text) {
    const problem = this.element.querySelector(".problem");
    problem.textContent = text;
    problem.hidden = !text;
  }

  close() {
    this.element.remove();
    write(null);
  }

  typed() {
    const { title, date, time, notes } = this.fields;
    return { title: trim(title.value), date: date.value, time: time.value, notes: notes.value };
  }

  fill({ title, date, time, notes }) {
    for (const [name, value] of Object.entries({ title, date, time, notes: notes ?? "" })) this.put(name, value);
  }

  put(name, value) {
    const field = this.fields[name];
    field.value = value;
    if (name !== "date" || !value) return;
    // What a todo has can stay, though few would choose it.
    if (value < field.min) field.min = value;
    if (value > field.max) field.max = value;
  }

  keep() {
    for (const field of this.element.querySelectorAll("[aria-invalid]")) {
      this.complain("");
      field.removeAttribute("aria-invalid");
    }
    write({ id: this.id, ...this.typed(), title: this.fields.title.value, base: this.base });
  }
}

/** What was meant when it was saved, where others had changed the todo meanwhile. */
export function draftOf({ fields, base }, theirs) {
  return {
    ...formOf({ ...theirs, ...fields }),
    base: { ...seen(theirs), ...base.values, version: base.version },
  };
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

function seen({ version, title, due_at, notes }) {
  return { version, title, due_at, notes };
}

/** As the form has it, which knows one kind of line ends. */
function formOf({ title, due_at, notes }) {
  return { title, ...toFields(due_at), notes: (notes ?? "").replace(/\r\n?/g, "\n") };
}
