// Judging an entry: the same from the queue and from a case.

import { say } from "./dom.js";
import { ask, may } from "./server.js";

const words = { fraud: "fraud", legitimate: "legitimate", unsure: "unsure", open: "not judged" };

/** Judges, and returns the entry as it is then; null where that was refused, after telling why. */
export async function judge(entry, verdict, note = "") {
  if (!may("review")) {
    say("Your token has not the scope 'review'.", true);
    return null;
  }
  const body = { entry: entry.entry, version: entry.version, verdict, note, key: crypto.randomUUID?.() ?? randomKey() };
  // The same key each time: an answer that got lost does not make a second judgement.
  for (let attempt = 0; ; attempt++) {
    try {
      const judged = await ask("POST", "/v1/judgements", body);
      say(`${entry.transaction_id}: ${words[verdict]}`);
      return judged;
    } catch (error) {
      if ((error.status === 0 || error.status === 503) && attempt < 4) {
        await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
        continue;
      }
      say(error.message, true);
      return null;
    }
  }
}

/** Takes an entry for the visitor, also from somebody else, or gives it back. */
export async function assign(entry, to) {
  try {
    const assigned = await ask("POST", "/v1/assignments", { entry: entry.entry, to, from: entry.assignee });
    say(to === "me" ? "Taken." : "Given back.");
    return assigned;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

// Without encryption browsers offer no randomUUID, except on loopback.
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
