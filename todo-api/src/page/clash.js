// Whether what others did to a todo concerns what is done to it here.

import { Refused } from "./api.js";

/** Others have changed what was to be changed, or deleted, here. */
export class Clash extends Refused {
  constructor(theirs) {
    super(412, "was changed elsewhere meanwhile");
    this.theirs = theirs;
  }
}

/** Whether others made something else of what the write saw of the todo, and not what it makes of it. */
export function clashes({ fields = {}, base }, theirs) {
  return Object.entries(base.values).some(
    ([name, was]) =>
      !isSame(name, theirs[name], was) && !(name in fields && isSame(name, theirs[name], fields[name])),
  );
}

/** Whether two values of a field are the same; moments are written in more than one way. */
export function isSame(name, one, other) {
  if (one === other) return true;
  return name.endsWith("_at") && Boolean(one && other) && Date.parse(one) === Date.parse(other);
}
