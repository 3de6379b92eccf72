// What led to this: the risk and one sensor over time, and the log of what was done to the machine.

import { chart, crossings } from "./chart.js";
import { h, replace } from "./dom.js";
import { at, moment, percent, place, quantity, span, title, unitWords } from "./words.js";

const WORDS = { maintenance: "Maintenance", errors: "Error", failures: "Failure" };
let sensor = null; // the one last looked at, kept from machine to machine

export function history(machine, card) {
  const past = machine.history;
  const readings = machine.readings;
  const all = [...past.times, ...readings.times].map(place);
  if (!all.length) return null;
  const records = machine.records;
  const crossed = card.threshold === null ? [] : crossings(past.times.map(place), past.values, card.threshold);
  const common = {
    domain: [Math.min(...all), Math.max(...all)],
    marks: records.map((record) => ({ ...record, label: `${WORDS[record.table]} ${record.kind}` })),
    crossed,
  };
  return h(
    "section",
    { class: "history", "aria-labelledby": "history-title" },
    h("h3", { id: "history-title" }, "History"),
    crossed.length ? h("p", {}, `Risk reached the threshold ${at(crossed.at(-1))}.`) : null,
    past.times.length ? headlinePart(past, card, common) : null,
    readings.columns.length ? sensorPart(readings, machine.reasons, common) : null,
    h("p", { class: "legend muted" }, "▲ error  ■ maintenance  ✕ failure  ┆ risk reached the threshold"),
  );
}

function headlinePart({ times, values }, card, common) {
  const facts = card.stated.find(({ leads }) => leads);
  if (facts?.kind === "class") return null; // the chances of one class alone say little
  const label = facts ? facts.description || title(facts.task) : card.saysLife ? "Life left" : "Risk";
  const shape = facts ? (value) => quantity(value, facts.unit) : card.saysLife ? span : percent;
  const line = { label, times, values, threshold: card.threshold, shape, ...(facts ? {} : { from: 0 }) };
  return [h("h4", {}, label), chart({ ...line, ...common })];
}

// The sensor looked at last, or the first that a reason names.
function sensorPart({ times, columns }, reasons, common) {
  const find = (name) => columns.find((column) => column.name === name);
  const named = reasons.map((reason) => find(reason.sensor)).find(Boolean);
  const drawing = h("div", {});
  const draw = (column) => {
    const label = column.description || title(column.name);
    replace(
      drawing,
      chart({
        label,
        unit: unitWords(column.unit),
        times,
        values: column.mean,
        band: [column.min, column.max],
        ...common,
      }),
    );
  };
  const options = columns.map(({ name, description }) => h("option", { value: name }, description || title(name)));
  const choice = h("select", { id: "sensor" }, options);
  choice.addEventListener("change", () => {
    sensor = choice.value;
    draw(find(sensor));
  });
  const first = find(sensor) ?? named ?? columns[0];
  choice.value = first.name;
  draw(first);
  return [h("p", { class: "pick" }, h("label", {}, h("span", {}, "Sensor"), choice)), drawing];
}

export function log(machine) {
  const records = machine.records;
  return h(
    "section",
    { "aria-labelledby": "log-title" },
    h("h3", { id: "log-title" }, "Maintenance, errors and failures"),
    records.length
      ? h(
          "table",
          { class: "log" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["When", "What", "Which", ""].map((word) => h("th", { scope: "col" }, word)),
            ),
          ),
          h(
            "tbody",
            {},
            records.slice(0, 100).map((record) =>
              h(
                "tr",
                { class: record.table },
                h("td", {}, moment(record.time)),
                h("td", {}, WORDS[record.table]),
                h("td", {}, title(record.kind)),
                h(
                  "td",
                  { class: "muted" },
                  Object.values(record.extra ?? {})
                    .filter((value) => value !== null)
                    .join(", "),
                ),
              ),
            ),
          ),
        )
      : h("p", { class: "muted" }, "Nothing on record."),
  );
}
