// The service's JSON API: the one place that knows its addresses and shapes.

const KEY = "oilcan.key";
const PAGE = 500; // the most the service gives at once

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

async function ask(path, options = {}) {
  const headers = { Accept: "application/json" };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  if (options.body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(20_000) });
  } catch {
    throw new Refused(0, "The service does not answer.");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const refusal = content.error ?? {};
    throw new Refused(
      answer.status,
      [refusal.found && `${refusal.where}: found ${refusal.found}.`, refusal.do].filter(Boolean).join(" ") ||
        `The service answers ${answer.status}.`,
    );
  }
  return content;
}

// The card, in the page's words: which columns hold what.
export async function model() {
  const card = await ask("/v1/model");
  const headline = card.forecasts.find((forecast) => forecast.name === card.headline);
  const life = card.forecasts.find((forecast) => forecast.kind === "life");
  const of = (kind) => card.forecasts.filter((forecast) => forecast.kind === kind && forecast.task === headline.task);
  return {
    ...card,
    column: `${{ life: "rul", number: "number" }[headline.kind] ?? "p"}_${headline.name}`,
    saysLife: headline.kind === "life",
    // tasks that state a class or a number, the headline task first if it is one
    stated: Object.entries(card.tasks)
      .filter(([, { kind }]) => kind === "class" || kind === "number")
      .map(([task, facts]) => ({ task, ...facts, leads: task === headline.task }))
      .sort((a, b) => b.leads - a.leads),
    threshold: headline.threshold,
    horizon: card.tasks[headline.task].horizon,
    leadTime: card.tasks[headline.task].lead_time,
    life: life ? { column: `rul_${life.name}`, cap: card.tasks[life.task].cap } : null,
    modes: card.tasks[headline.task].kind === "class" ? [] : of("event").filter((forecast) => forecast.mode),
    outlook: of("outlook")[0] ?? null,
  };
}

function lifeOf(entry, card) {
  const value = card.life ? entry[card.life.column] : null;
  if (value === null || value === undefined) return null;
  const [low, high] = ["low", "high"].map((end) => entry[`${card.life.column}_${end}`]);
  return { value, low, high, capped: card.life.cap !== null && value >= card.life.cap };
}

// What a task states of a machine: its classes, the likeliest first, or a number with its interval; null if unknown.
function statedBy(entry, { task, kind, classes, ...facts }) {
  const about = { task, kind, ...facts };
  if (kind === "number") {
    const [value, low, high] = ["", "_low", "_high"].map((end) => entry[`number_${task}${end}`] ?? null);
    return value === null ? null : { ...about, value, low, high };
  }
  const each = classes.map((name) => ({ name, p: entry[`p_${task}__${name}`] ?? 0 }));
  const whole = each.reduce((sum, { p }) => sum + p, 0);
  if (!whole) return null;
  const sorted = each.map(({ name, p }, order) => ({ name, p: p / whole, order })).sort((a, b) => b.p - a.p);
  return { ...about, classes: sorted, order: sorted[0].order };
}

function shaped(entry, card, alarm) {
  const stated = card.stated.map((facts) => statedBy(entry, facts)).filter(Boolean);
  const leading = stated.find(({ leads }) => leads) ?? null;
  const p = leading ? null : (entry[`p_${card.headline}`] ?? null);
  const age = entry.data_age_s === null ? null : Math.max(0, entry.data_age_s) / 3600;
  return {
    id: entry.machine_id,
    static: Object.fromEntries(Object.keys(card.statics).map((name) => [name, entry.static[name] ?? null])),
    newest: entry.time,
    age,
    stale: age !== null && card.time.max_gap_s !== null && age * 3600 > card.time.max_gap_s,
    p,
    above: p !== null && card.threshold !== null && p >= card.threshold,
    component: leading ? null : entry.component,
    stated,
    leading,
    life: lifeOf(entry, card),
    alarm: alarm ? { id: alarm.id, acknowledged: alarm.acknowledged_at !== null } : null,
  };
}

// All machines, page after page: the list is filtered and sorted here, at once, without asking again.
export async function machines(card) {
  const [first, { alarms }] = await Promise.all([
    ask(`/v1/machines?size=${PAGE}`),
    ask("/v1/alarms?state=open&limit=1000"),
  ]);
  const pages = Array.from({ length: Math.ceil(first.total / PAGE) - 1 }, (_, at) => at + 2);
  const more = await Promise.all(pages.map((page) => ask(`/v1/machines?size=${PAGE}&page=${page}`)));
  const open = new Map(alarms.map((alarm) => [alarm.id, alarm]));
  const all = [first, ...more].flatMap((page) => page.machines);
  return {
    filters: Object.fromEntries(Object.entries(first.filters).filter(([name]) => name in card.statics)),
    machines: all.map((entry) =>
      shaped(entry, card, entry.alarm && (open.get(entry.alarm) ?? { id: entry.alarm, acknowledged_at: null })),
    ),
  };
}

// since: the time from which the past is shown
export async function machine(id, card, since) {
  const entry = await ask(
    `/v1/machines/${encodeURIComponent(id)}${since ? `?since=${encodeURIComponent(since)}` : ""}`,
  );
  const alarms = entry.alarms ?? [];
  return {
    ...shaped(
      entry,
      card,
      alarms.find((alarm) => alarm.id === entry.alarm),
    ),
    alarms: alarms
      .filter((alarm) => !alarm.closed_at)
      .map((alarm) => ({
        ...alarm,
        messages: (entry.deliveries ?? []).filter((message) => message.alarms.includes(alarm.id)).reverse(),
      })),
    faults: (entry.faults ?? []).map((fault) => fault.text),
    reasons: entry.reasons ?? [],
    components: card.modes
      .map(({ name, mode }) => ({ name: mode, p: entry[`p_${name}`] }))
      .filter(({ p }) => p !== undefined),
    outlook: (card.outlook?.horizons ?? []).map((by) => ({ by, p: entry[`${card.outlook.name}_${by}`] })),
    history: { times: entry.history.time, values: entry.history[card.column] },
    readings: {
      times: entry.sensors.time,
      columns: Object.entries(entry.sensors.columns).map(([name, column]) => ({
        name,
        ...card.sensors[name],
        ...column,
      })),
    },
    records: Object.entries(entry.records)
      .flatMap(([table, records]) => records.map((record) => ({ table, ...record })))
      .sort((a, b) => (a.time < b.time ? 1 : -1)),
  };
}

// The monitoring's verdict on the model, and what was decided last.
export async function watch() {
  const newest = await ask("/v1/decisions?limit=1");
  return { ...newest, decision: newest.decisions[0] ?? null };
}

export const acknowledge = (id, comment, finding) =>
  ask(`/v1/alarms/${id}/acknowledge`, {
    method: "POST",
    body: JSON.stringify(finding ? { comment, finding } : { comment }),
  });
