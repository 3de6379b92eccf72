// The crew's page: asks the service, keeps its last answer, and puts it on the screen.

import * as api from "./api.js";
import { show, showNothing } from "./detail.js";
import { byId, h, replace } from "./dom.js";
import * as list from "./list.js";
import { countBy, moment, title } from "./words.js";

const EVERY_MS = 30_000;
const PAST_MS = 14 * 24 * 3600 * 1000;
const THEMES = ["auto", "light", "dark"];
let card = null; // what the model is
let fleet = null; // the last good answer of GET /v1/machines
let watch = null; // the monitoring's verdict on the model
let asked = ""; // when that was, by the clock on the wall
let turn = 0; // how often was asked: only the newest answer is shown

function banner(message) {
  byId("banner").hidden = !message;
  byId("banner").textContent = message ?? "";
}

async function guarded(work) {
  try {
    const result = await work();
    banner(null);
    return result;
  } catch (err) {
    if (!(err instanceof api.Refused)) throw err;
    if (err.status === 401) askKey(api.key.get() ? "This key is not known, or was revoked." : null);
    else banner(err.status === 0 && fleet ? `${err.message} Shown is its last answer, ${asked}.` : err.message);
    return null;
  }
}

// The card is asked for each time: the service may not have answered yet, or may serve another model by now.
async function refresh() {
  const mine = ++turn;
  const answer = await guarded(async () => {
    const of = await api.model();
    return { of, ...(await api.machines(of)) };
  });
  const verdict = answer && (await guarded(api.watch));
  if (!answer || mine !== turn) return;
  card = answer.of;
  fleet = answer;
  watch = verdict;
  countBy(card.time.kind, card.time.unit);
  byId("dataset").textContent = title(card.dataset);
  gate();
  list.setMachines(answer.machines, newest(answer.machines));
  asked = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  facts();
  staticFilters();
  applyFilters();
  await openFromAddress({ keep: true });
}

function newest(machines) {
  const times = machines.map((machine) => machine.newest).filter((time) => time !== null);
  return times.length ? `newest reading ${moment(times.reduce((a, b) => (a > b ? a : b)))}` : "no reading yet";
}

// The past begins here: two weeks, or 200 cycles, before the machine's newest reading.
function since(id) {
  const time = fleet?.machines.find((machine) => machine.id === id)?.newest;
  if (time === null || time === undefined) return null;
  return typeof time === "number" ? Math.max(0, time - 200) : new Date(Date.parse(time) - PAST_MS).toISOString();
}

function facts() {
  const machines = fleet.machines;
  const count = (state) => machines.filter((machine) => list.stateOf(machine) === state).length;
  const fact = (state, n, word) =>
    h("li", { class: state }, list.badge(state), h("strong", {}, n.toLocaleString("en")), ` ${word}`);
  replace(
    byId("facts"),
    fact("alarm", count("alarm"), count("alarm") === 1 ? "new alarm" : "new alarms"),
    fact("seen", count("seen"), "seen"),
    count("silenced") ? fact("silenced", count("silenced"), "above the threshold, no new alarm") : null,
    fact("stale", count("stale"), "without fresh data"),
    fact("calm", count("calm"), "calm"),
  );
  document.title = `${count("alarm") ? `(${count("alarm")}) ` : ""}Machines · Oilcan`;
}

function staticFilters() {
  const place = byId("statics");
  const names = Object.keys(fleet.filters);
  if (place.dataset.names === names.join()) return;
  place.dataset.names = names.join();
  replace(
    place,
    names.map((name) =>
      h(
        "label",
        {},
        h("span", {}, card.statics[name] || title(name)),
        h(
          "select",
          { name, onchange: applyFilters },
          h("option", { value: "" }, "All"),
          fleet.filters[name].map((value) => h("option", { value }, value)),
        ),
      ),
    ),
  );
}

function applyFilters() {
  if (!fleet) return;
  const statics = Object.fromEntries(
    [...byId("statics").querySelectorAll("select")].map((choice) => [choice.name, choice.value]),
  );
  list.filter({ q: byId("q").value, statics, alarms: byId("alarms").checked, sort: byId("sort").value });
}

// The machine that is open stands in the address, so a link leads to it and the back button leaves it.
const addressed = () => (location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : "");

async function openFromAddress({ keep = false } = {}) {
  const id = addressed();
  document.body.classList.toggle("one", Boolean(id));
  list.mark(id);
  if (!id) {
    showNothing("Choose a machine to see why.", watch);
    return;
  }
  if (!card || (keep && typing())) return;
  if (!keep) showNothing("Loading…");
  const machine = await guarded(() => api.machine(id, card, since(id)));
  if (addressed() !== id) return;
  if (!machine) {
    if (!keep) showNothing(`${id} cannot be shown now.`);
    return;
  }
  const top = byId("detail").scrollTop;
  show(machine, card, {
    acknowledge,
    back: () => {
      location.hash = "";
      byId("list").focus();
    },
  });
  byId("detail").scrollTop = keep ? top : 0;
  if (!keep) byId("detail").focus({ preventScroll: true });
}

// Never redraw under somebody's hands.
function typing() {
  const at = document.activeElement;
  return byId("detail").contains(at) && (at.tagName === "SELECT" || (at.tagName === "TEXTAREA" && at.value));
}

async function acknowledge(id, comment, finding) {
  try {
    await api.acknowledge(id, comment, finding);
  } catch (err) {
    if (!(err instanceof api.Refused)) throw err;
    if (err.status === 401) askKey();
    return err.status === 403 ? "This key may only read. Ask for one that may write." : err.message;
  }
  byId("detail").focus({ preventScroll: true });
  await refresh();
  return null;
}

function askKey(why = null) {
  if (why) byId("key-why").textContent = why;
  if (!byId("ask-key").open) byId("ask-key").showModal();
}

function theme(next) {
  if (next) localStorage.setItem("oilcan.theme", next);
  const name = localStorage.getItem("oilcan.theme") ?? "auto";
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = `Theme: ${name}`;
  return name;
}

function start() {
  theme();
  list.start((id) => {
    if (addressed() === id) openFromAddress();
    else location.hash = `#/${encodeURIComponent(id)}`;
  });
  byId("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]));
  byId("key").addEventListener("click", () => askKey());
  byId("reload").addEventListener("click", refresh);
  byId("key-form").addEventListener("submit", (event) => {
    api.key.set(event.submitter?.value === "forget" ? "" : byId("key-value").value.trim());
    byId("key-value").value = "";
    refresh();
  });
  byId("filters").addEventListener("input", applyFilters);
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("list").focus();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("list").focus();
  });
  addEventListener("hashchange", () => openFromAddress());
  setInterval(() => {
    if (!document.hidden) refresh();
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  refresh();
}

// A model that the gate did not promote is served only if the operator accepts it; the page says so all the time.
function gate() {
  byId("gate").hidden = card.gate === "promote";
  byId("gate").textContent =
    `Do not rely on these forecasts. The gate decided "${card.gate}" on this model: ${card.review.reasons.join("; ")}.`;
}

start();
