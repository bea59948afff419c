// Attempts that have no answer yet: kept with their number and their age, sent again by themselves, never dropped.
import { Refused, Unreached, call } from "./api.js";
import { $, closeSheet, el, icon, openSheet, toast } from "./dom.js";
import * as store from "./store.js";
import { age, t, told } from "./words.js";

const EVERY_MS = 5000;
let frame;
let running = false;
let timer;
let reached = true;
let waiting = 0;
let changed = () => {};
const watched = new Set();

export const settle = (given) => { frame = given; };
export const whenChanged = (act) => { changed = act; };
export const size = () => waiting;
// An attempt whose screen is open is asked after by that screen, not by the queue.
export const watch = (id) => watched.add(id);
export const leave = (id) => watched.delete(id);

export function start() {
  if (timer) return void run();
  timer = setInterval(run, EVERY_MS);
  window.addEventListener("online", () => { reached = true; run(); });
  window.addEventListener("offline", () => { reached = false; show(); });
  $("sync").addEventListener("click", list);
  run();
}

export function tell(isReached) {
  if (reached !== isReached) { reached = isReached; show(); }
}

export const isReached = () => reached && navigator.onLine;

export async function count() {
  waiting = (await store.unsent()).length;
  show();
  return waiting;
}

export function show() {
  const box = $("sync");
  const off = !isReached();
  box.dataset.state = off ? "off" : waiting ? "busy" : "on";
  box.textContent = off ? (waiting ? t("offline_n", { n: waiting }) : t("offline")) : waiting ? t("syncing", { n: waiting }) : t("online");
}

// One way for a screen and for the queue: the same number, the same body, so it can only happen once.
export async function send(attempt, { queued = false } = {}) {
  // What was put aside was redeemed without a connection, if its template allows that; the number stays the same.
  const asked = queued && attempt.offline ? { ...attempt.body, offline: true } : attempt.body;
  const body = await call(attempt.path, { body: asked, key: attempt.id, queued });
  tell(true);
  return body;
}

export async function finish(attempt, answer) {
  await store.put({ ...attempt, state: "settled", answer });
  await count();
  changed();
}

export async function run() {
  if (running) return;
  running = true;
  try {
    for (const attempt of await store.unsent()) {
      if (watched.has(attempt.id)) continue;
      try {
        const answer = await send(attempt, { queued: true });
        await finish(attempt, answer);
        toast(t("synced_done", { what: attempt.what }));
      } catch (error) {
        if (error instanceof Unreached) { tell(false); break; }
        if (!(error instanceof Refused)) throw error;
        if (error.status === 401) { frame.gone(error); break; }
        if (error.status === 429) break;
        await finish(attempt, error.body);
        const why = error.body.why ? told({ detail: error.body.why.zh, detail_en: error.body.why.en }) : told(error.body);
        toast(t("synced_bad", { what: attempt.what, why }));
      }
    }
  } finally {
    running = false;
    await count();
  }
}

async function list() {
  const held = await store.unsent();
  const now = Date.now();
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: held.length ? t("queue_title", { n: held.length }) : t("online") }), el("p", { cls: "muted small", text: held.length ? t("queue_lead") : t("queue_empty") })),
      el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    el("ul", {}, held.map((each) => el("li", { cls: "row" }, el("span", { cls: "dot" }, icon("wait")), el("div", {}, el("b", { text: each.what }), el("small", { text: `${each.id.slice(-8).toUpperCase()} · ${t("age", { age: age(now - each.at) })}` }))))),
    held.length ? el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-main", text: t("queue_now"), on: { click: async () => { closeSheet(); await run(); } } })) : null,
  );
}
