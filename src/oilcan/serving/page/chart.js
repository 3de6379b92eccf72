// Line charts drawn as SVG: one of the risk with its threshold, one of a sensor, on the same axis of time.

import { h, s } from "./dom.js";
import { at, number, place, spacing, tick } from "./words.js";

const W = 720;
const H = 190;
const EDGE = { left: 46, right: 10, top: 12, bottom: 24 };

// times: as the service tells them; values: numbers or null; band: least and greatest around each value, or null;
// domain: [from, to] on the axis; threshold: a level; from: where the axis of values begins, null if it may float;
// marks: records {table, time, label}; crossed: places on the axis where the risk reached its threshold.
export function chart(facts) {
  const { label, unit = "", times, values, band = null, domain, threshold = null, from = null, shape = number } = facts;
  const xs = times.map(place);
  const known = values.filter((value) => value !== null);
  const to = scale(
    domain,
    limits([...known, ...(band ?? []).flat().filter((value) => value !== null)], threshold, from),
  );
  const svg = s("svg", {
    viewBox: `0 0 ${W} ${H}`,
    class: "chart",
    role: "img",
    "aria-label": described(label, unit, known, shape, facts.crossed),
  });
  svg.append(...axes(to, domain, shape), ...records(to, facts.marks), ...levels(to, threshold, facts.crossed, shape));
  if (band) svg.append(s("path", { class: "band", d: area(xs, band, to) }));
  svg.append(s("path", { class: "line", d: line(xs, values, to) }));
  return withReadout(svg, { xs, values, to, unit, shape });
}

function limits(known, threshold, from) {
  if (!known.length) return [from ?? 0, (from ?? 0) + 1];
  let [low, high] = [from ?? Math.min(...known), Math.max(...known, threshold ?? -Infinity)];
  if (high - low < 1e-9) [low, high] = [low - (from === null), high + 1];
  const room = from === null ? (high - low) * 0.06 : 0;
  return [low - room, high + room];
}

function scale(domain, [low, high]) {
  const width = W - EDGE.left - EDGE.right;
  return {
    low,
    high,
    x: (where) => EDGE.left + ((where - domain[0]) / (domain[1] - domain[0] || 1)) * width,
    y: (value) => H - EDGE.bottom - ((value - low) / (high - low)) * (H - EDGE.top - EDGE.bottom),
  };
}

// Round numbers, about n of them, from low to high.
function steps(low, high, n, sizes = [1, 2, 2.5, 5, 10]) {
  const size = 10 ** Math.floor(Math.log10((high - low || 1) / n));
  const step = sizes.map((times) => times * size).find((each) => each >= (high - low) / n) ?? size;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step)
    ticks.push(Number(value.toPrecision(12)));
  return ticks;
}

function axes(to, domain, shape) {
  const per = spacing();
  const days = steps(domain[0] / per, domain[1] / per, 8, [1, 2, 5, 10]).map((day) => day * per);
  const beside = { x: EDGE.left - 6, "text-anchor": "end" };
  return [
    ...steps(to.low, to.high, 4).flatMap((value) => [
      s("line", { class: "grid", x1: EDGE.left, x2: W - EDGE.right, y1: to.y(value), y2: to.y(value) }),
      s("text", { class: "axis", y: to.y(value) + 4, ...beside }, shape(value)),
    ]),
    ...days
      .filter((day) => to.x(day) > EDGE.left + 14 && to.x(day) < W - 24)
      .map((day) => s("text", { class: "axis", x: to.x(day), y: H - 6, "text-anchor": "middle" }, tick(day))),
  ];
}

const upright = (x, name) => s("line", { class: name, x1: x, x2: x, y1: EDGE.top, y2: H - EDGE.bottom });

const SHAPES = {
  maintenance: (x, y) => `M${x - 5} ${y}h10v8h-10z`,
  failures: (x, y) => `M${x - 6} ${y}l12 10m0-10l-12 10`,
  errors: (x, y) => `M${x - 5} ${y + 9}l5-9 5 9z`,
};

function records(to, marks) {
  return marks
    .map((mark) => ({ ...mark, x: to.x(place(mark.time)) }))
    .filter(({ x }) => x >= EDGE.left && x <= W - EDGE.right)
    .map(({ table, time, label, x }) => {
      const title = s("title", {}, `${label}, ${at(place(time))}`);
      return s("g", { class: `mark ${table}` }, title, upright(x, ""), s("path", { d: SHAPES[table](x, EDGE.top) }));
    });
}

function levels(to, threshold, crossed, shape) {
  const crossings = crossed.map((where) => upright(to.x(where), "crossing"));
  if (threshold === null) return crossings;
  const y = to.y(threshold);
  const words = { class: "axis strong", x: EDGE.left + 6, y: y - 5 };
  const level = s("line", { class: "threshold", x1: EDGE.left, x2: W - EDGE.right, y1: y, y2: y });
  return [...crossings, level, s("text", words, `alarm from ${shape(threshold)}`)];
}

// Where nothing was read, the line is broken.
function line(xs, values, to) {
  let joins = false;
  return values
    .map((value, i) => {
      const step = value === null ? "" : `${joins ? "L" : "M"}${to.x(xs[i]).toFixed(1)} ${to.y(value).toFixed(1)}`;
      const alone = step && !joins ? "h.01" : "";
      joins = value !== null;
      return step + alone;
    })
    .join("");
}

function area(xs, [low, high], to) {
  const point = (i, value) => `${to.x(xs[i]).toFixed(1)} ${to.y(value).toFixed(1)}`;
  let d = "";
  for (let from = 0; from < low.length; from += 1) {
    if (low[from] === null) continue;
    let end = from;
    while (end + 1 < low.length && low[end + 1] !== null) end += 1;
    const piece = Array.from({ length: end - from + 1 }, (_, at) => from + at);
    d += `M${piece.map((i) => point(i, high[i])).join("L")}L${piece
      .reverse()
      .map((i) => point(i, low[i]))
      .join("L")}z`;
    from = end;
  }
  return d;
}

// Moments at which the line reaches the threshold from below, each between two readings.
export function crossings(xs, ys, threshold) {
  const crossings = [];
  let before = null;
  ys.forEach((y, i) => {
    if (y === null) return;
    if (before !== null && ys[before] < threshold && y >= threshold) {
      const share = (threshold - ys[before]) / (y - ys[before]);
      crossings.push(xs[before] + share * (xs[i] - xs[before]));
    }
    before = i;
  });
  return crossings;
}

function described(label, unit, known, shape, crossed) {
  if (!known.length) return `${label}: no readings`;
  const reach = `from ${shape(Math.min(...known))} to ${shape(Math.max(...known))}${unit}`;
  const words = `${label}: ${reach}, newest ${shape(known.at(-1))}${unit}`;
  return crossed.length ? `${words}; risk reached the threshold ${at(crossed.at(-1))}` : words;
}

// Under the pointer or the finger: the reading nearest to it.
function withReadout(svg, { xs, values, to, unit, shape }) {
  const cursor = upright(0, "cursor");
  const dot = s("circle", { class: "dot", r: 4 });
  const readout = h("p", { class: "readout muted" }, "Touch the chart to read it.");
  const known = values.flatMap((value, i) => (value === null ? [] : [i]));
  const read = (event) => {
    const box = svg.getBoundingClientRect();
    const target = ((event.clientX - box.left) / box.width) * W;
    const off = (i) => Math.abs(to.x(xs[i]) - target);
    const i = known.reduce((best, each) => (off(each) < off(best) ? each : best), known[0]);
    if (i === undefined) return;
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, to.x(xs[i]));
    dot.setAttribute("cx", to.x(xs[i]));
    dot.setAttribute("cy", to.y(values[i]));
    svg.append(cursor, dot);
    readout.textContent = `${at(xs[i])}: ${shape(values[i])}${unit}`;
  };
  svg.addEventListener("pointermove", read);
  svg.addEventListener("pointerdown", read);
  return h("figure", { class: "figure" }, svg, readout);
}
