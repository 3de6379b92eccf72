// The list of machines: only the rows in sight are in the page, so 2,000 machines are as quick as 20.

import { byId, h, replace, s } from "./dom.js";
import { percent, quantity, range, span, title } from "./words.js";

const EXTRA = 6; // rows drawn above and below what is in sight
const SHAPES = {
  // colour is never alone: every state has a shape and a word
  alarm: ["Alarm", "M12 2 23 21H1z"],
  seen: ["Alarm, seen", "M12 2 22 12 12 22 2 12z"],
  // the alarm policy waits: it is quiet for a while after an alarm, or wants the risk confirmed, or the crew's week is full
  silenced: ["Above the threshold, no new alarm", "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM7 10.5v3h10v-3z"],
  stale: ["No fresh data", "M3 3h18v18H3zM7 7v10h10V7z"],
  calm: ["No alarm", "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z"],
};

let machines = []; // all, as the service sent them
let shown = []; // filtered and sorted
let active = 0; // position in shown that the keyboard is on
let chosen = null; // id of the machine that is open
let height = 76;
let asOf = "";
let open = () => {};

export function stateOf(machine) {
  if (machine.alarm) return machine.alarm.acknowledged ? "seen" : "alarm";
  if (machine.stale || (machine.p === null && !machine.life && !machine.leading)) return "stale";
  return machine.above ? "silenced" : "calm";
}

export function badge(state) {
  const [word, path] = SHAPES[state];
  const shape = s(
    "svg",
    { viewBox: "0 0 24 24", class: "shape", "aria-hidden": "true" },
    s("path", { d: path, "fill-rule": "evenodd" }),
  );
  return h("span", { class: `badge ${state}`, title: word }, shape, h("span", { class: "hidden" }, word));
}

export function start(onOpen) {
  open = onOpen;
  const list = byId("list");
  list.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  list.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-at]");
    if (row) choose(Number(row.dataset.at));
  });
  new ResizeObserver(() => {
    height = rowHeight();
    draw();
  }).observe(list);
}

// --row is in rem, so rows grow with the reader's letters
function rowHeight() {
  const root = getComputedStyle(document.documentElement);
  return parseFloat(root.getPropertyValue("--row")) * parseFloat(root.fontSize);
}

export function setMachines(all, moment) {
  asOf = moment;
  machines = all.map((machine) => ({
    ...machine,
    search: [machine.id, ...Object.values(machine.static ?? {})].join(" ").toLowerCase(),
  }));
}

const last = (value) => value ?? Infinity;
const compare = (a, b) => (a < b ? -1 : Number(a > b));
const ORDERS = {
  risk: (a, b) => Boolean(b.alarm) - Boolean(a.alarm) || (b.p ?? -1) - (a.p ?? -1) || ORDERS.life(a, b) || ORDERS.stated(a, b),
  // the classes as the contract lists them, the last first: usually the worst; the greatest number first
  stated: (a, b) => (b.leading ? rank(b.leading) : -Infinity) - (a.leading ? rank(a.leading) : -Infinity) || 0,
  life: (a, b) => compare(last(a.life?.value), last(b.life?.value)),
  machine_id: () => 0,
  age: (a, b) => compare(last(b.age), last(a.age)),
};
const rank = ({ kind, value, order }) => (kind === "number" ? value : order);
const NAMES = new Intl.Collator("en", { numeric: true });

export function filter({ q, statics, alarms, sort }) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = machines.filter(
    (machine) =>
      (!alarms || machine.alarm) &&
      words.every((word) => machine.search.includes(word)) &&
      Object.entries(statics).every(([name, value]) => !value || String(machine.static?.[name]) === value),
  );
  kept.sort((a, b) => ORDERS[sort](a, b) || NAMES.compare(a.id, b.id));
  const before = shown[active]?.id;
  shown = kept;
  active = Math.max(
    0,
    shown.findIndex((machine) => machine.id === before),
  );
  const [some, whole] = [shown.length, machines.length].map((n) => n.toLocaleString("en"));
  byId("count").textContent = `${some === whole ? whole : `${some} of ${whole}`} machines, ${asOf}`;
  draw();
}

export function mark(id) {
  chosen = id;
  const at = shown.findIndex((machine) => machine.id === id);
  if (at >= 0) active = at;
  if (id) draw();
  else intoView(); // a list that was hidden has forgotten how far it was scrolled
}

function draw() {
  const list = byId("list");
  const rows = byId("rows");
  rows.style.height = `${shown.length * height}px`;
  if (!shown.length) {
    replace(
      rows,
      h(
        "p",
        { class: "empty" },
        machines.length ? "No machine fits these filters." : "The service knows no machine yet.",
      ),
    );
    return;
  }
  const first = Math.max(0, Math.floor(list.scrollTop / height) - EXTRA);
  const end = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + EXTRA);
  const drawn = [];
  for (let at = first; at < end; at += 1) drawn.push(row(shown[at], at));
  if (active < first || active >= end) drawn.push(row(shown[active], active)); // the keyboard's row is always there
  replace(rows, drawn);
  list.setAttribute("aria-activedescendant", `row-${active}`);
}

function row(machine, at) {
  const state = stateOf(machine);
  const life = machine.life;
  return h(
    "div",
    {
      id: `row-${at}`,
      "data-at": at,
      role: "option",
      "aria-selected": String(machine.id === chosen),
      "aria-posinset": at + 1,
      "aria-setsize": shown.length,
      class: `row ${state}${at === active ? " active" : ""}`,
      style: { transform: `translateY(${at * height}px)` },
    },
    badge(state),
    h(
      "span",
      { class: "who" },
      h("strong", {}, machine.id),
      h(
        "span",
        { class: "muted" },
        Object.values(machine.static ?? {})
          .filter((value) => value !== null)
          .join(" · "),
      ),
    ),
    h(
      "span",
      { class: "what" },
      machine.stale
        ? h("span", { class: "old" }, `data ${span(machine.age)} old`)
        : h("span", {}, machine.component ? title(machine.component) : ""),
      life &&
        h(
          "span",
          { class: "muted" },
          life.capped ? `over ${span(life.value)} left` : `${range(life.low, life.high)} left`,
        ),
    ),
    h("span", { class: "risk" }, headline(machine)),
  );
}

// The one figure of a machine: its risk, its life left, its likeliest class or its number.
function headline({ p, life, leading }) {
  if (leading) return leading.kind === "number" ? quantity(leading.value, leading.unit) : title(leading.classes[0].name);
  return p === null && life ? span(life.value) : percent(p);
}

function onKey(event) {
  const page = Math.max(1, Math.floor(byId("list").clientHeight / height) - 1);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -shown.length, End: shown.length };
  if (event.key in steps) {
    active = Math.min(shown.length - 1, Math.max(0, active + steps[event.key]));
    intoView();
  } else if (event.key === "Enter" || event.key === " ") {
    choose(active);
  } else return;
  event.preventDefault();
}

function intoView() {
  const list = byId("list");
  const top = active * height;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
  draw();
}

function choose(at) {
  if (!shown[at]) return;
  active = at;
  open(shown[at].id);
}
