// Drawings, as SVG of our own: few points, no library.

import { el, number, visible } from "./dom.js";

const width = 640;

function frame(height, label, ...children) {
  return el("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label }, children);
}

/** Round steps that an axis up to a value is divided by. */
export function ticks(most, count = 4) {
  if (!(most > 0)) return [0, 1];
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw);
  const values = [];
  for (let value = 0; value < most + step * 0.999; value += step) values.push(value);
  return values;
}

function axes(height, left, top, bottom, values, scale, unit) {
  return values.map((value) => [
    el("line", { x1: left, x2: width, y1: scale(value), y2: scale(value), class: "grid" }),
    el("text", { x: left - 6, y: scale(value) + 4, class: "tick end" }, unit(value)),
  ]);
}

function times(points, left, height, x) {
  if (points.length < 2) return [];
  const format = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  return [0, 0.5, 1].map((part) => {
    const index = Math.round(part * (points.length - 1));
    const anchor = part === 0 ? "" : part === 1 ? " end" : " middle";
    return el("text", { x: x(index), y: height - 4, class: "tick" + anchor }, format.format(points[index].time));
  });
}

/** Areas on top of each other. `points`: [{time, values}]; `names` are classes, too. */
export function areas(points, names, label) {
  const [height, left, top, bottom] = [220, 56, 8, 22];
  const most = Math.max(1, ...points.map((point) => point.values.reduce((sum, value) => sum + value, 0)));
  const marks = ticks(most);
  const scale = (value) => height - bottom - (value / marks.at(-1)) * (height - bottom - top);
  const x = (index) => left + (index / Math.max(1, points.length - 1)) * (width - left);
  const below = points.map(() => 0);
  const layers = names.map((name, layer) => {
    const lower = below.map((value, index) => [x(index), scale(value)]);
    points.forEach((point, index) => (below[index] += point.values[layer] ?? 0));
    const upper = below.map((value, index) => [x(index), scale(value)]);
    const path = [...upper, ...lower.reverse()].map(([x, y]) => x.toFixed(1) + "," + y.toFixed(1)).join(" ");
    return el("polygon", { points: path, class: "area " + name });
  });
  return frame(
    height, label, axes(height, left, top, bottom, marks, scale, (value) => number(value, 1)), layers,
    times(points, left, height, x));
}

/** Lines over time. `lines`: [{name, class, values}], null for a gap. */
export function lines(points, lines, label, unit = (value) => number(value, 2), least = 1) {
  const [height, left, top, bottom] = [180, 64, 8, 22];
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null && value !== undefined);
  const marks = ticks(Math.max(least, ...all), 3);
  const scale = (value) => height - bottom - (value / marks.at(-1)) * (height - bottom - top);
  const x = (index) => left + (index / Math.max(1, points.length - 1)) * (width - left);
  const paths = lines.map((line) => {
    let pen = "M";
    const path = line.values.map((value, index) => {
      if (value === null || value === undefined) {
        pen = "M";
        return "";
      }
      const step = pen + x(index).toFixed(1) + " " + scale(value).toFixed(1);
      pen = "L";
      return step;
    }).join("");
    return el("path", { d: path, class: "line " + line.class }, el("title", {}, line.name));
  });
  return frame(height, label, axes(height, left, top, bottom, marks, scale, unit), paths, times(points, left, height,
    x));
}

/** Bars beside each other. `bars`: [{name, value, class, title}]. */
export function bars(bars, label, unit = (value) => number(value, 2), most) {
  const [height, left, top, bottom] = [160, 48, 8, 22];
  const marks = ticks(most ?? Math.max(1e-9, ...bars.map((bar) => bar.value ?? 0)), 3);
  const scale = (value) => height - bottom - (value / marks.at(-1)) * (height - bottom - top);
  const step = (width - left) / bars.length;
  return frame(
    height, label, axes(height, left, top, bottom, marks, scale, unit),
    bars.map((bar, index) => {
      const y = scale(Math.min(bar.value ?? 0, marks.at(-1)));
      const show = bars.length <= 12 || index % 3 === 0;
      return [
        el("rect", {
          x: left + index * step + step * 0.12, y, width: step * 0.76, height: Math.max(0, height - bottom - y),
          class: "bar " + (bar.class ?? ""),
        }, el("title", {}, bar.title ?? `${bar.name}: ${unit(bar.value ?? 0)}`)),
        show && el("text", { x: left + (index + 0.5) * step, y: height - 6, class: "tick middle" }, bar.name),
      ];
    }));
}

/** Amounts over time, with the band of what is usual. `points`: [{time, amount, class, title, isThis}]. */
export function amounts(points, usual, label) {
  const [height, left, top, bottom] = [220, 72, 10, 22];
  const high = usual ? usual.mean + 3 * usual.deviation : 0;
  const marks = ticks(Math.max(1e-9, high, ...points.map((point) => point.amount)));
  const scale = (value) => height - bottom - (Math.max(0, value) / marks.at(-1)) * (height - bottom - top);
  const [first, last] = [Math.min(...points.map((p) => p.time)), Math.max(...points.map((p) => p.time))];
  const room = width - left - 28;
  const x = (time) => (last > first ? left + 14 + ((time - first) / (last - first)) * room : (left + width) / 2);
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });
  return frame(
    height, label, axes(height, left, top, bottom, marks, scale, (value) => number(value, 2)),
    usual && [
      el("rect", {
        x: left, width: width - left, y: scale(high),
        height: Math.max(1, scale(usual.mean - 3 * usual.deviation) - scale(high)), class: "band",
      }, el("title", {}, "Usual: the mean and three standard deviations around it")),
      el("line", { x1: left, x2: width, y1: scale(usual.mean), y2: scale(usual.mean), class: "mean" }),
    ],
    points.map((point) =>
      el("circle", {
        cx: x(point.time), cy: scale(point.amount), r: point.isThis ? 8 : 5,
        class: "dot " + point.class + (point.isThis ? " this" : ""),
      }, el("title", {}, visible(point.title)))),
    el("text", { x: left, y: height - 4, class: "tick" }, day.format(first)),
    last > first && el("text", { x: width, y: height - 4, class: "tick end" }, day.format(last)));
}

/** Kilometers between two places on a sphere. */
export function distance(one, other) {
  const rad = Math.PI / 180;
  const [a, b] = [one.latitude * rad, other.latitude * rad];
  const square =
    Math.sin((b - a) / 2) ** 2 +
    Math.cos(a) * Math.cos(b) * Math.sin(((other.longitude - one.longitude) * rad) / 2) ** 2;
  return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(square)));
}

/** Known places and the present one, with a grid of degrees instead of a map that would have to be fetched. */
export function places(known, present, label) {
  const height = 300;
  const all = [...known, ...(present ? [present] : [])];
  // Longitudes beside the present one, so that the line between them takes the short way.
  const middle = present?.longitude ?? all[0].longitude;
  const turn = (longitude) => ((longitude - middle + 540) % 360) - 180 + middle;
  const longitudes = all.map((place) => turn(place.longitude));
  const latitudes = all.map((place) => place.latitude);
  const size = Math.max(0.05, Math.max(...longitudes) - Math.min(...longitudes),
    (Math.max(...latitudes) - Math.min(...latitudes)) * (width / height)) * 1.25;
  const centre = [(Math.max(...longitudes) + Math.min(...longitudes)) / 2,
    (Math.max(...latitudes) + Math.min(...latitudes)) / 2];
  const x = (longitude) => width / 2 + ((turn(longitude) - centre[0]) / size) * width;
  const y = (latitude) => height / 2 - ((latitude - centre[1]) / size) * width;
  const step = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 45, 90].find((step) => size / step <= 8) ?? 90;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const grid = [];
  for (let at = Math.ceil((centre[0] - size / 2) / step) * step; at <= centre[0] + size / 2; at += step) {
    const shown = ((at + 540) % 360) - 180;
    grid.push(el("line", { x1: x(at), x2: x(at), y1: 0, y2: height, class: "grid" }),
      el("text", { x: x(at) + 3, y: height - 4, class: "tick" }, number(shown, digits) + "°"));
  }
  const half = (size * height) / width / 2;
  for (let at = Math.ceil((centre[1] - half) / step) * step; at <= centre[1] + half; at += step) {
    grid.push(el("line", { x1: 0, x2: width, y1: y(at), y2: y(at), class: "grid" }),
      el("text", { x: 3, y: y(at) - 3, class: "tick" }, number(at, digits) + "°"));
  }
  const near = present && known.length
    ? known.map((place) => ({ place, km: distance(place, present) })).sort((a, b) => a.km - b.km)[0] : null;
  return frame(
    height, label, grid,
    near && [
      el("line", {
        x1: x(near.place.longitude), y1: y(near.place.latitude), x2: x(present.longitude), y2: y(present.latitude),
        class: "way",
      }),
      el("text", {
        x: (x(near.place.longitude) + x(present.longitude)) / 2,
        y: (y(near.place.latitude) + y(present.latitude)) / 2 - 6, class: "tick middle strong",
      }, number(near.km) + " km"),
    ],
    known.map((place) => el("circle", { cx: x(place.longitude), cy: y(place.latitude), r: 6, class: "dot known" },
      el("title", {}, `Known: ${number(place.latitude, 3)}, ${number(place.longitude, 3)}`))),
    present && el("circle", { cx: x(present.longitude), cy: y(present.latitude), r: 8, class: "dot this critical" },
      el("title", {}, `This one: ${number(present.latitude, 3)}, ${number(present.longitude, 3)}`)));
}

/** A score as a bar from 0 to 1. */
export const gauge = (value, level, label) =>
  el("div", { class: "gauge", role: "img", "aria-label": label },
    el("div", { class: "gauge-fill " + level, style: { width: Math.max(0, Math.min(1, value)) * 100 + "%" } }));
