// A user: what is known, what came into the queue, and what people said.

import { bars, places } from "./charts.js";
import { badge, el, facts, fill, id, money, number, part, table, time } from "./dom.js";
import { ask, query, session } from "./server.js";

export const title = "User";

export async function show(main, parameter, signal) {
  const asked = (request) => request.catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  const all = query({ user_id: parameter, verdict: "all", order: "newest", limit: 200 });
  const [user, results, begun] = await Promise.all([
    asked(ask("GET", "/v1/users/" + encodeURIComponent(parameter))),
    session.review ? asked(ask("GET", "/v1/review" + all)) : null,
    asked(ask("GET", "/v1/sequences/" + encodeURIComponent(parameter))),
  ]);
  if (signal.aborted) return;
  const entries = results?.entries ?? [];
  fill(main, el("h1", {}, "User ", id(parameter)),
    user ? [
      facts([
        ["transactions", number(user.transactions)], ["last seen", time(user.last_ms)],
        ["seen at weekends", user.weekend ? "yes" : "no"], ["places", number(user.places.length)],
      ]),
      el("div", { class: "columns" },
        part("Amounts", table("Amounts by currency", ["currency", "count", "mean", "deviation"],
          user.amounts.map((amount) => [
          id(amount.currency), number(amount.count), number(amount.mean, 2), number(amount.deviation, 2)]))),
        part("Types", table("Types of transactions", ["type", "last seen", "times kept"], user.types.map((type) => [
          id(type.transaction_type), time(type.times_ms.at(-1)), number(type.times_ms.length)]))),
        user.places.length > 0 && part("Places", places(user.places, null, "Places known of this user")),
        part("Hours", bars(Array.from({ length: 24 }, (_, index) => ({
          name: String(index), value: user.hours.includes(index) ? 1 : 0, class: "known",
        })), "Hours of the day in which this user is usually seen", (value) => (value ? "usual" : ""), 1)),
        begun?.sequences.length > 0 && part("Open sequences", table(
          "Open sequences", ["pattern", "began", "waits for", "ends"], begun.sequences.map((sequence) => [
            id(sequence.pattern), time(sequence.began_ms), id(sequence.waits_for.join(", ")), time(sequence.ends_ms),
          ])))),
    ] : el("p", { class: "note" }, "Nothing is known of this user, or not any more."),
    session.review && part("Results in the queue", table(
      "Results", ["score", "level", "transaction", "amount", "time", "judged", "by"],
      entries.map((entry) => [
        number(entry.risk_score, 2), badge(entry.risk_level),
        el("a", { href: "#/case/" + entry.entry }, id(entry.transaction_id, 32)),
        money(entry.amount, entry.currency), time(entry.time_ms), entry.verdict === "open" ? "" : entry.verdict,
        id(entry.judged_by),
      ]), "None of this user's results came into the queue.")));
}
