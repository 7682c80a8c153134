// Rules and patterns: how often they fired, and how often that was fraud.

import { el, fill, id, number, part, percent, table, time, visible } from "./dom.js";
import { ask } from "./server.js";

export const title = "Rules";

export async function show(main, _, signal) {
  const { rules, since_ms } = await ask("GET", "/v1/rules");
  if (signal.aborted) return;
  const rows = (rules) => rules.map((rule) => {
    const judged = rule.fraud + rule.legitimate;
    return [
      el("div", {}, id(rule.name), rule.kind === "pattern"
        ? el("details", {}, el("summary", {}, "drawn"), el("img", {
          class: "drawing", loading: "lazy", src: "/v1/patterns/" + encodeURIComponent(rule.name),
          alt: "The stages of the pattern",
        }))
        : el("div", { class: "faint code" }, visible(rule.condition))),
      visible(rule.does), number(rule.fired_lately), number(rule.fired), number(rule.failed),
      judged ? `${percent(rule.fraud / judged)} of ${number(judged)}` : "–",
    ];
  });
  const heads = ["rule", "does", "fired lately", "fired in all", "failed or missed", "fraud among judged"];
  const [live, shadow] = [rules.filter((rule) => !rule.shadow), rules.filter((rule) => rule.shadow)];
  fill(main, el("h1", {}, title),
    el("p", { class: "note" }, "Lately: in the last 24 hours, at most since ", time(since_ms), "."),
    rules.length === 0
      ? el("p", { class: "note" },
        "This run has no rules. 'rules:' and 'patterns:' in the configuration add them; see docs/rules.md.")
      : [
        part("Live", table("Live rules and patterns", heads, rows(live), "None.")),
        part("In shadow", table("Rules in shadow", heads, rows(shadow),
          "None: a rule with 'shadow: true' is only watched.")),
      ]);
}
