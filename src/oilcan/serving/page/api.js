// The service's JSON API: the one place that knows its addresses and shapes.

const KEY = "oilcan.key";
const PAGE = 1000;

export class Refused extends Error {
  constructor(status, said) {
    super(said);
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
    const said = content.error ?? {};
    throw new Refused(
      answer.status,
      [said.found && `${said.where}: found ${said.found}.`, said.do].filter(Boolean).join(" ") ||
        `The service answers ${answer.status}.`,
    );
  }
  return content;
}

export const model = () => ask("/v1/model");

// All machines, page after page: the list is filtered and sorted here, at once, without asking again.
export async function machines() {
  const first = await ask(`/v1/machines?limit=${PAGE}&offset=0`);
  while (first.machines.length < first.total) {
    const more = await ask(`/v1/machines?limit=${PAGE}&offset=${first.machines.length}`);
    if (!more.machines.length) break;
    first.machines.push(...more.machines);
  }
  return first;
}

export const machine = (id) => ask(`/v1/machines/${encodeURIComponent(id)}`);

export const acknowledge = (id, comment) =>
  ask(`/v1/alarms/${id}/acknowledge`, { method: "POST", body: JSON.stringify({ comment }) });
