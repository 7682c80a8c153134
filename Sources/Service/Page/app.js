// The frame of the page: who looks at it, which view is shown, and what holds for all views.

import { el, facts, fill, visible } from "./dom.js";
import { beginSession, endSession, follow, listen, renewSession, session } from "./server.js";
import * as now from "./now.js";
import * as queue from "./queue.js";
import * as caseView from "./case.js";
import * as user from "./user.js";
import * as rules from "./rules.js";
import * as model from "./model.js";
import * as system from "./system.js";

const views = { now, queue, case: caseView, user, rules, model, system };
const tabs = ["now", "queue", "rules", "model", "system"];
const main = document.getElementById("main");
const link = document.getElementById("link");
const visitor = document.getElementById("visitor");
const troubles = document.getElementById("troubles");

let leaving = new AbortController();

/** Shows the view that the address names. */
async function show() {
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  const [name, ...rest] = location.hash.replace(/^#\//, "").split("/");
  const view = views[name] ?? now;
  const key = views[name] ? name : "now";
  document.title = view.title + " · Assay";
  for (const item of document.querySelectorAll("#nav a")) {
    if (item.dataset.view === key) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  try {
    let parameter = rest.join("/");
    try {
      parameter = decodeURIComponent(parameter);
    } catch {
      // An address that somebody has typed is shown as it is.
    }
    await view.show(main, parameter, signal);
  } catch (error) {
    if (signal.aborted) return;
    fill(main, el("h1", {}, view.title), problem(error));
  }
  if (!signal.aborted && document.activeElement === document.body) main.focus({ preventScroll: true });
}

function problem(error) {
  const hint = error.status === 403 ? "Your token has not the scope for that."
    : error.status === 0 ? "The page tries again by itself." : "";
  if (error.status === 0 || error.status === 503) {
    const again = setTimeout(show, 3000);
    leaving.signal.addEventListener("abort", () => clearTimeout(again));
  }
  if (error.status === undefined) console.error(error);
  return el("p", { class: "note bad" }, visible(error.message) + " " + hint);
}

// Who looks.

function signIn(text = "") {
  leaving.abort();
  const field = el("input", {
    type: session.guarded ? "password" : "text", id: "token", autocomplete: "off", required: true, maxlength: 256,
    spellcheck: "false",
  });
  const form = el(
    "form", { class: "card login" },
    el("h1", {}, session.guarded ? "Sign in" : "Your name"),
    el("label", { for: "token" }, session.guarded ? "Token" : "What judgements are signed with"), field,
    el("button", { type: "submit", class: "main" }, "Continue"),
    el("p", { class: "note" + (text ? " bad" : ""), role: "alert" }, visible(text)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await beginSession(session.guarded ? { token: field.value } : { name: field.value.trim() });
      begin();
    } catch (error) {
      signIn(error.message);
    }
  });
  document.title = "Sign in · Assay";
  fill(main, form);
  field.focus();
}

function begin() {
  fill(document.getElementById("nav"), tabs.filter(isThere).map((name) =>
    el("a", { href: "#/" + name, "data-view": name }, views[name].title)));
  visitor.hidden = false;
  visitor.textContent = visible(session.name);
  visitor.setAttribute("aria-label", (session.guarded ? "Sign out " : "Change the name ") + visible(session.name));
  follow((isUp) => {
    link.textContent = isUp ? "live" : "no answer";
    link.className = "link " + (isUp ? "up" : "down");
  });
  show();
}

const isThere = (name) => (name !== "model" || session.learns || session.review) && (name !== "queue"
  || session.review !== false);

visitor.addEventListener("click", async () => {
  if (session.guarded) await endSession();
  signIn();
});

window.addEventListener("signedout", () => {
  if (session.guarded) signIn("The session has ended.");
  else renewSession().then(begin);
});

// What is wrong is said on every view.

listen((counts) => {
  const texts = [...(counts.troubles ?? [])];
  if (counts.ready === false && texts.length === 0) texts.push("the engine is not ready: it resumes, or cannot save");
  troubles.hidden = texts.length === 0;
  const text = texts.map(visible).join(" · ");
  // An alert that is written anew each second would be read out each second.
  if (troubles.textContent !== text) troubles.textContent = text;
}, new AbortController().signal);

// The keyboard.

const keys = [
  ["g then n, q, r, m, s", "Now, Queue, Rules, Model, System"],
  ["j, k", "Next, previous entry"],
  ["Enter", "Open the entry"],
  ["f, l, u", "Judge: fraud, legitimate, unsure"],
  ["t", "Take the entry, or give it back"],
  ["z", "Undo your judgement of the entry"],
  ["n", "Write a note for the next judgement"],
  ["/", "Search the queue"],
  ["?", "These keys"],
  ["Escape", "Leave a field or close this"],
];

function showKeys() {
  const dialog = el(
    "dialog", { "aria-label": "Keyboard shortcuts" }, el("h2", {}, "Keyboard"),
    facts(keys.map(([key, text]) => [el("kbd", {}, key), text])),
    el("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Close"));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.getElementById("help").addEventListener("click", showKeys);

let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isField = event.target.matches("input, textarea, select");
  if (isField) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (isGoing) {
    isGoing = false;
    const name = tabs.find((tab) => tab[0] === event.key);
    if (name && isThere(name)) {
      event.preventDefault();
      location.hash = "#/" + name;
    }
    return;
  }
  if (event.key === "g") isGoing = true;
  else if (event.key === "?") showKeys();
});

window.addEventListener("hashchange", show);

async function start() {
  try {
    await renewSession();
  } catch (error) {
    fill(main, el("p", { class: "note bad" }, visible(error.message) + " The page tries again."));
    setTimeout(start, 2000);
    return;
  }
  if (session.guarded && !session.csrf) signIn();
  else begin();
}

start();
