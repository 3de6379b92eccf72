// Numbers, times and lengths of time as the crew says them.

let counts = "instant"; // or "cycle" or "elapsed": the contract's kind of time
let unit = "h"; // of elapsed time
const HOURS = { s: 1 / 3600, min: 1 / 60, h: 1 };
const CLOCK = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function countBy(kind, elapsedUnit = "h") {
  counts = kind;
  unit = elapsedUnit;
}
const isElapsed = () => counts === "elapsed";
const running = (hours) => `${number(hours / HOURS[unit])} ${unit}`;
// ticks between which the marks of an axis may stand: a cycle, a day, or the unit of running time
export const spacing = () => (isElapsed() ? HOURS[unit] : isCycle() ? 1 : 24);
const isCycle = () => counts === "cycle";

export function percent(p) {
  if (p === null || p === undefined) return "?";
  const value = p * 100;
  if (value > 0 && value < 1) return "<\u00a01\u202f%";
  if (value < 100 && value > 99) return ">\u00a099\u202f%";
  return `${Math.round(value)}\u202f%`;
}

export function number(value) {
  if (value === null || value === undefined) return "?";
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return size < 1e-6 ? "0" : String(Number(value.toPrecision(3)));
}

const UNITS = { degC: "°C", "m3/h": "m³/h", none: "", 1: "" };
// a unit of the contract as the crew writes it, with the blank before it
export function unitWords(name) {
  const word = UNITS[name] ?? name;
  return word ? ` ${word}` : "";
}
export const quantity = (value, name) => `${number(value)}${unitWords(name)}`;

// ticks: hours or cycles
export function span(ticks) {
  if (ticks === null || ticks === undefined) return "?";
  if (isElapsed()) return running(ticks);
  if (isCycle()) return `${Math.round(ticks)} ${Math.round(ticks) === 1 ? "cycle" : "cycles"}`;
  if (ticks < 1 / 60) return "now";
  if (ticks < 1) return `${Math.round(ticks * 60)} min`;
  if (ticks < 72) return `${ticks < 10 ? number(Number(ticks.toPrecision(2))) : Math.round(ticks)} h`;
  return `${Math.round(ticks / 24)} days`;
}

export function range(low, high) {
  if (isElapsed()) return `${number(low / HOURS[unit])} to ${running(high)}`;
  if (low < 0.5) return `up to ${span(high)}`;
  if (isCycle()) return `${Math.round(low)} to ${span(high)}`;
  if (high < 72) return `${Math.round(low)} to ${Math.round(high)} h`;
  if (low < 24) return `${Math.round(low)} h – ${Math.round(high / 24)} days`;
  return `${Math.round(low / 24)} to ${Math.round(high / 24)} days`;
}

// position on the axis: hours since 1970, or the cycle itself
export const place = (time) => {
  if (typeof time !== "number") return Date.parse(time) / 3.6e6;
  return isElapsed() ? time * HOURS[unit] : time;
};

export function moment(time) {
  if (time === null || time === undefined) return "never";
  if (isElapsed()) return `${number(time)} ${unit}`;
  return typeof time === "number" ? `cycle ${time}` : CLOCK.format(new Date(time));
}

export const tick = (at) => {
  if (isElapsed()) return running(at);
  return isCycle() ? String(Math.round(at)) : DAY.format(new Date(at * 3.6e6));
};
export const at = (where) => {
  if (isElapsed()) return running(where);
  return isCycle() ? `cycle ${Math.round(where)}` : CLOCK.format(new Date(where * 3.6e6));
};
// a horizon as forecasts name it: "24h", "30cycles"; of running time in hours too
export function horizon(by) {
  if (isElapsed()) return running(Number.parseFloat(by));
  return by.replace(/(\d)([a-z])/, "$1\u00a0$2");
}
export const title = (name) => (name ? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ") : name);
