// The queue: what waits for a judgement, as a list of any length of which only what is seen is there.

import { badge, el, fill, id, money, number, say, span, visible } from "./dom.js";
import { assign, judge } from "./judging.js";
import { ask, listen, may, query, session } from "./server.js";

export const title = "Queue";

const pageSize = 100;
const filters = { verdict: "open", level: "", rule: "", least: "", most: "", age: "", assignee: "", text: "",
  order: "score" };
let place = 0;

export async function show(main, _, signal) {
  let total = 0;
  let rows = new Map();
  let loading = new Map();
  let selected = place;
  let generation = 0;
  const positions = new Map();

  const list = el("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Entries", id: "list" });
  const spacer = el("div", { class: "spacer" });
  list.append(spacer);
  const none = el("p", { class: "note", hidden: true });
  const count = el("span", { class: "count" });
  const fresh = el("button", { type: "button", class: "quiet", hidden: true, onclick: () => reload() },
    "New entries");
  const note = el("input", { type: "text", id: "note", maxlength: 2000, placeholder: "Note for the next judgement" });
  const search = field("text", "Search ids", { type: "search", id: "search" });

  fill(main,
    el("h1", {}, title, " ", count),
    el("form", { class: "filters", role: "search", "aria-label": "Filters",
      onsubmit: (event) => event.preventDefault() },
      choice("verdict", "Shown", [["open", "open"], ["judged", "judged"], ["all", "all"]]),
      choice("level", "Level", [["", "any"], ["critical", "critical"], ["high", "high"], ["medium", "medium"],
        ["low", "low"]]),
      choice("age", "Age", [["", "any"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "7 days"]]),
      choice("assignee", "Taken by", [["", "anybody"], ["me", "me"], ["nobody", "nobody"]]),
      choice("order", "Order", [["score", "score"], ["newest", "newest"], ["amount", "amount"]]),
      field("rule", "Rule", { type: "text" }), field("least", "Amount from", { type: "number", min: 0, step: "any" }),
      field("most", "to", { type: "number", min: 0, step: "any" }), search, fresh),
    list, none,
    el("div", { class: "row judge" },
      may("review") && [
        button("Fraud", "f", () => decide("fraud"), "critical"), button("Legitimate", "l",
          () => decide("legitimate"), "low"),
        button("Unsure", "u", () => decide("unsure")), button("Take", "t", take), button("Undo", "z",
          () => decide("open")),
        el("label", { for: "note", class: "hide" }, "Note for the next judgement"), note],
      button("Open", "Enter", open)));

  function button(text, key, action, look = "") {
    return el("button", { type: "button", class: look, onclick: action, "aria-keyshortcuts": key },
      text, " ", el("kbd", { "aria-hidden": "true" }, key));
  }

  function choice(name, text, options) {
    const select = el("select", { id: "filter-" + name, onchange: () => change(name, select.value) },
      options.map(([value, text]) => el("option", { value, selected: filters[name] === value }, text)));
    return el("label", {}, text, select);
  }

  function field(name, text, attributes) {
    let timer;
    const input = el("input", {
      ...attributes, value: filters[name],
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => change(name, input.value), 300);
      },
    });
    return el("label", {}, text, input);
  }

  function change(name, value) {
    filters[name] = value;
    list.scrollTop = 0;
    reload().catch(() => {});
  }

  // Rows as they are needed.

  const rowHeight = () => (window.innerWidth < 720 ? 84 : 44);

  /** How many before a place were judged since the list was loaded: they are in the server's list no more. */
  const gone = (index) => {
    if (filters.verdict !== "open") return 0;
    let count = 0;
    for (const [at, entry] of rows) if (at < index && entry.verdict !== "open") count += 1;
    return count;
  };

  async function loadPage(page) {
    if (loading.has(page)) return loading.get(page);
    const mine = generation;
    const start = page * pageSize;
    const promise = ask("GET", "/v1/review" + query({ ...filters, limit: pageSize, offset: start - gone(start) }))
      .then((answer) => {
        if (mine !== generation || signal.aborted) return;
        if (page === 0) total = answer.total;
        answer.entries.forEach((entry, index) => {
          const known = positions.get(entry.entry);
          if (known !== undefined && known !== start + index) return;
          positions.set(entry.entry, start + index);
          rows.set(start + index, entry);
        });
        loading.delete(page);
        draw();
      }, (error) => {
        loading.delete(page);
        if (!signal.aborted) say(error.message, true);
        throw error;
      });
    loading.set(page, promise);
    return promise;
  }

  async function reload() {
    generation += 1;
    [selected, place] = [0, 0];
    rows = new Map();
    loading = new Map();
    positions.clear();
    fresh.hidden = true;
    await loadPage(0);
    draw();
  }

  function draw() {
    const height = rowHeight();
    spacer.style.height = Math.max(1, total) * height + "px";
    count.textContent = number(total);
    const first = Math.max(0, Math.floor(list.scrollTop / height) - 4);
    const last = Math.min(total, Math.ceil((list.scrollTop + list.clientHeight) / height) + 4);
    const shown = [];
    for (let index = first; index < last; index++) {
      const entry = rows.get(index);
      if (!entry && !loading.has(Math.floor(index / pageSize)) && !rows.has(index)) {
        const page = Math.floor(index / pageSize);
        if (!pageDone(page)) loadPage(page).catch(() => {});
      }
      shown.push(row(entry, index, height));
    }
    list.hidden = total === 0;
    none.hidden = total > 0;
    none.textContent = filters.verdict === "open"
      ? "Nothing waits for a judgement. Results come here that 'review' in the configuration selects."
      : "Nothing here.";
    fill(spacer, shown);
    list.setAttribute("aria-activedescendant", "entry-" + selected);
  }

  const pageDone = (page) => rows.has(page * pageSize);

  function row(entry, index, height) {
    const attributes = {
      class: "entry" + (index === selected ? " selected" : ""), role: "option", id: "entry-" + index,
      "aria-selected": index === selected, style: { top: index * height + "px", height: height + "px" },
      "aria-setsize": total, "aria-posinset": index + 1,
      onclick: () => select(index), ondblclick: open,
    };
    if (!entry) return el("div", attributes, el("span", { class: "faint" }, "…"));
    const wait = (Date.now() - entry.made_ms) / 1000;
    return el("div", { ...attributes, "data-entry": entry.entry },
      el("span", { class: "score" }, number(entry.risk_score, 2)), badge(entry.risk_level),
      el("span", { class: "main" }, id(entry.transaction_id, 40)), el("span", { class: "user" }, id(entry.user_id, 30)),
      el("span", { class: "amount" }, money(entry.amount, entry.currency)),
      el("span", { class: "faint rules" }, entry.rules.map(visible).join(", ")),
      el("span", { class: "faint wait" }, span(wait)),
      entry.verdict !== "open" ? el("span", { class: "verdict " + entry.verdict }, entry.verdict)
        : entry.assignee ? el("span", { class: "taken" }, "taken by ", id(entry.assignee, 20)) : el("span", {}));
  }

  // Selecting and judging.

  function select(index) {
    selected = Math.max(0, Math.min(total - 1, index));
    place = selected;
    const height = rowHeight();
    if (selected * height < list.scrollTop) list.scrollTop = selected * height;
    else if ((selected + 1) * height > list.scrollTop + list.clientHeight) {
      list.scrollTop = (selected + 1) * height - list.clientHeight;
    }
    draw();
  }

  async function present() {
    if (!rows.has(selected) && total > 0) await loadPage(Math.floor(selected / pageSize)).catch(() => {});
    return rows.get(selected);
  }

  let turn = Promise.resolve();

  /** One judgement after the other, however fast keys come: each is of the entry that was selected then. */
  function decide(verdict) {
    const [index, mine] = [selected, generation];
    if (!rows.has(index)) {
      say("The entry is not there yet.", true);
      return;
    }
    if (verdict !== "open") nextOpen(index);
    const [shown, text] = [rows.get(index), note.value];
    note.value = "";
    turn = turn.then(async () => {
      // What an earlier turn has made of the same entry counts, but never another entry that has come into its place.
      const present = mine === generation ? rows.get(index) : undefined;
      const entry = present?.entry === shown.entry ? present : shown;
      const judged = await judge(entry, verdict, text);
      if (mine !== generation || signal.aborted) return;
      if (judged) rows.set(index, judged);
      else await refresh(index, entry);
      draw();
    });
  }

  function nextOpen(from) {
    let next = from + 1;
    while (next < total && rows.get(next) && rows.get(next).verdict !== "open") next += 1;
    if (next < total) select(next);
  }

  async function take() {
    const index = selected;
    const entry = await present();
    if (!entry) return;
    const isMine = entry.assignee === session.name;
    const taken = await assign(entry, isMine ? "nobody" : "me");
    if (taken) rows.set(index, taken);
    else await refresh(index, entry);
    draw();
  }

  /** What somebody else did to an entry is shown. */
  async function refresh(index, entry) {
    try {
      const { assessment, transaction, history, of_user, of_merchant, ...present } = await ask("GET",
        "/v1/review/" + entry.entry);
      rows.set(index, present);
    } catch {
      // It was said already why the judgement was refused.
    }
  }

  async function open() {
    const entry = await present();
    if (entry) location.hash = "#/case/" + entry.entry;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, textarea, select")) {
      if (event.key === "Enter" && event.target === note) list.focus();
      return;
    }
    const actions = {
      j: () => select(selected + 1), ArrowDown: () => select(selected + 1), k: () => select(selected - 1),
      ArrowUp: () => select(selected - 1), Home: () => select(0), End: () => select(total - 1),
      PageDown: () => select(selected + 10), PageUp: () => select(selected - 10), o: open,
      "/": () => document.getElementById("search").focus(), n: () => note.focus(),
    };
    if (may("review")) {
      Object.assign(actions, { f: () => decide("fraud"), l: () => decide("legitimate"), u: () => decide("unsure"),
        t: take,
        z: () => decide("open") });
    }
    if (event.key === "Enter" && !event.target.matches("a, button")) actions.Enter = open;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }, { signal });

  list.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  window.addEventListener("resize", draw, { signal });
  let known = null;
  listen((counts) => {
    if (known !== null && counts.open > known && filters.verdict === "open") fresh.hidden = false;
    known = counts.open ?? known;
    // An empty queue fills by itself.
    if (total === 0 && counts.open > 0 && !fresh.hidden) reload().catch(() => {});
  }, signal);
  const former = place;
  await reload();
  select(former);
  list.focus({ preventScroll: true });
}
