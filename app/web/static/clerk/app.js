// Where the clerk's page starts: words, who is here, which view, what the scanners say.
import { Refused, Unreached, call } from "./api.js";
import * as book from "./book.js";
import * as camera from "./camera.js";
import { $, closeSheet, toast } from "./dom.js";
import * as enter from "./enter.js";
import * as member from "./member.js";
import * as outcome from "./outcome.js";
import * as queue from "./queue.js";
import * as report from "./report.js";
import * as sale from "./sale.js";
import * as scan from "./scan.js";
import * as scanned from "./scanned.js";
import { wakeSound } from "./senses.js";
import * as shift from "./shift.js";
import * as store from "./store.js";
import { knowTiers, language, speak, t } from "./words.js";
import { listen } from "./wedge.js";

const VIEWS = { scan, member, book, report, shift, enter };
const state = { me: null, view: "start" };

function fill() {
  document.documentElement.lang = language() === "en" ? "en" : "zh-Hans-CN";
  document.title = language() === "en" ? "Fanka · clerk" : "粉卡 · 核销";
  for (const part of document.querySelectorAll("[data-t]")) part.textContent = t(part.dataset.t);
  for (const part of document.querySelectorAll("[data-p]")) { part.placeholder = t(part.dataset.p); part.setAttribute("aria-label", t(part.dataset.p)); }
  $("lang").textContent = t("lang");
  $("lang").setAttribute("aria-label", language() === "en" ? "中文" : "English");
  camera.show();
  who();
  queue.show();
}

function who() {
  $("store").textContent = state.me?.store ?? t("store_fallback");
  $("clerk").textContent = [state.me?.department, state.me?.name].filter(Boolean).join(" · ");
  $("nav").querySelector("[data-go=report]").hidden = !state.me?.rights?.includes("report");
}

function go(view, given) {
  if (view !== "enter" && state.me?.state !== "in") view = "enter";
  if (view === "report" && !state.me.rights.includes("report")) view = "scan";
  state.view = view;
  document.body.dataset.view = view;
  for (const button of $("nav").children) {
    if (button.dataset.go === view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  closeSheet();
  outcome.hide();
  if (view === "scan") camera.start();
  else camera.stop();
  VIEWS[view].open(given);
  window.scrollTo(0, 0);
}

async function arrive(me) {
  state.me = me;
  knowTiers(me.tiers);
  who();
  await store.keep("me", { ...me, at: Date.now() });
  if (me.state !== "in") return go("enter", me);
  go("scan");
  queue.start();
}

// A log-in that ended is said once and leads to the door; what was scanned stays on the device.
function gone(error) {
  if (!(error instanceof Refused) || error.status !== 401) return false;
  toast(t("expired_login"));
  start();
  return true;
}

async function start() {
  let me;
  try {
    me = await call("me", { patience: 4000 });
  } catch (error) {
    if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
    me = (await store.kept("me")) ?? { state: "unpaired" };
  }
  await arrive(me);
}

function code(text) {
  if (state.me?.state !== "in") return;
  wakeSound();
  if (state.view === "member" || state.view === "book") return VIEWS[state.view].code(text);
  if (state.view !== "scan") go("scan");
  scan.code(text);
}

const frame = { go, gone, arrive, start, state, right: (name) => state.me?.rights?.includes(name) };
for (const view of [...Object.values(VIEWS), sale, queue, scanned]) view.settle?.(frame);

$("lang").addEventListener("click", () => {
  speak(language() === "en" ? "zh" : "en");
  fill();
  go(state.view, state.me);
});
$("nav").addEventListener("click", (event) => {
  const view = event.target.closest("button")?.dataset.go;
  if (view) go(view);
});
$("start-cam").addEventListener("click", () => camera.start());
$("type").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("typed").value.trim();
  $("typed").value = "";
  if (text) code(text);
});
$("veil").addEventListener("click", closeSheet);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (outcome.isOpen()) outcome.hide();
  else closeSheet();
});
document.addEventListener("pointerdown", wakeSound);
document.addEventListener("visibilitychange", () => { if (!document.hidden && state.view === "scan") scan.open(); });
camera.onCode(code);
listen(code);
fill();
$("app").hidden = false;
await store.tidy().catch(() => {});
const word = scanned.brought();
await start();
if (word) await scanned.take(word);
if ("serviceWorker" in navigator) {
  const workers = navigator.serviceWorker;
  // From here on the page opens without a connection.
  const kept = () => { if (workers.controller) document.body.dataset.kept = ""; };
  workers.addEventListener("controllerchange", kept);
  workers.register("/clerk/sw.js", { scope: "/clerk" }).then(kept, () => {});
}
document.body.dataset.ready = "";
