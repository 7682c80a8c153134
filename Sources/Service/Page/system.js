// The engine itself: checkpoints, inputs, outputs, the journal, alert channels.

import { bytes, el, facts, fill, id, number, part, say, span, table, time, visible } from "./dom.js";
import { ask, may } from "./server.js";

export const title = "System";

/** The samples of a metrics page, by name: [{labels, value}]. */
export function parseMetrics(text) {
  const families = new Map();
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
    }
    if (!families.has(parts[1])) families.set(parts[1], []);
    families.get(parts[1]).push({ labels, value: Number(parts[3]) });
  }
  return families;
}

export async function show(main, _, signal) {
  const parts = el("div", { class: "columns" });
  const snapshot = el("button", { type: "button", class: "main", onclick: copy }, "Make a snapshot");
  fill(main, el("h1", {}, title), may("admin") ? el("div", { class: "row" }, snapshot) : null, parts);

  async function copy() {
    snapshot.disabled = true;
    try {
      const { snapshot: number } = await ask("POST", "/v1/snapshots");
      say(`Snapshot ${number} is made.`);
      await load();
    } catch (error) {
      say(error.message, true);
    }
    snapshot.disabled = false;
  }

  async function load() {
    const [status, metrics] = await Promise.all([
      ask("GET", "/v1/status").catch((error) => ({ refusal: error.message })), ask("GET", "/metrics")]);
    if (signal.aborted) return;
    const families = parseMetrics(metrics);
    const value = (name) => families.get(name)?.[0]?.value ?? null;
    const byLabel = (name, label) => new Map((families.get(name) ?? []).map((sample) => [sample.labels[label],
      sample.value]));
    const sinks = byLabel("assay_sink_rows_total", "sink");
    const [waiting, failures, size] = ["assay_sink_waiting_rows", "assay_sink_failures_total",
      "assay_sink_bytes_total"]
      .map((name) => byLabel(name, "sink"));
    const channels = byLabel("assay_alerts_waiting", "channel");
    const oldest = byLabel("assay_alerts_oldest_seconds", "channel");
    const checkpoint = status.checkpoint;
    fill(parts,
      part("State", status.refusal ? el("p", { class: "note" }, status.refusal) : facts([
        ["file", id(status.state, 80)], ["size", bytes(status.bytes)], ["process", number(status.owner_pid)],
        ["users", number(checkpoint?.users)], ["snapshots",
          status.snapshots.length ? status.snapshots.map(String).join(", ") : "none"],
      ])),
      part("Last checkpoint", checkpoint ? facts([
        ["number", number(checkpoint.id)], ["taken", time(checkpoint.taken_ms)], ["because",
          visible(checkpoint.reason)],
        ["took", span(checkpoint.duration_ms / 1000)], ["written", bytes(checkpoint.bytes_written)],
        ["transactions", number(checkpoint.sequence)], ["event time", time(checkpoint.event_ms)],
        ["failed since the start", number(value("assay_checkpoint_failures_total"))],
      ]) : el("p", { class: "note" }, "None yet.")),
      part("Inputs", table("Inputs", ["input", "from", "lines", "behind"], (checkpoint?.inputs ?? []).map((input) => [
        id(input.name || "input"), id(input.path, 60), number(input.line),
          input.lag === undefined ? "–" : number(input.lag)]))),
      part("Outputs", table("Outputs", ["output", "rows", "bytes", "waiting", "failed attempts"],
        [...sinks].map(([name, rows]) => [
        id(name), number(rows), bytes(size.get(name) ?? 0), number(waiting.get(name) ?? 0),
          number(failures.get(name) ?? 0)]))),
      part("Alert channels", table("Alert channels", ["channel", "waiting", "oldest"], [...channels].map(([name,
        count]) => [
        id(name), number(count), count ? span(oldest.get(name)) : "–"]), "This run has no alerts.")),
      families.has("assay_journal_bytes_total")
        ? part("Journal", facts([...families].filter(([name]) => name.startsWith("assay_journal")).filter(([,
          s]) => s.length === 1)
          .map(([name, [sample]]) => [name.replace(/^assay_journal_|_total$/g, "").replaceAll("_", " "),
            number(sample.value, 3)])))
        : null,
      part("Process", facts([
        ["memory", bytes(value("process_resident_memory_bytes") ?? 0)], ["CPU",
          span(value("process_cpu_seconds_total"))],
        ["open files", number(value("process_open_fds"))], ["connections", number(value("assay_http_connections"))],
      ])));
  }

  await load();
  const timer = setInterval(() => load().catch(() => {}), 5000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
