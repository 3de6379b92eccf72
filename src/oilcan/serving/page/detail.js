// One machine: how sure, which component, how long left, why, what its sensors did, what was done to it.

import { alarmBox, openAlarms, strip } from "./alarm.js";
import { byId, h, replace } from "./dom.js";
import { history, log } from "./history.js";
import { badge, stateOf } from "./list.js";
import { isCycle, moment, percent, range, span, title } from "./words.js";

export function showNothing(said) {
  replace(byId("detail"), h("p", { class: "empty" }, said));
}

// fleet: what GET /v1/machines says of all (horizon, lead_time, threshold, now)
export function show(machine, fleet, { acknowledge, back }) {
  replace(
    byId("detail"),
    h(
      "div",
      { class: "head" },
      h("button", { type: "button", class: "back", onclick: back }, "‹ All machines"),
      h("h2", { id: "machine-title" }, badge(stateOf(machine)), ` ${machine.machine_id}`),
      h(
        "p",
        { class: "muted" },
        Object.values(machine.static ?? {})
          .filter((value) => value !== null)
          .join(" · "),
      ),
      age(machine),
    ),
    openAlarms(machine).map(strip),
    h("div", { class: "cards" }, riskCard(machine, fleet), lifeCard(machine), componentCard(machine)),
    why(machine),
    openAlarms(machine).map((alarm) => alarmBox(alarm, acknowledge)),
    outlook(machine),
    history(machine, fleet),
    log(machine),
  );
}

function age(machine) {
  const said =
    machine.newest === null
      ? "No reading yet."
      : `Newest reading ${moment(machine.newest)}${isCycle() ? "" : `, ${span(machine.age)} ago`}.`;
  return h(
    "p",
    { class: machine.stale ? "old" : "muted" },
    machine.stale ? `Old data: the forecast below is as old. ${said}` : said,
  );
}

function card(name, ...children) {
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

function riskCard(machine, fleet) {
  const spaced = (length) => length.replace(/(\d)([a-z])/, "$1\u00a0$2");
  const when =
    !fleet.lead_time || fleet.lead_time.startsWith("0")
      ? `in the next ${spaced(fleet.horizon)}`
      : `in the ${spaced(fleet.horizon)} after the next ${spaced(fleet.lead_time)}`;
  const cut = fleet.threshold === null ? "" : `; alarm from ${percent(fleet.threshold)}`;
  return card(
    "How sure",
    h("p", { class: "big" }, percent(machine.p)),
    meter(machine.p, fleet.threshold, `${percent(machine.p)}${cut}`),
    h("p", { class: "muted" }, `chance of a failure ${when}${cut}`),
  );
}

function lifeCard(machine) {
  const life = machine.life;
  if (!life) return null;
  return card(
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
  const parts = [...(machine.components ?? [])].sort((a, b) => b.p - a.p);
  if (!parts.length) return null;
  return card(
    "Which component",
    h(
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
    ),
  );
}

function why(machine) {
  const reasons = machine.reasons?.length ? machine.reasons : (machine.life_reasons ?? []);
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
  const said = reason.text.split(". Mostly by: ").map((sentence) => {
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
      said.map(([what, how], i) =>
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
  const steps = machine.outlook ?? [];
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
          h("span", { class: "muted" }, span(step.horizon)),
        ),
      ),
    ),
  );
}
