// Which build of the service answers, while somebody writes it: `cargo xtask dev`. A release says nothing of it.

let known = null;
let bar = null;

/** Loads the page anew once another build answers. */
export function answers(build) {
  if (known !== null && known !== build) location.reload();
  known = build;
}

/** Shows what keeps a newer build from being served, or nothing any more. */
export function keptBack(why) {
  bar?.remove();
  bar = null;
  if (!why) return;
  bar = document.createElement("p");
  bar.className = "build";
  bar.setAttribute("role", "status");
  bar.textContent = `This is the last good build: ${why}`;
  document.body.append(bar);
}
