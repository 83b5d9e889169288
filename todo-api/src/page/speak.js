// Words for those who do not see what happened, and for those who do not see why.

import { currentObstacle, reach } from "./api.js";
import { outbox, pending } from "./outbox.js";

const said = document.querySelector("#said");
const banner = document.querySelector("#connection");

const REASONS = {
  offline: "You are offline.",
  away: "The list cannot be reached; trying again.",
  trouble: "The list cannot be read or saved right now; trying again.",
};

/** Has screen readers say it. */
export function say(text) {
  // The same words twice would be no change, and go unsaid.
  said.textContent = said.textContent === text ? `${text}\u00a0` : text;
}

/** Shows whether something stands between the page and the service. */
export function startBanner(tryNow) {
  banner.querySelector("button").addEventListener("click", tryNow);
  reach.addEventListener("reach", show);
  outbox.addEventListener("change", show);
  show();
}

function show() {
  const obstacle = currentObstacle();
  const text = obstacle && `${REASONS[obstacle]} ${waiting(pending().length)}`;
  const line = banner.querySelector("p");
  if (line.textContent !== text) line.textContent = text;
  if (!obstacle && !banner.hidden) say("Connected again.");
  if (banner.hidden === Boolean(obstacle)) banner.hidden = !obstacle;
}

function waiting(count) {
  if (count === 0) return "Nothing that you do is lost.";
  return count === 1 ? "One change is kept here." : `${count} changes are kept here.`;
}
