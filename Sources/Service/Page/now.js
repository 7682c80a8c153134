// What happens now: rates, levels, latency and what lags, from events each second.

import { areas, lines } from "./charts.js";
import { el, facts, fill, levels, number, part, span, time } from "./dom.js";
import { ask, listen, session } from "./server.js";

export const title = "Now";

const spans = [["5m", "5 minutes"], ["1h", "1 hour"], ["24h", "24 hours"]];

export async function show(main, _, signal) {
  let chosen = "5m";
  let steps = [];
  let counts = null;

  const figures = el("div", { class: "figures" });
  const plots = el("div", { class: "plots" });
  const buttons = spans.map(([name, text]) =>
    el("button", { type: "button", class: "quiet", "aria-pressed": name === chosen, onclick: () => choose(name) },
      text));
  fill(main, el("h1", {}, title), figures,
    el("div", { class: "row", role: "group", "aria-label": "Time shown" }, buttons), plots,
    session.pipeline ? part("Pipeline", el("img", { class: "drawing", src: "/v1/pipeline",
      alt: "The streams of the pipeline" }),
      el("div", { id: "streams" })) : null);

  async function choose(name) {
    chosen = name;
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", spans[index][0] === name));
    await load();
  }

  async function load() {
    const history = await ask("GET", "/v1/history?span=" + chosen);
    if (signal.aborted) return;
    steps = history.steps;
    draw();
  }

  function draw() {
    const isEmpty = !(counts?.accepted > 0 || counts?.rejected > 0)
      && steps.every((step) => !step.rejected && step.levels.every((count) => !count));
    if (isEmpty || steps.length < 2) {
      fill(plots, el("p", { class: "note" },
        !isEmpty ? "The plots begin in a few seconds."
          : counts?.users > 0 ? "Nothing has come since the start. The plots begin with the next line."
            : session.serves ? "Nothing has been scored yet. Send a transaction: POST /v1/assessments."
              : "Nothing has been read yet. The plots begin with the first lines."));
      return;
    }
    const length = { "5m": 1, "1h": 15, "24h": 300 }[chosen];
    const names = (steps.at(-1).levels.length === 1) ? ["events"] : levels;
    const points = steps.map((step) => ({ time: step.time_ms, values: step.levels.map((count) => count / length) }));
    fill(plots,
      part(names.length === 1 ? "Events a second" : "Transactions a second, by level",
        areas(points, names, "Transactions a second over time, by level"),
        names.length > 1 && el("p", { class: "key" }, levels.map((level) => el("span", { class: "badge " + level },
          level)))),
      part("Time to a result",
        lines(points, [
          { name: "half of them", class: "one", values: steps.map((step) => step.p50) },
          { name: "99 of 100", class: "two", values: steps.map((step) => step.p99) },
        ], "Time from a transaction to its result: half of them, and 99 of 100", span, 0.001),
        el("p", { class: "key" }, el("span", { class: "swatch one" }), "half of them ",
          el("span", { class: "swatch two" }), "99 of 100")),
      part("Rejected lines a second",
        lines(points, [{ name: "rejected", class: "two", values: steps.map((step) => step.rejected / length) }],
          "Rejected lines a second over time")));
  }

  // After a break many events come at once, and are drawn once.
  let isDue = false;
  function drawSoon() {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (!signal.aborted) draw();
    });
  }

  function update(next) {
    counts = next;
    const step = next.step;
    if (step && chosen === "5m") {
      steps.push(step);
      if (steps.length > 300) steps.shift();
      drawSoon();
    }
    const rate = step ? step.levels.reduce((sum, count) => sum + count, 0) : null;
    fill(figures, facts([
      ["a second", number(rate)],
      ["accepted here", number(next.accepted ?? 0)],
      ["rejected", number(next.rejected ?? 0)],
      ["users", number(next.users ?? 0)],
      ["half within", span(step?.p50)],
      ["99 % within", span(step?.p99)],
      next.event_ms ? ["event time", time(next.event_ms)] : null,
      step && step.event_lag !== null ? ["behind now", span(step.event_lag)] : null,
      next.lag !== null && next.lag !== undefined ? ["lines waiting", number(next.lag)] : null,
      ["checkpoint", next.checkpoint ? "number " + number(next.checkpoint) : "none yet"],
      ["alerts waiting", number(next.alerts_waiting ?? 0)],
      next.open !== undefined ? ["to judge", el("a", { href: "#/queue" }, number(next.open))] : null,
    ]));
    const streams = document.getElementById("streams");
    if (streams && next.streams) {
      fill(streams, facts(next.streams.map((stream) => [
        stream.name, `${number(stream.taken)} taken, ${number(stream.made)} made, ${number(stream.late)} late, ` +
          `${number(stream.failed)} failed`,
      ])));
    }
  }

  await load();
  listen(update, signal);
  const timer = setInterval(() => chosen !== "5m" && load().catch(() => {}), 15000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
