// Making elements, and showing numbers, times and texts from outside.

const svgNames = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "polyline", "polygon", "title"]);

/** An element with attributes and children. Texts become text, never markup. */
export function el(name, attributes = {}, ...children) {
  const element = svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("aria-")) element.setAttribute(key, value);
    else if (value === false) continue;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(element.style, value);
    else if (key in element && key !== "list" && typeof element[key] === "boolean") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** Children in a row, without those that a condition left out. */
const present = (children) =>
  children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false);

// What a text could hide behind: controls, marks of direction, and signs without width.
const hidden = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0" +
    "\\ufff9-\\ufffb\\u{e0000}-\\u{e01ef}]", "gu");

/** A text from outside with everything in it visible. */
export function visible(text) {
  return String(text ?? "").replace(hidden, (sign) => {
    return "⟨U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩";
  });
}

/** An id from outside: on its own, whatever its direction is. */
export function id(text, most = 64) {
  const shown = visible(text);
  const cut = [...shown];
  const short = cut.length > most ? cut.slice(0, most).join("") + "…" : shown;
  return el("bdi", { class: "id", title: short === shown ? null : shown }, short);
}

export const number = (value, digits = 0) =>
  value === null || value === undefined || !Number.isFinite(value)
    ? "–"
    : new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(value);

export const percent = (value, digits = 1) =>
  value === null || value === undefined || !Number.isFinite(value)
    ? "–"
    : new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: digits }).format(value);

export function money(amount, currency) {
  if (!Number.isFinite(amount)) return "–";
  if (/^[A-Z]{3}$/.test(currency)) {
    try {
      return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
    } catch {
      // A code that the browser does not take is shown as it is.
    }
  }
  return number(amount, 2) + (currency ? " " + visible(currency) : "");
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A time in the reader's zone. */
export function time(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "–";
  return el("time", { datetime: date.toISOString(), title: date.toISOString() }, clock.format(date));
}

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const size = Math.abs(seconds);
  if (size < 0.001 && size > 0) return number(seconds * 1e6, 0) + " µs";
  if (size < 1 && size > 0) return number(seconds * 1e3, size < 0.01 ? 1 : 0) + " ms";
  const [unit, length] = units.find(([, length]) => size >= length) ?? units.at(-1);
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1, unitDisplay: "short" })
    .format(seconds / length);
}

export const bytes = (count) => {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (count >= size) return number(count / size, 1) + " " + unit;
  }
  return number(count) + " B";
};

export const levels = ["low", "medium", "high", "critical"];

export const badge = (level) =>
  el("span", { class: "badge " + (levels.includes(level) ? level : "low") }, visible(level));

/** Rows of names and values. */
export const facts = (rows) =>
  el("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value))));

/** A table that scrolls by itself where it is too wide. */
export function table(caption, heads, rows, empty = "Nothing yet.") {
  if (rows.length === 0) return el("p", { class: "note" }, empty);
  return el(
    "div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el(
      "table", {},
      el("caption", { class: "hide" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
}

/** A part of a view with its heading. */
export const part = (title, ...children) =>
  el("section", { class: "card", "aria-label": title }, el("h2", {}, title), children);

let saying;

/** Tells the reader what has happened. */
export function say(text, isBad = false) {
  const said = document.getElementById("said");
  said.textContent = visible(text);
  said.classList.toggle("bad", isBad);
  said.classList.add("shown");
  clearTimeout(saying);
  saying = setTimeout(() => said.classList.remove("shown"), 6000);
}
