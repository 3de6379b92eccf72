// An alarm: since when, who has seen it, the comments on it, and the form to add one.

import { byId, h } from "./dom.js";
import { moment, percent } from "./words.js";

// What the service asks for, and how the crew would say it.
export const FINDINGS = { worn: "Worn or damaged", sound: "Nothing wrong", not_looked: "Not looked" };

// What became of the messages about an alarm: who got one, or why nobody could get one.
const STEPS = { alarm: "Crew", escalation: "Nobody answered", work_order: "Work order" };
const when = (at) => new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const BECAME = {
  sent: (message) => `sent ${when(message.finished_at)}${message.reference ? ` as ${message.reference}` : ""}`,
  waiting: (message) =>
    message.error ? `tried ${message.attempts} times: ${message.error}` : `to be sent ${when(message.due_at)}`,
  failed: (message) => `not delivered, given up: ${message.error}`,
  needless: () => "not sent: somebody had acknowledged the alarm",
};

function messages(alarm) {
  return h(
    "ul",
    { class: "messages", "aria-label": "Messages" },
    alarm.messages.map((message) =>
      h(
        "li",
        { class: message.state === "failed" || message.error ? "old" : "muted" },
        `${STEPS[message.step]}, ${message.channel}: ${BECAME[message.state](message)}`,
      ),
    ),
  );
}

export function strip(alarm) {
  return h(
    "p",
    { class: `strip ${alarm.acknowledged_at ? "seen" : "open"}` },
    h(
      "span",
      {},
      h("strong", {}, `Alarm since ${moment(alarm.time)}`),
      ` at ${percent(alarm.p)}; `,
      alarm.acknowledged_at ? `seen by ${alarm.acknowledged_by}` : "not seen yet",
    ),
    h(
      "button",
      { type: "button", onclick: () => byId(`comment-${alarm.id}`).focus() },
      alarm.acknowledged_at ? "Comment…" : "Acknowledge…",
    ),
  );
}

export function alarmBox(alarm, acknowledge) {
  const seen = Boolean(alarm.acknowledged_at);
  const comment = h("textarea", {
    id: `comment-${alarm.id}`,
    rows: 2,
    maxlength: 2000,
    placeholder: "What did you see or do?",
  });
  const status = h("p", { class: "muted", role: "status" });
  const send = async (finding) => {
    status.textContent = "Sending…";
    status.textContent = (await acknowledge(alarm.id, comment.value.trim(), finding)) ?? "";
  };
  const submit = (event) => {
    event.preventDefault();
    return send(null);
  };
  return h(
    "section",
    { class: `alarm ${seen ? "seen" : "open"}`, "aria-label": "Alarm" },
    h(
      "h3",
      {},
      seen ? `Seen ${moment(alarm.acknowledged_at)} by ${alarm.acknowledged_by}` : "Nobody has seen this alarm yet",
    ),
    h(
      "ul",
      { class: "comments" },
      (alarm.comments ?? []).map((entry) =>
        h("li", {}, h("span", { class: "muted" }, `${entry.by}, ${moment(entry.at)}: `), entry.text),
      ),
    ),
    alarm.messages.length ? messages(alarm) : null,
    h(
      "form",
      { onsubmit: submit },
      h("label", { for: comment.id }, seen ? "Add a comment" : "Seen? Say so, with a comment if you like"),
      comment,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "submit", class: "main" }, seen ? "Comment" : "Acknowledge"),
        status,
      ),
      h(
        "fieldset",
        { class: "findings" },
        h("legend", {}, "What did you find at the machine?"),
        Object.entries(FINDINGS).map(([finding, words]) =>
          h(
            "button",
            { type: "button", "aria-pressed": String(alarm.finding === finding), onclick: () => send(finding) },
            words,
          ),
        ),
      ),
    ),
  );
}
