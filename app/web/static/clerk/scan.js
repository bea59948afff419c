// The counter: a code becomes a preview, the preview one touch, the touch one of four outcomes; the last 20 stand below.
import { Refused, Unreached, call, serverNow } from "./api.js";
import * as camera from "./camera.js";
import { $, closeSheet, el, fen, field, icon, newId, openSheet, pairs, toast, whenSheetCloses } from "./dom.js";
import * as outcome from "./outcome.js";
import { override } from "./override.js";
import * as parked from "./parked.js";
import * as queue from "./queue.js";
import * as reviews from "./reviews.js";
import { feel } from "./senses.js";
import * as store from "./store.js";
import { age, language, left, money, t, tierName, told, when } from "./words.js";

const RESOLVE_MS = 2000;
const WORTH_ASKING_MS = 250;
let frame;
let asking = 0;
let recent = null;
let ticking;

export function settle(given) {
  frame = given;
  queue.whenChanged(refresh);
  $("parked").addEventListener("click", () => parked.open(frame, refresh));
  reviews.settle(frame, refresh);
}

export function open() {
  camera.resume();
  refresh();
}

const both = (said) => (said ? told({ detail: said.zh, detail_en: said.en }) : "");
const goOn = () => { outcome.hide(); camera.resume(); refresh(); };

export const code = (text) => look({ code: text }, text);
// One of a member's coupons, after he showed his moving code.
export const choose = (ticket, coupon) => look({ ticket, coupon }, "");

async function look(asked, text) {
  if (outcome.isOpen() || !$("sheet").hidden) return;
  camera.pause();
  const mine = ++asking;
  const slow = setTimeout(() => { if (mine === asking) camera.whisper("hint_reading"); }, WORTH_ASKING_MS);
  try {
    const found = await call("preview", { body: asked });
    queue.tell(true);
    if (found.kind === "member") return frame.go("member", found);
    preview({ ...found, override: asked.override ?? "" });
  } catch (error) {
    if (error instanceof Unreached) return text ? offline(text) : toast(t("error_net"));
    if (!(error instanceof Refused)) throw error;
    if (!frame.gone(error)) refused(error.body, asked);
  } finally {
    clearTimeout(slow);
    camera.show();
  }
}

// Preview and confirm on one screen: who, which coupon, what fits, how much; the thumb lies on the button.
function preview(found) {
  const amount = found.needs_amount ? field(t("preview_amount"), { name: "amount", inputmode: "decimal", money: true, autofocus: true, maxlength: 12 }) : null;
  const conditions = el("ul", { cls: "conditions" });
  const facts = el("div", { cls: "sums" });
  const reason = field(t("override_reason"), { name: "override", maxlength: 200 });
  const confirm = el("button", { type: "button", cls: "btn btn-main", id: "confirm", autofocus: !amount });
  let quote = found.quote;
  let total = null;
  let number = 0;
  const draw = () => {
    // A tick says that it was checked; before there is an amount nothing is.
    const unmet = quote?.met === false;
    conditions.replaceChildren(
      ...found.coupon.conditions.map((each) => el("li", { cls: quote?.met ? "" : "open" }, icon(quote?.met ? "done" : "wait"), both(each))),
      ...(unmet ? [el("li", { cls: "unmet", role: "alert" }, icon("no"), [both(quote.why), quote.missing_fen ? t("missing", { money: money(quote.missing_fen) }) : both(quote.next)].join(" · "))] : []));
    facts.replaceChildren(pairs(quote?.met && quote.total_fen !== null ? [[t("original"), money(quote.total_fen)], [t("tier_price", { tier: tierName(quote.tier) }), quote.tier_fen ? `− ${money(quote.tier_fen)}` : ""], [t("discount"), `− ${money(quote.discount_fen)}`], [t("pay"), money(quote.pay_fen), "sum"]] : []));
    reason.box.hidden = !(frame.right("override") && ((unmet && quote.may_override) || quote?.waived));
    confirm.disabled = !quote?.met;
    confirm.textContent = quote === null ? t("enter_amount") : quote.met && quote.total_fen !== null ? t("confirm_pay", { money: money(quote.pay_fen) }) : t("confirm");
  };
  const ask = async () => {
    const mine = ++number;
    total = fen(amount.input.value);
    quote = null;
    draw();
    if (total === null || total <= 0) return;
    try {
      const again = await call("quote", { body: { ticket: found.ticket, coupon: found.chosen, total_fen: total, override: found.override || reason.input.value.trim() } });
      if (mine === number) { quote = again; draw(); }
    } catch (error) {
      if (mine !== number) return;
      if (error instanceof Refused) { closeSheet(); refused(error.body); } else if (error instanceof Unreached) { queue.tell(false); confirm.disabled = false; confirm.textContent = t("confirm"); }
    }
  };
  const go = () => {
    if (confirm.disabled) return;
    confirm.disabled = true;
    whenSheetCloses(null);
    closeSheet();
    redeem({ ...found, override: found.override || (quote?.waived ? reason.input.value.trim() : "") }, total, quote);
  };
  let typing;
  amount?.input.addEventListener("input", () => { clearTimeout(typing); quote = null; draw(); typing = setTimeout(ask, 180); });
  reason.input.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(ask, 300); });
  amount?.input.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
  confirm.addEventListener("click", go);
  openSheet(
    el("div", { cls: "head" },
      el("div", {}, el("p", { cls: "muted small", text: [found.customer.name || t("member"), tierName(found.customer.tier), found.customer.phone].filter(Boolean).join(" · ") }), el("h1", { text: found.coupon.name }),
        el("p", { cls: "muted small", text: [both(found.coupon.worth), found.coupon.uses_total > 1 ? t("left_times", { n: found.coupon.uses_left }) : ""].filter(Boolean).join(" · ") })),
      el("button", { type: "button", cls: "close", "aria-label": t("cancel"), on: { click: closeSheet } }, icon("close"))),
    conditions, amount?.box, reason.box, facts, el("div", { cls: "stack" }, confirm));
  whenSheetCloses(() => camera.resume());
  draw();
}

// The number of the attempt is kept on the device before anything leaves it; every repeat carries the same one.
async function redeem(found, total, quote) {
  const attempt = {
    id: newId(), at: Date.now(), path: "redeem", state: "sent", what: found.coupon.name, who: found.customer.name, offline: mayOffline(found.coupon, total), reduced: quote?.discount_fen ?? 0,
    body: { ticket: found.ticket, coupon: found.chosen, total_fen: total, device_at: new Date().toISOString(), offline: false, ...(found.override ? { override: found.override } : {}) },
  };
  await store.put(attempt);
  await queue.count();
  queue.watch(attempt.id);
  await press(attempt);
}

const mayOffline = (coupon, total) => coupon.offline === "always" || (coupon.offline === "up_to" && (total ?? 0) <= coupon.offline_fen);

async function press(attempt) {
  try {
    await answered(attempt, await queue.send(attempt));
  } catch (error) {
    if (error instanceof Unreached) return unknown(attempt);
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401 || error.status === 429) { queue.leave(attempt.id); if (!frame.gone(error)) refused(error.body); return; }
    await answered(attempt, error.body);
  }
}

async function answered(attempt, body) {
  queue.leave(attempt.id);
  await queue.finish(attempt, body);
  if (body.outcome === "done") done(body);
  else refused(body);
}

function done(body) {
  const until = Date.parse(body.undo_until);
  const whole = Math.max(until - serverNow(), 1);
  const total = body.total_fen ?? null;
  const rows = [[t("member"), [body.customer.name, tierName(body.customer.tier)].filter(Boolean).join(" · ")], [t("coupon"), body.coupon.name]];
  if (total !== null) rows.push([t("original"), money(total)], [t("tier_price", { tier: tierName(body.customer.tier) }), body.tier_fen ? `− ${money(body.tier_fen)}` : ""], [t("discount"), `− ${money(body.discount_fen)}`]);
  if (body.reward_points) rows.push([t("points"), t("points_now", { n: body.reward_points })]);
  if (body.coupon.uses_total > 1) rows.push([t("rest"), t("left_times", { n: body.coupon.uses_left })]);
  outcome.reveal({
    kind: "done", title: t("done"), big: true, rows, meter: true, closed: goOn,
    why: total === null ? t("done_gift", { what: both(body.coupon.worth).replace(/^送 /, "") || body.coupon.name }) : t("done_pay", { money: money(total - (body.tier_fen ?? 0) - body.discount_fen) }),
    second: { text: t("undo_here", { left: left(whole) }), act: () => askUndo({ use: body.use, what: body.coupon.name, who: body.customer.name, own: true }) },
    tick: (parts) => {
      const rest = Math.max(until - serverNow(), 0);
      parts.bar.style.transform = `scaleX(${rest / whole})`;
      parts.second.textContent = t("undo_here", { left: left(rest) });
      parts.second.hidden = rest === 0;
    },
  });
}

function refused(body, asked) {
  const used = body.outcome === "already_used";
  const about = body.told ?? {};
  const place = [about.at && when(about.at), about.store, about.by].filter(Boolean).join(" · ");
  const why = body.why ? both(body.why) : told(body);
  const rows = [[t("coupon"), about.coupon], ...(used
    ? [[t("reduced"), about.discount_fen ? money(about.discount_fen) : ""], [t("slip"), about.slip]]
    : [[t("stores"), about.stores?.join("、")], [t("ended"), about.expired_at && when(about.expired_at)], [t("begins"), about.valid_from && when(about.valid_from)], [t("free_at"), about.until && when(about.until)], [t("rest"), about.uses_left === undefined ? "" : String(about.uses_left)]])];
  outcome.reveal({
    kind: used ? "used" : "no", title: used ? t("used") : t("no"), why: used && place ? place : why, big: !used, rows, closed: goOn,
    next: used ? t("used_next") : both(body.next) || (body.request_id ? t("error_code", { id: body.request_id }) : ""),
    second: body.may_override && asked && frame.right("override")
      ? { text: t("override_go"), act: () => override((given) => look({ ...asked, override: given }, "")) }
      : { text: t("ask_supervisor"), act: (event) => supervisor(event.currentTarget, body, why) },
  });
}

async function supervisor(button, body, why) {
  button.disabled = true;
  try {
    await call("parked/new", { body: { attempt: body.attempt ?? newId(), code: body.code, what: body.told?.coupon ?? "", why } });
    button.textContent = t("asked");
  } catch (error) {
    if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
    button.disabled = false;
    toast(error instanceof Refused ? told(error.body) : t("error_net"));
  }
}

// Not knowing is an outcome of its own: the same number is asked after until there is an answer.
function unknown(attempt) {
  const begun = Date.now();
  let over = false;
  let asked = Date.now();
  let busy = false;
  queue.tell(false);
  const aside = () => { over = true; queue.leave(attempt.id); toast(attempt.offline ? t("offline_ok") : t("offline_first")); goOn(); queue.count(); };
  const resolve = async () => {
    busy = true;
    try {
      const body = await call(`attempts/${attempt.id}`, { patience: 4000 });
      if (!over) { over = true; await answered(attempt, body); }
    } catch (error) {
      if (over) return;
      if (error instanceof Refused && error.status === 404) { over = true; queue.tell(true); return await press(attempt); }
      if (error instanceof Refused && error.status === 401) { over = true; queue.leave(attempt.id); frame.gone(error); }
    } finally {
      busy = false;
      asked = Date.now();
    }
  };
  queue.count().then((n) => {
    if (over) return;
    const facts = { waited: null };
    outcome.reveal({
      kind: "wait", title: t("wait"), why: t("wait_why"), meter: true, rows: [[t("coupon"), attempt.what], [t("number"), attempt.id.slice(-8).toUpperCase()], [t("waited"), age(0)]],
      next: attempt.offline ? t("offline_ok") : "", main: { text: t("to_queue", { n }), act: aside }, closed: () => { if (!over) aside(); },
      tick: (parts) => {
        facts.waited ??= parts.facts.lastElementChild.querySelector("dd");
        facts.waited.textContent = age(Date.now() - begun);
        parts.bar.style.transform = `scaleX(${((Date.now() - begun) / 1000 % 6) / 6})`;
        if (!over && !busy && Date.now() - asked > RESOLVE_MS) resolve();
      },
    });
  });
}

// Scanned without a connection and without a preview: it waits with its number; nothing is handed over before the answer.
function offline(text) {
  queue.tell(false);
  const amount = field(t("preview_amount"), { name: "amount", inputmode: "decimal", money: true, autofocus: true, maxlength: 12 });
  const aside = el("button", { type: "button", cls: "btn btn-main", id: "aside", text: t("to_queue", { n: queue.size() + 1 }) });
  aside.addEventListener("click", async () => {
    aside.disabled = true;
    whenSheetCloses(null);
    closeSheet();
    const id = newId();
    const body = { code: text, total_fen: fen(amount.input.value), device_at: new Date().toISOString(), offline: true };
    await store.put({ id, at: Date.now(), path: "redeem", state: "queued", what: `${t("code")} …${text.slice(-4)}`, who: "", offline: true, reduced: 0, body });
    const n = await queue.count();
    outcome.reveal({ kind: "wait", title: t("offline_title"), why: t("offline_first"), rows: [[t("code"), `…${text.slice(-4)}`], [t("number"), id.slice(-8).toUpperCase()], [t("result"), t("syncing", { n })]], closed: goOn });
  });
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: t("offline") }), el("p", { cls: "muted", text: t("offline_first") })), el("button", { type: "button", cls: "close", "aria-label": t("cancel"), on: { click: closeSheet } }, icon("close"))),
    el("p", { cls: "note mild", text: `${t("code")} …${text.slice(-4)}` }), amount.box, el("div", { cls: "stack" }, aside));
  whenSheetCloses(() => camera.resume());
}

function askUndo({ use, what, who, own }) {
  outcome.hide();
  const reason = own ? null : field(t("undo_reason"), { name: "reason", maxlength: 100, autofocus: true });
  const note = el("p", { cls: "note bad", hidden: true, role: "alert" });
  const go = el("button", { type: "button", cls: "btn btn-main", id: "undo", text: t("undo_go"), autofocus: own });
  const key = newId();
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      const body = await call("undo", { key, body: { use, reason: reason?.input.value ?? "" } });
      whenSheetCloses(null);
      closeSheet();
      outcome.reveal({ kind: "undone", title: t("undone_title"), why: t("undone_why"), rows: [[t("coupon"), what], [t("member"), who], [t("reduced"), body.discount_fen ? money(body.discount_fen) : ""]], closed: goOn });
    } catch (error) {
      go.disabled = false;
      if (error instanceof Refused && frame.gone(error)) return;
      note.hidden = false;
      note.textContent = error instanceof Refused ? [both(error.body.why) || told(error.body), both(error.body.next)].filter(Boolean).join("。") : t("error_net");
      feel("no");
    }
  });
  openSheet(el("div", { cls: "head" }, el("div", {}, el("h1", { text: t("undo_title") }), el("p", { cls: "muted", text: t("undo_lead", { what, who: who || t("member") }) })), el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))), reason?.box, note, el("div", { cls: "stack" }, go));
  whenSheetCloses(() => camera.resume());
}

export async function refresh() {
  if (!recent) $("recent").replaceChildren(...[1, 2, 3].map(() => el("li", { cls: "skeleton" })));
  try {
    recent = await call("recent");
    queue.tell(true);
    await store.keep("recent", recent);
  } catch (error) {
    if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
    if (error instanceof Refused && frame.gone(error)) return;
    recent ??= (await store.kept("recent")) ?? { scans: [], tally: null, parked: 0 };
  }
  await list();
}

async function list() {
  const waiting = await store.unsent();
  $("tally").textContent = recent.tally ? t("tally", { n: recent.tally.number, money: money(recent.tally.pay_fen).replace(/\.00$/, "") }) : "";
  $("parked").hidden = !recent.parked;
  $("parked").textContent = t("parked_n", { n: recent.parked });
  reviews.show(recent.reviews, recent.receipts);
  const rows = [...waiting.reverse().map(unsentRow), ...recent.scans.map(scanRow)].slice(0, 20);
  $("recent").replaceChildren(...(rows.length ? rows : [el("li", { cls: "empty" }, icon("ticket"), el("span", { text: t("recent_empty") }))]));
  clearInterval(ticking);
  ticking = setInterval(countDown, 1000);
  countDown();
}

function unsentRow(attempt) {
  return el("li", { cls: "row" }, el("span", { cls: "dot" }, icon("wait")), el("div", {}, el("b", { text: attempt.what }), el("small", { "data-age": attempt.at })));
}

const KIND = { done: ["done", "done"], already_used: ["used", "used"], undone: ["undone", "used"] };

function scanRow(scan) {
  const [cls, sign] = KIND[scan.outcome] ?? ["no", "no"];
  const line = scan.outcome === "done" || scan.outcome === "undone"
    ? [scan.who, when(scan.at).replace(/^(今天|today) /, ""), scan.discount_fen ? `${language() === "en" ? "−" : "减"} ${money(scan.discount_fen)}` : "", scan.outcome === "undone" ? t("undone") : ""]
    : [when(scan.at).replace(/^(今天|today) /, ""), scan.what, scan.who];
  const undo = scan.undo_until && Date.parse(scan.undo_until) > serverNow();
  const act = el("button", { type: "button", cls: undo ? "act undo" : "act", text: t("detail"), "data-until": undo ? scan.undo_until : null, on: { click: () => (undo && Date.parse(scan.undo_until) > serverNow() ? askUndo({ use: scan.use, what: scan.what, who: scan.who, own: true }) : details(scan)) } });
  return el("li", { cls: "row", "data-outcome": scan.outcome }, el("span", { cls: `dot ${cls}` }, icon(sign)), el("div", {}, el("b", { text: scan.outcome === "done" || scan.outcome === "undone" ? scan.what || t("sale_title") : both(scan.why) || scan.what }), el("small", { text: line.filter(Boolean).join(" · ") })), act);
}

function countDown() {
  for (const act of $("recent").querySelectorAll("[data-until]")) {
    const rest = Date.parse(act.dataset.until) - serverNow();
    act.textContent = rest > 0 ? t("undo_in", { left: left(rest) }) : t("detail");
    act.classList.toggle("undo", rest > 0);
  }
  for (const part of $("recent").querySelectorAll("[data-age]")) part.textContent = t("queued", { age: age(Date.now() - Number(part.dataset.age)) });
}

// The server masks a code as its kind and last signs.
function shown(code) {
  const [kind, ...rest] = code.split(" ");
  return kind === "moving" ? t("moving", { code: rest.join(" ") }) : kind === "typed" ? rest.join(" ") : "";
}

function details(scan) {
  const may = scan.use && scan.outcome === "done" && frame.right("undo_others");
  camera.pause();
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: scan.what || both(scan.why) }), scan.why ? el("p", { cls: "muted", text: both(scan.why) }) : null), el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    pairs([[t("result"), scan.outcome === "done" ? t("done") : scan.outcome === "undone" ? t("undone") : scan.outcome === "already_used" ? t("used") : t("no")], [t("member"), scan.who], [t("when"), when(scan.at)], [t("where"), scan.where], [t("by"), scan.by], [t("code"), shown(scan.shown)], [t("reduced"), scan.discount_fen ? money(scan.discount_fen) : ""], [t("number"), scan.attempt.slice(-8).toUpperCase()]]),
    scan.next ? el("p", { cls: "note", text: both(scan.next) }) : null,
    el("div", { cls: "stack" }, may ? el("button", { type: "button", cls: "btn btn-soft", text: t("undo_title"), on: { click: () => { closeSheet(); askUndo({ use: scan.use, what: scan.what, who: scan.who, own: false }); } } }) : null, el("button", { type: "button", cls: "btn btn-main", text: t("close"), on: { click: closeSheet } })));
  whenSheetCloses(() => camera.resume());
}
