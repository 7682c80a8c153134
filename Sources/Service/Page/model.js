// How good scores are, as far as results were judged, and what was learned from that.

import { bars, lines } from "./charts.js";
import { el, facts, fill, levels, number, part, percent, span, table, time, visible } from "./dom.js";
import { ask, session } from "./server.js";

export const title = "Model";

const share = (group) => `${percent(group.precision)} of ${number(group.fraud + group.legitimate)}`;

export async function show(main, _, signal) {
  const asked = (request) => request.catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  const [model, judged] = await Promise.all([
    session.learns && session.serves ? asked(ask("GET", "/v1/model")) : null,
    session.review ? asked(ask("GET", "/v1/judgements")) : null,
  ]);
  if (signal.aborted) return;
  const results = judged?.results;
  const total = results ? results.fraud + results.legitimate : 0;
  fill(main, el("h1", {}, title),
    model ? part("What was learned",
      facts([
        ["state", model.ready ? "ready" : "warming up"], ["examples", number(model.examples)], ["of them fraud",
          number(model.frauds)],
        ["corrections", number(model.corrections)], ["labels", number(model.labels)], ["labels changed",
          number(model.changed)],
        ["labels unknown", number(model.unknown)], ["wait for labels", number(model.pending)], ["not mature",
          number(model.waiting)],
        ["fraud in all", percent(model.probability_of_fraud, 2)], ["labels in a day", number(model.last_day.labels)],
        ["fraud among these", model.last_day.labels ? percent(model.last_day.frauds / model.last_day.labels) : "–"],
        ["longest wait", span(model.longest_wait_seconds)],
      ]),
      table("Greatest weights", ["weight", "input", "where it is", "n"], model.weights.map((weight) => [
        number(weight.weight, 3), visible(weight.input), visible(weight.range), number(weight.n, 2)]),
          "Nothing was learned yet."))
      : el("p", { class: "note" }, session.learns
        ? "The model is shown by the service and by 'assayctl model'."
        : "Learning is off. 'learning: {enabled: true}' in the configuration turns it on; see docs/learning.md."),
    results && total > 0 ? [
      part("Judged results", el("p", { class: "note" },
        "Only results of the queue are judged. Nothing is known here of fraud that scored too little to get there."),
      facts([
        ["judged", number(total)], ["fraud", number(results.fraud)], ["legitimate", number(results.legitimate)],
        ["unsure", number(results.unsure)], ["precision", el("span", { id: "precision" },
          percent(results.precision))],
        ["average precision", el("span", { id: "average-precision" }, number(results.average_precision, 3))],
      ])),
      el("div", { class: "columns" },
        part("Fraud among judged, by score", bars(results.tenths.map((tenth, index) => ({
          name: number(index / 10, 1), value: tenth.precision ?? 0,
          title: `${number(index / 10, 1)} to ${number((index + 1) / 10, 1)}: ${share(tenth)}`,
        })), "Share of fraud among judged results, by tenths of the score", percent, 1)),
        part("Fraud among judged, by level", bars(levels.map((level) => ({
          name: level, class: level, value: results.levels[level].precision ?? 0,
          title: `${level}: ${share(results.levels[level])}`,
        })), "Share of fraud among judged results, by level", percent, 1)),
        part("Average precision by week", results.weeks.length > 1
          ? lines(results.weeks.map((week) => ({ time: week.start_ms })), [
            { name: "average precision", class: "one", values: results.weeks.map((week) => week.average_precision) },
          ], "Average precision by week", (value) => number(value, 2)) : null,
        table("Weeks", ["week of", "judged", "fraud", "average precision"], results.weeks.map((week) => [
          time(week.start_ms), number(week.fraud + week.legitimate), number(week.fraud),
            number(week.average_precision, 3)]))),
        part("Labels by age", table("Labels by age", ["within", "judged", "fraud"], results.waits.map((wait) => [
          wait.up_to === "more" ? "later" : wait.up_to, number(wait.fraud + wait.legitimate), number(wait.fraud)])))),
    ] : session.review && el("p", { class: "note" }, "Nothing was judged yet. ", el("a", { href: "#/queue" },
      "The queue"), " shows what waits."));
}
