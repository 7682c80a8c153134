// One result: why it got its score, what is usual for its user, what would change it, and what people said of it.

import { amounts, bars, gauge, places } from "./charts.js";
import { badge, el, facts, fill, id, money, number, part, say, span, table, time, visible } from "./dom.js";
import { assign, judge } from "./judging.js";
import { ask, may, session } from "./server.js";

export const title = "Case";

const weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const relations = { ">=": "≥", "<=": "≤" };
const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

/** What a factor says, in a sentence. */
export function sentence(factor, transaction) {
  const type = visible(transaction.transaction_type ?? "");
  switch (factor.type) {
    case "high_velocity":
      return `${number(factor.count)} of ${number(factor.threshold)} ${type || "transaction"}s ` +
        `in ${span(factor.window)}`;
    case "unusual_location": return `${number(factor.distance_km)} km from the nearest place known of this user`;
    case "unusual_amount":
      return `${number(factor.amount, 2)} is ${number(factor.z_score, 1)} standard deviations from the mean of ` +
        number(factor.average_amount, 2);
    case "unusual_time":
      return `${factor.hour}:00 is not among this user's hours: ${factor.typical_hours.map(number).join(", ")}`;
    case "unusual_transaction_type": return `first ${visible(factor.transaction_type)} of this user`;
    case "late_night_transaction": return `late at night: ${factor.hour}:00`;
    case "future_timestamp": return `${span(factor.ahead_seconds)} ahead of the stream`;
    case "weekend_unusual_activity":
      return `${weekdays[(factor.weekday + 6) % 7] ?? "a weekend day"} is unusual for this user`;
    case "rule": return `rule ${visible(factor.rule)}: ${visible(factor.reason ?? "it holds")}`;
    case "pattern": return `pattern ${visible(factor.pattern)} is complete`;
    case "model": return "the model: " + (factor.top ?? []).map((top) =>
      `${visible(top.input)} ${visible(JSON.stringify(top.value))}`).join(", ");
    default: return visible(factor.type);
  }
}

const levelOf = (risk) => (risk >= 0.8 ? "critical" : risk >= 0.6 ? "high" : risk >= 0.4 ? "medium" : "low");

const factorRow = (risk, text, detail) =>
  el("div", { class: "factor" }, el("span", { class: "score" }, number(risk, 2)),
    gauge(risk, levelOf(risk), "risk " + number(risk, 2)), el("span", {}, text, detail));

export async function show(main, parameter, signal) {
  let entry = await ask("GET", "/v1/review/" + encodeURIComponent(parameter));
  if (signal.aborted) return;
  const transaction = entry.transaction;
  const asked = (request) => request.catch((error) => ({ refusal: error.message }));

  const head = el("div");
  const then = el("div", {}, el("p", { class: "note" }, "Loading…"));
  const profile = el("div", { class: "columns" });
  const history = el("div");

  function drawHead() {
    const note = el("input", { type: "text", id: "note", maxlength: 2000, placeholder: "Note" });
    const decide = (verdict) => async () => {
      const text = note.value;
      const judged = await judge(entry, verdict, text);
      try {
        entry = { ...entry, ...(judged ?? {}), ...(await ask("GET", "/v1/review/" + entry.entry)) };
      } catch (error) {
        say(error.message, true);
      }
      if (!signal.aborted) drawHead();
    };
    const take = async () => {
      const taken = await assign(entry, entry.assignee === session.name ? "nobody" : "me");
      entry = { ...entry, ...(taken ?? (await ask("GET", "/v1/review/" + entry.entry))) };
      if (!signal.aborted) drawHead();
    };
    const button = (text, key, action, look = "") =>
      el("button", { type: "button", class: look, onclick: action, "aria-keyshortcuts": key, "data-key": key },
        text, " ", el("kbd", { "aria-hidden": "true" }, key));
    fill(head,
      el("h1", {}, badge(entry.risk_level), " ", number(entry.risk_score, 3), " ", id(entry.transaction_id)),
      facts([
        ["user", el("a", { href: "#/user/" + encodeURIComponent(entry.user_id) }, id(entry.user_id))],
        ["amount", money(entry.amount, entry.currency)], ["time", time(entry.time_ms)],
        entry.merchant_id ? ["merchant", id(entry.merchant_id)] : null,
        transaction.transaction_type ? ["type", id(transaction.transaction_type)] : null,
        entry.decision ? ["decision", visible(entry.decision) +
          (entry.assessment.decided_by ? ` by ${visible(entry.assessment.decided_by)}` : "")] : null,
        entry.assessment.model_probability !== undefined
          ? ["probability", number(entry.assessment.model_probability, 3)] : null,
        ["judged", entry.verdict === "open" ? "not yet" : [el("span", { class: "verdict " + entry.verdict },
          entry.verdict),
          " by ", id(entry.judged_by)]],
        entry.assignee ? ["taken by", id(entry.assignee)] : null,
      ]),
      may("review") && el("div", { class: "row judge" },
        button("Fraud", "f", decide("fraud"), "critical"), button("Legitimate", "l", decide("legitimate"), "low"),
        button("Unsure", "u", decide("unsure")),
        button(entry.assignee === session.name ? "Give back" : entry.assignee ? "Take over" : "Take", "t", take),
        entry.verdict !== "open" && button("Undo", "z", decide("open")),
        el("label", { for: "note", class: "hide" }, "Note"), note));
    fill(history, table("Judgements", ["time", "who", "what", "note"], entry.history.map((judgement) => [
      time(judgement.time_ms), id(judgement.who), judgement.verdict === "open" ? "undone" : judgement.verdict,
      visible(judgement.note),
    ]), "Nobody has judged it yet."));
  }

  fill(main, head,
    part("Why", entry.assessment.risk_factors.length
      ? entry.assessment.risk_factors.map((factor) => factorRow(factor.risk_score, sentence(factor, transaction)))
      : el("p", { class: "note" }, "No factor was given."),
    entry.assessment.shadow?.length ? el("p", { class: "note" }, "In shadow: " +
      entry.assessment.shadow.map((rule) => visible(rule.rule ?? rule.pattern)).join(", ")) : null,
    el("details", { open: true }, el("summary", {}, "Every comparison, as of then"), then)),
    profile,
    session.serves ? whatIf(entry) : null,
    part("What else this user did", others(entry.of_user, entry)),
    entry.merchant_id ? part("What else happened at this merchant", others(entry.of_merchant, entry)) : null,
    part("Judgements", history),
    el("details", { class: "card" }, el("summary", {}, "Raw JSON"),
      el("pre", { tabindex: "0" }, visible(JSON.stringify(entry.assessment, null, 1)).replaceAll("⟨U+000A⟩", "\n")),
      el("pre", { tabindex: "0" }, visible(JSON.stringify(transaction, null, 1)).replaceAll("⟨U+000A⟩", "\n"))));
  drawHead();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, textarea, select")) return;
    if (event.key === "n") document.getElementById("note")?.focus();
    else {
      const button = head.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (!button) return;
      button.click();
    }
    event.preventDefault();
  }, { signal });

  if (!session.serves) {
    fill(then, el("p", { class: "note" },
      "A run over a file or a topic answers no questions; 'assay explain' does."));
  } else if (!entry.explains_then) {
    fill(then, el("p", { class: "note" }, "What it was judged by was not kept: nothing in it was unusual."));
  } else {
    const explained = await asked(ask("POST", "/v1/explanations?entry=" + entry.entry, transaction));
    if (signal.aborted) return;
    fill(then, explained.refusal ? el("p", { class: "note" }, visible(explained.refusal)) : explanation(explained));
  }
  const user = await asked(ask("GET", "/v1/users/" + encodeURIComponent(entry.user_id)));
  if (signal.aborted) return;
  fill(profile, usual(entry, transaction, user.refusal ? null : user));
}

/** The checks, rules and inputs of an explanation. */
export function explanation(document) {
  const [explained] = document.explanations;
  if (explained.rejected) return el("p", { class: "note bad" }, visible(explained.rejected.message));
  const rows = [];
  for (const check of explained.checks) {
    for (const comparison of check.comparisons) {
      rows.push([check.check, visible(comparison.quantity),
        [number(comparison.value, 3), relations[comparison.relation] ?? comparison.relation,
          number(comparison.bound, 3)].join(" "),
        comparison.true ? el("b", {}, "yes") : "no", comparison.true ? number(comparison.risk, 2) : ""]);
    }
    if (check.silence) rows.push([check.check, visible(check.silence), "", "", ""]);
  }
  const rules = explained.rules.map((rule) => [
    id(rule.rule ?? rule.pattern), rule.outcome === "fired" ? el("b", {}, "holds") : rule.outcome.replace("_", " "),
    Object.entries(rule.inputs).map(([name, value]) => `${visible(name)} = ${visible(value)}`).join(", "),
    visible(rule.error ?? rule.reason ?? ""),
  ]);
  return [
    explained.first_transaction && el("p", { class: "note" }, "It was the first of this user that is remembered."),
    table("Comparisons of the checks", ["check", "what", "comparison", "holds", "risk"], rows),
    rules.length > 0 && table("Rules", ["rule", "outcome", "what it read", "reason"], rules),
    explained.model && [
      el("p", {}, `The model says ${number(explained.model.probability, 3)}` +
        (explained.model.ready ? "." : ", and is not ready: it has not seen enough labels.")),
      table("Inputs of the model", ["input", "value", "range", "weight"], explained.model.inputs
        .filter((input) => Math.abs(input.weight) >= 0.01).slice(0, 20).map((input) => [
          visible(input.input), visible(JSON.stringify(input.value)), visible(input.range), number(input.weight,
            2)])),
    ],
  ];
}

/** What is usual for the user, with this one marked. */
function usual(entry, transaction, user) {
  const same = entry.of_user.filter((other) => other.currency === entry.currency);
  const points = same.map((other) => ({
    time: other.time_ms, amount: other.amount, class: other.verdict === "open" ? other.risk_level : other.verdict,
    title: `${other.transaction_id}: ${number(other.amount, 2)}`, isThis: other.entry === entry.entry,
  }));
  if (!points.some((point) => point.isThis)) {
    points.push({ time: entry.time_ms, amount: entry.amount, class: entry.risk_level, title: entry.transaction_id,
      isThis: true });
  }
  const mean = user?.amounts.find((amount) => amount.currency === entry.currency);
  const place = transaction.location;
  const known = user?.places ?? [];
  const hour = new Date(entry.time_ms).getHours();
  return [
    part("Amounts", amounts(points, mean, "Amounts of this user's results over time, with the usual band"),
      el("p", { class: "note" }, mean
        ? `Usual: ${number(mean.mean, 2)} ± ${number(mean.deviation, 2)} over ` +
          `${plural(mean.count, "transaction", "transactions")}, as of now.`
        : "Nothing is known of amounts in this currency.")),
    place || known.length
      ? part("Places", places(known, place, "Places known of this user, and that of this transaction"),
        el("p", { class: "note" }, `${plural(known.length, "place", "places")} known, as of now.`))
      : null,
    user ? part("Hours", bars(Array.from({ length: 24 }, (_, index) => ({
      name: String(index), value: user.hours.includes(index) ? 1 : 0, class: "known",
      title: index + ":00" + (user.hours.includes(index) ? ", usual" : ""),
    })), "Hours of the day in which this user is usually seen", (value) => (value ? "usual" : ""), 1),
    el("p", { class: "note" },
      `This one: ${hour}:00 in your zone. Hours are those of the configuration's zone.`)) : null,
  ];
}

function others(entries, present) {
  return table("Other results", ["score", "level", "transaction", "user", "amount", "time", "judged"],
    entries.filter((other) => other.entry !== present.entry).map((other) => [
      number(other.risk_score, 2), badge(other.risk_level), el("a", { href: "#/case/" + other.entry },
        id(other.transaction_id, 32)),
      id(other.user_id, 32), money(other.amount, other.currency), time(other.time_ms),
      other.verdict === "open" ? "" : other.verdict,
    ]), "Nothing else that came into the queue.");
}

/** Moves parts of the transaction and shows what its score would be. */
function whatIf(entry) {
  const transaction = structuredClone(entry.transaction);
  const input = (name, value, attributes = {}) => el("input", { name, value: value ?? "", step: "any",
    ...attributes });
  const local = new Date(entry.time_ms - new Date(entry.time_ms).getTimezoneOffset() * 60000).toISOString().slice(0,
    19);
  const amount = input("amount", entry.amount, { type: "number", min: 0 });
  const when = input("time", local, { type: "datetime-local", step: 1 });
  const latitude = input("latitude", transaction.location?.latitude, { type: "number", min: -90, max: 90 });
  const longitude = input("longitude", transaction.location?.longitude, { type: "number", min: -180, max: 180 });
  const result = el("div", { class: "columns", "aria-live": "polite" });
  let asking = 0;

  async function update() {
    const mine = ++asking;
    const changed = { ...transaction, transaction_id: "what if", amount: Number(amount.value) };
    const moved = new Date(when.value).getTime();
    // The seconds of the transaction stay as they are unless somebody moves them.
    if (when.value !== local && Number.isFinite(moved)) changed.timestamp = moved / 1000;
    if (latitude.value !== "" && longitude.value !== "") {
      changed.location = { ...(transaction.location ?? {}), latitude: Number(latitude.value),
        longitude: Number(longitude.value) };
    } else delete changed.location;
    const ways = [["as of now", "/v1/explanations"]];
    if (entry.explains_then) ways.unshift(["as of then", "/v1/explanations?entry=" + entry.entry]);
    const answers = await Promise.all(ways.map(([, path]) =>
      ask("POST", path, changed).catch((error) => ({ refusal: error.message }))));
    if (mine !== asking) return;
    fill(result, ways.map(([name], index) => {
      const answer = answers[index];
      const explained = answer.explanations?.[0];
      if (!explained?.assessment) {
        return el("div", {}, el("h3", {}, name), el("p", { class: "note bad" },
          visible(answer.refusal ?? explained?.rejected?.message ?? "It would be rejected.")));
      }
      const assessment = explained.assessment;
      return el("div", { class: "what-if", "data-way": name }, el("h3", {}, name),
        el("p", {}, badge(assessment.risk_level), " ", el("b", { class: "score" }, number(assessment.risk_score, 3)),
          ` instead of ${number(entry.risk_score, 3)}`),
        assessment.risk_factors.map((factor) => factorRow(factor.risk_score, sentence(factor, changed))));
    }));
  }

  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(update, 250);
  };
  const form = el("form", { class: "filters", oninput: soon, onsubmit: (event) => event.preventDefault() },
    el("label", {}, "Amount", amount), el("label", {}, "Time", when), el("label", {}, "Latitude", latitude),
    el("label", {}, "Longitude", longitude),
    el("button", { type: "button", class: "quiet", onclick: () => {
      form.reset();
      update();
    } }, "Reset"));
  update();
  return part("What if", form, result);
}
