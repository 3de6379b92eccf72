// Line charts drawn as SVG: one of the risk with its threshold, one of a sensor, on the same axis of time.

import { h, s } from "./dom.js";
import { at, number, place, tick } from "./words.js";

const W = 720;
const H = 190;
const LEFT = 46;
const RIGHT = 10;
const TOP = 12;
const BOTTOM = 24;

function steps(low, high, n) {
  const raw = (high - low || 1) / n;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * size).find((each) => each >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step)
    found.push(Number(value.toPrecision(12)));
  return found;
}

// Moments at which the line reaches the threshold from below, each between two readings.
export function crossings(xs, ys, threshold) {
  const found = [];
  let before = null;
  ys.forEach((y, i) => {
    if (y === null) return;
    if (before !== null && ys[before] < threshold && y >= threshold) {
      const share = (threshold - ys[before]) / (y - ys[before]);
      found.push(xs[before] + share * (xs[i] - xs[before]));
    }
    before = i;
  });
  return found;
}

// times: TIME values; values: numbers or null; domain: [from, to] on the axis
export function chart({
  label,
  unit = "",
  times,
  values,
  domain,
  threshold = null,
  from = null,
  shape = number,
  marks = [],
  crossed = [],
  gap,
}) {
  const xs = times.map(place);
  const known = values.filter((value) => value !== null);
  let low = from ?? Math.min(...known);
  let high = Math.max(...known, threshold ?? -Infinity);
  if (!known.length) [low, high] = [0, 1];
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  if (from === null) [low, high] = [low - (high - low) * 0.06, high + (high - low) * 0.06];
  const x = (value) => LEFT + ((value - domain[0]) / (domain[1] - domain[0] || 1)) * (W - LEFT - RIGHT);
  const y = (value) => H - BOTTOM - ((value - low) / (high - low)) * (H - TOP - BOTTOM);
  const svg = s("svg", {
    viewBox: `0 0 ${W} ${H}`,
    class: "chart",
    role: "img",
    "aria-label": describe(label, unit, known, shape, crossed),
  });

  for (const value of steps(low, high, 4)) {
    svg.append(
      s("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }),
      s("text", { class: "axis", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, shape(value)),
    );
  }
  for (const value of steps(domain[0] / 24, domain[1] / 24, 6).map((day) => day * 24)) {
    if (x(value) > LEFT + 14 && x(value) < W - 24)
      svg.append(s("text", { class: "axis", x: x(value), y: H - 6, "text-anchor": "middle" }, tick(value)));
  }
  for (const mark of marks) {
    const where = x(place(mark.time));
    if (where < LEFT || where > W - RIGHT) continue;
    svg.append(
      s(
        "g",
        { class: `mark ${mark.table}` },
        s("title", {}, `${mark.said}, ${at(place(mark.time))}`),
        s("line", { x1: where, x2: where, y1: TOP, y2: H - BOTTOM }),
        s("path", { d: markShape(mark.table, where, TOP) }),
      ),
    );
  }
  for (const where of crossed)
    svg.append(s("line", { class: "crossing", x1: x(where), x2: x(where), y1: TOP, y2: H - BOTTOM }));
  if (threshold !== null) {
    svg.append(
      s("line", { class: "threshold", x1: LEFT, x2: W - RIGHT, y1: y(threshold), y2: y(threshold) }),
      s(
        "text",
        { class: "axis strong", x: W - RIGHT - 2, y: y(threshold) - 5, "text-anchor": "end" },
        `alarm from ${shape(threshold)}`,
      ),
    );
  }
  svg.append(s("path", { class: "line", d: path(xs, values, x, y, gap) }));
  return withReadout(svg, { xs, values, x, y, unit, shape });
}

const markShape = (table, x, y) =>
  ({
    maintenance: `M${x - 5} ${y}h10v8h-10z`,
    failures: `M${x - 6} ${y}l12 10m0-10l-12 10`,
    errors: `M${x - 5} ${y + 9}l5-9 5 9z`,
  })[table];

function path(xs, values, x, y, gap) {
  let d = "";
  let before = null;
  values.forEach((value, i) => {
    if (value === null) return;
    const joins = before !== null && (!gap || xs[i] - before <= gap);
    d += `${joins ? "L" : "M"}${x(xs[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!joins) d += "h.01";
    before = xs[i];
  });
  return d;
}

function describe(label, unit, known, shape, crossed) {
  if (!known.length) return `${label}: no readings`;
  const reach = `from ${shape(Math.min(...known))} to ${shape(Math.max(...known))}${unit}`;
  const words = `${label}: ${reach}, newest ${shape(known.at(-1))}${unit}`;
  return crossed.length ? `${words}; reached the threshold ${at(crossed.at(-1))}` : words;
}

// Under the pointer or the finger: the reading nearest to it.
function withReadout(svg, { xs, values, x, y, unit, shape }) {
  const line = s("line", { class: "cursor", y1: TOP, y2: H - BOTTOM, visibility: "hidden" });
  const dot = s("circle", { class: "dot", r: 4, visibility: "hidden" });
  const readout = h("p", { class: "readout muted" }, "Touch the chart to read it.");
  svg.append(line, dot);
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    const target = ((event.clientX - box.left) / box.width) * W;
    let best = -1;
    values.forEach((value, i) => {
      if (value !== null && (best < 0 || Math.abs(x(xs[i]) - target) < Math.abs(x(xs[best]) - target))) best = i;
    });
    if (best < 0) return;
    for (const [name, value] of Object.entries({ x1: x(xs[best]), x2: x(xs[best]), visibility: "visible" }))
      line.setAttribute(name, value);
    for (const [name, value] of Object.entries({ cx: x(xs[best]), cy: y(values[best]), visibility: "visible" }))
      dot.setAttribute(name, value);
    readout.textContent = `${at(xs[best])}: ${shape(values[best])}${unit}`;
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerdown", move);
  return h("figure", { class: "figure" }, svg, readout);
}
