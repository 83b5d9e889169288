// Texts as the API takes them: their lengths are in characters, of which some are two units of JavaScript's strings, and
// space is what Unicode calls so, which `String.trim` does not quite do.

const LONGEST = { title: 200, notes: 10_000 };

/** The text without space around it. */
export function trim(text) {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
}

/** So many characters of a text, with a sign where there are more. */
export function glimpse(text, most) {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : text;
}

/** What to say of the first field that is too long; nothing, if none is. */
export function excess(fields) {
  for (const [name, most] of Object.entries(LONGEST)) {
    const { length } = [...(fields[name] ?? "")];
    if (length > most) return { name, words: `At most ${most} characters can be saved here; these are ${length}.` };
  }
  return null;
}
