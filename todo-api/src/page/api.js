// Speaks with the service, and knows whether it can be reached.

/** The service gave no answer, or cannot do it at present; trying again may help. */
export class Unreachable extends Error {}

/** The service said no; trying again would not help. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const PATIENCE = 10_000;

/** "reach" events tell how the last request went. */
export const reach = new EventTarget();

/** What stands between us and the service: "" (nothing), "away" or "trouble". */
let obstacle = "";

export function currentObstacle() {
  return navigator.onLine ? obstacle : "offline";
}

function tell(now) {
  obstacle = now;
  reach.dispatchEvent(new Event("reach"));
}

for (const name of ["online", "offline"]) {
  addEventListener(name, () => reach.dispatchEvent(new Event("reach")));
}

/** Asks the service for something; `key` makes it safe to ask again, `version` refuses it if the todo has another. */
export async function ask(method, path, { body, key, version } = {}) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  // A string as headers write it (RFC 9651).
  if (key) headers["idempotency-key"] = `"${key}"`;
  if (version) headers["if-match"] = `"${version}"`;
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    answer = response.status === 204 ? null : await response.json();
  } catch {
    tell("away");
    throw new Unreachable();
  }
  // 409: an earlier try with the same key is still under way.
  if (response.status >= 500 || [408, 409, 425, 429].includes(response.status)) {
    tell("trouble");
    throw new Unreachable();
  }
  tell("");
  if (!response.ok) throw new Refused(response.status, answer.errors?.[0]?.detail ?? answer.detail);
  return answer;
}

/** Waits longer after each failure: one second, two, four, up to fifteen, and not everyone the same. */
export class Backoff {
  #failures = 0;
  #wake = () => {};

  /** Waits, unless woken. */
  async wait() {
    const seconds = Math.min(15, 2 ** this.#failures++) * (0.75 + Math.random() / 2);
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, seconds * 1000);
    });
  }

  reset() {
    this.#failures = 0;
  }

  wake() {
    this.reset();
    this.#wake();
  }
}
