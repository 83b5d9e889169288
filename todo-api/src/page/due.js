// Due dates as people say them. A day without a time ends with its last second.

const DAY_ENDS = "23:59:59";
const LOCALE = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";
const TIME = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });
const NEAR = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });
const FAR = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });

const two = (number) => String(number).padStart(2, "0");

/** The moment that two form fields mean, or null. */
export function fromFields(date, time) {
  if (!date) return null;
  return new Date(`${date}T${time ? `${time}:00` : DAY_ENDS}`).toISOString();
}

/** What the form fields show for a moment. */
export function toFields(due) {
  if (!due) return { date: "", time: "" };
  const moment = new Date(due);
  const year = String(moment.getFullYear()).padStart(4, "0");
  const date = `${year}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return { date, time: hasTime(moment) ? `${two(moment.getHours())}:${two(moment.getMinutes())}` : "" };
}

/** A moment in words: "tomorrow", "Fri 3 Jul, 14:00". */
export function inWords(due) {
  const moment = new Date(due);
  const words = dayInWords(moment);
  return hasTime(moment) ? `${words}, ${TIME.format(moment)}` : words;
}

function hasTime(moment) {
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}` !== DAY_ENDS;
}

function dayInWords(moment) {
  const now = new Date();
  // Noons, because days are not all of the same length.
  const noon = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate(), 12);
  const days = Math.round((noon(moment) - noon(now)) / 86_400_000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  if (near) return near;
  return (moment.getFullYear() === now.getFullYear() ? NEAR : FAR).format(moment);
}
