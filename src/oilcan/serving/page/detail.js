// One machine: how sure, which component, how long left, why, what its sensors did, what was done to it.

import { alarmBox, strip } from "./alarm.js";
import { byId, h, replace } from "./dom.js";
import { history, log } from "./history.js";
import { badge, stateOf } from "./list.js";
import { horizon, moment, percent, quantity, range, span, title } from "./words.js";

export function showNothing(message, watch = null) {
  replace(byId("detail"), h("p", { class: "empty" }, message), watch && model(watch));
}

// Whether the forecasts may still be believed: the verdict of the monitoring, and what was decided last.
function model(watch) {
  const decision = watch.decision;
  return box(
    "The model",
    h("p", { class: watch.state === "calm" ? "muted" : "old" }, watch.verdict),
    watch.alerts.length
      ? h(
          "ul",
          {},
          watch.alerts.map((alert) => h("li", {}, alert.text)),
        )
      : null,
    h(
      "p",
      { class: "muted" },
      decision === null
        ? "No decision yet."
        : `Decided on ${new Date(decision.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}: ` +
            `${title(decision.action)}, because ${decision.reasons.join("; ")}.`,
    ),
  );
}

// card: what GET /v1/model says (horizon, leadTime, threshold)
export function show(machine, card, { acknowledge, back }) {
  replace(
    byId("detail"),
    h(
      "div",
      { class: "head" },
      h("button", { type: "button", class: "back", onclick: back }, "‹ All machines"),
      h("h2", { id: "machine-title" }, badge(stateOf(machine)), ` ${machine.id}`),
      h(
        "p",
        { class: "muted" },
        Object.values(machine.static ?? {})
          .filter((value) => value !== null)
          .join(" · "),
      ),
      age(machine),
    ),
    machine.faults.map((text) => h("p", { class: "old fault" }, text)),
    machine.alarms.map(strip),
    h("div", { class: "cards" }, riskCard(machine, card), lifeCard(machine), componentCard(machine), machine.stated.map(statedCard)),
    why(machine),
    machine.alarms.map((alarm) => alarmBox(alarm, acknowledge)),
    outlook(machine),
    history(machine, card),
    log(machine),
  );
}

function age(machine) {
  const ago = machine.age === null ? "" : machine.age < 1 / 60 ? ", just now" : `, ${span(machine.age)} ago`;
  const newest = machine.newest === null ? "No reading yet." : `Newest reading ${moment(machine.newest)}${ago}.`;
  return h(
    "p",
    { class: machine.stale ? "old" : "muted" },
    machine.stale ? `Old data: the forecast below is as old. ${newest}` : newest,
  );
}

function box(name, ...children) {
  return h("section", { class: "card", "aria-label": name }, h("h3", {}, name), children);
}

function meter(p, threshold, label) {
  const bar = h(
    "div",
    { class: "meter", role: "img", "aria-label": label },
    h("div", { class: "bar", style: { width: `${(p ?? 0) * 100}%` } }),
  );
  if (threshold !== null && threshold !== undefined)
    bar.append(h("div", { class: "cut", style: { left: `${threshold * 100}%` } }));
  return bar;
}

function riskCard(machine, card) {
  if (machine.p === null) return null;
  const spaced = (length) => length.replace(/(\d)([a-z])/, "$1\u00a0$2");
  const when =
    !card.leadTime || card.leadTime.startsWith("0")
      ? `in the next ${spaced(card.horizon)}`
      : `in the ${spaced(card.horizon)} after the next ${spaced(card.leadTime)}`;
  const cut = card.threshold === null ? "" : `; alarm from ${percent(card.threshold)}`;
  return box(
    "How sure",
    h("p", { class: "big" }, percent(machine.p)),
    meter(machine.p, card.threshold, `${percent(machine.p)}${cut}`),
    h("p", { class: "muted" }, `chance of a failure ${when}${cut}`),
  );
}

function lifeCard(machine) {
  const life = machine.life;
  if (!life) return null;
  return box(
    "How long left",
    h(
      "p",
      { class: "big" },
      h("span", { class: "about" }, life.capped ? "over " : "about "),
      span(life.value).replace(" ", "\u00a0"),
    ),
    h(
      "p",
      { class: "muted" },
      life.capped ? `at least ${span(life.low)} in 9 cases of 10` : `${range(life.low, life.high)} in 9 cases of 10`,
    ),
  );
}

function componentCard(machine) {
  const parts = [...machine.components].sort((a, b) => b.p - a.p);
  return parts.length ? box("Which component", likeliest(parts)) : null;
}

// Names with their probabilities, the likeliest first.
function likeliest(parts) {
  return h(
    "ul",
    { class: "parts" },
    parts.map((part, i) =>
      h(
        "li",
        { class: i ? "" : "first" },
        h("span", {}, title(part.name)),
        meter(part.p, null, percent(part.p)),
        h("span", { class: "figures" }, percent(part.p)),
      ),
    ),
  );
}

// What a task of kind class or number states, called as the contract describes its column.
function statedCard({ task, kind, description, classes, value, low, high, unit }) {
  const name = description || title(task);
  if (kind === "class") return box(name, likeliest(classes));
  const interval = `${quantity(low, "none")} to ${quantity(high, unit)} in 9 cases of 10`;
  return box(name, h("p", { class: "big" }, quantity(value, unit)), h("p", { class: "muted" }, interval));
}

function why(machine) {
  const { reasons } = machine;
  if (!reasons.length) return null;
  return h(
    "section",
    { class: "why", "aria-labelledby": "why-title" },
    h("h3", { id: "why-title" }, machine.alarm ? "Why" : "What speaks for a failure most"),
    h("ol", { class: "reasons" }, reasons.map(reasonRow)),
    h("p", { class: "muted" }, "Bars: share of all that pushes this forecast up."),
  );
}

// "Sensor, statistic: what it shows. Mostly by: other sensor, statistic: what it shows"
function reasonRow(reason) {
  const sentences = reason.text.split(". Mostly by: ").map((sentence) => {
    const cut = sentence.indexOf(": ");
    return cut < 0 ? ["", sentence] : [sentence.slice(0, cut), sentence.slice(cut + 2)];
  });
  return h(
    "li",
    {},
    h(
      "div",
      { class: "share" },
      meter(reason.share, null, `${percent(reason.share)} of the push`),
      h("span", { class: "figures" }, percent(reason.share)),
    ),
    h(
      "div",
      {},
      sentences.map(([what, how], i) =>
        h(
          "p",
          { class: i ? "by" : "" },
          what ? h("span", { class: "muted" }, i ? `mostly by ${what}` : what) : null,
          h("strong", {}, how),
        ),
      ),
    ),
  );
}

function outlook(machine) {
  const steps = machine.outlook;
  if (!steps.length) return null;
  return h(
    "section",
    { "aria-labelledby": "outlook-title" },
    h("h3", { id: "outlook-title" }, "Chance of a failure by then"),
    h(
      "ul",
      { class: "outlook" },
      steps.map((step) =>
        h(
          "li",
          {},
          h(
            "span",
            { class: "column" },
            h("span", { class: "bar", style: { height: `${Math.max(2, step.p * 100)}%` } }),
          ),
          h("strong", {}, percent(step.p)),
          h("span", { class: "muted" }, horizon(step.by)),
        ),
      ),
    ),
  );
}
