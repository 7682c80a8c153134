// What the page asks its server, and what the server tells without being asked.

export class Refused extends Error {
  constructor(status, detail, reason) {
    super(detail);
    this.status = status;
    this.reason = reason;
  }
}

/** Who the visitor is and what there is to see. */
export let session = { name: "", scopes: [], csrf: "", guarded: false };

export const may = (scope) => session.scopes.includes(scope);

export async function loadSession() {
  session = await ask("GET", "/v1/session");
  return session;
}

export async function beginSession(body) {
  session = await ask("POST", "/v1/session", body);
  if (!session.guarded) localStorage.setItem(nameKey, session.name);
  return session;
}

const nameKey = "assay-name";

/** Sessions end with the engine. Where nobody needs a token the next one begins by itself, with the same name. */
export async function renewSession() {
  await loadSession();
  const name = localStorage.getItem(nameKey);
  if (!session.guarded && name && name !== session.name) await beginSession({ name });
}

export async function endSession() {
  await ask("DELETE", "/v1/session");
}

const patience = 15000;

/** Asks, and returns the document of the answer; throws a `Refused` for any other. */
export async function ask(method, path, body, isAgain = false) {
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
      signal: AbortSignal.timeout(patience),
    });
  } catch {
    throw new Refused(0, "The engine does not answer.");
  }
  const type = answer.headers.get("Content-Type") ?? "";
  const document = type.includes("json") ? await answer.json() : await answer.text();
  if (answer.ok) return document;
  if (document.reason === "csrf" && !isAgain) {
    await renewSession();
    return ask(method, path, body, true);
  }
  if (answer.status === 401) window.dispatchEvent(new Event("signedout"));
  throw new Refused(answer.status, document.detail ?? "It answers " + answer.status + ".", document.reason);
}

/** A query of what is not empty. */
export function query(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== "" && value !== null) query.set(name, value);
  const text = query.toString();
  return text ? "?" + text : "";
}

// Events. After a break the browser itself comes back and says which event it had last. A page that nobody sees lets
// its connection go: a browser has only six for all pages of one host.

let source = null;
let seen = 0;
let lastID = "";
let last;
let link = () => {};
const listeners = new Set();

/** Calls `listener` with each second's counts until the signal ends it. */
export function listen(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
  if (last) listener(last);
}

/** Begins to listen, or begins anew. `tell` is told whether the engine answers. */
export function follow(tell) {
  link = tell;
  open();
}

function open() {
  close();
  if (document.hidden) return;
  const mine = new EventSource("/v1/events" + query({ after: lastID }));
  source = mine;
  seen = Date.now();
  mine.addEventListener("open", () => link(true));
  mine.addEventListener("counts", (event) => {
    seen = Date.now();
    lastID = event.lastEventId;
    last = JSON.parse(event.data);
    link(true);
    for (const listener of listeners) listener(last);
  });
  mine.addEventListener("error", () => {
    link(false);
    // A refusal ends it for good; whoever is signed in tries again.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => source === mine && open(), 3000);
  });
}

function close() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", open);
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", (event) => event.persisted && open());
setInterval(() => {
  if (source && Date.now() - seen > 5000) link(false);
}, 2000);
