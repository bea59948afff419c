// A whole sale: the amount becomes one quote over tier, coupons, points and balance; what the customer nods at is booked at once, with its slip.
import { Refused, Unreached, call, serverNow } from "./api.js";
import { $, closeSheet, el, fen, field, fill, icon, newId, openSheet, pairs, toast } from "./dom.js";
import * as outcome from "./outcome.js";
import { feel } from "./senses.js";
import { count, date, left, money, t, tierName, told } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };
const both = (said) => (said ? told({ detail: said.zh, detail_en: said.en }) : "");
const minus = (amount) => `− ${money(amount)}`;

export function open(found) {
  const amount = field(t("preview_amount"), { name: "amount", inputmode: "decimal", money: true, autofocus: true, maxlength: 12 });
  const slip = field(t("sale_number"), { name: "number", maxlength: 40, spellcheck: "false" });
  const reason = field(t("override_reason"), { name: "override", maxlength: 200 });
  const chips = el("div", { cls: "chips", role: "group", "aria-label": t("sale_uses") });
  const sums = el("div", { cls: "sums", "aria-live": "polite" });
  const note = el("p", { cls: "note bad", role: "alert", hidden: true });
  const confirm = el("button", { type: "button", cls: "btn btn-main", id: "sell" });
  // Nothing chosen yet: the quote finds what saves most. A touch on a coupon makes the choice the clerk's.
  const wish = { coupons: null, points: false, value: false };
  let quote = null;
  let number = 0;
  let key = newId();

  const chip = (text, pressed, act) => el("button", { type: "button", cls: "chip choice", "aria-pressed": pressed ? "true" : "false", text, on: { click: () => { act(); ask(); } } });
  const used = () => (quote ? quote.coupons.map((each) => each.coupon) : wish.coupons ?? []);
  const toggle = (id) => { wish.coupons = used().includes(id) || wish.coupons?.includes(id) ? (wish.coupons ?? used()).filter((each) => each !== id) : [...(wish.coupons ?? used()), id]; };
  const draw = () => {
    fill(chips, found.coupons.map((each) => chip(each.name, wish.coupons === null ? used().includes(each.id) : wish.coupons.includes(each.id), () => toggle(each.id))),
      found.points ? chip(t("sale_points", { n: count(found.points) }), wish.points, () => { wish.points = !wish.points; }) : null,
      found.value_fen ? chip(t("sale_value", { money: money(found.value_fen) }), wish.value, () => { wish.value = !wish.value; }) : null);
    const refused = quote?.refused ?? [];
    const name = (id) => found.coupons.find((each) => each.id === id)?.name ?? t("coupon");
    fill(sums, quote ? pairs([
      [t("original"), money(quote.total_fen)],
      [t("tier_price", { tier: tierName(quote.tier) }), quote.tier_fen ? minus(quote.tier_fen) : ""],
      ...quote.coupons.map((each) => [each.name, minus(each.discount_fen)]),
      [t("sale_points", { n: count(quote.points) }), quote.points ? minus(quote.points_fen) : ""],
      [t("sale_balance"), quote.value_fen ? minus(quote.value_fen) : ""],
      [t("pay"), money(quote.to_pay_fen), "sum"],
      [t("points"), quote.earns_points ? (quote.multiplier_percent > 100 ? t("sale_earns_times", { n: count(quote.earns_points), times: quote.multiplier_percent / 100 }) : t("sale_earns", { n: count(quote.earns_points) })) : ""],
    ]) : null, refused.map((each) => el("p", { cls: "note bad", role: "alert", text: `${name(each.coupon)}：${both(each.why)}` })));
    const mayWaive = frame.right("override") && (refused.some((each) => each.may_override) || quote?.waived.length);
    reason.box.hidden = !mayWaive;
    confirm.disabled = !quote || refused.length > 0;
    confirm.textContent = quote ? t("sale_confirm", { money: money(quote.to_pay_fen) }) : t("enter_amount");
  };
  const ask = async () => {
    const mine = ++number;
    const total = fen(amount.input.value);
    quote = null;
    note.hidden = true;
    draw();
    if (!total) return;
    try {
      const again = await call("sale/quote", { body: { ticket: found.ticket, total_fen: total, coupons: wish.coupons, points: wish.points, value: wish.value, override: wish.coupons ? reason.input.value.trim() : "" } });
      if (mine === number) { quote = again; draw(); }
    } catch (error) {
      if (mine === number) fail(error);
    }
  };
  const fail = (error) => {
    if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
    if (error instanceof Refused && frame.gone(error)) return;
    note.textContent = error instanceof Refused ? [both(error.body.why) || told(error.body), both(error.body.next)].filter(Boolean).join("。") : t("sale_again");
    note.hidden = false;
    feel("no");
  };
  const sell = async () => {
    if (confirm.disabled) return;
    confirm.disabled = true;
    try {
      const body = await call("sale", { key, body: {
        ticket: found.ticket, total_fen: quote.total_fen, coupons: quote.coupons.map((each) => each.coupon), points: quote.points, value_fen: quote.value_fen,
        to_pay_fen: quote.to_pay_fen, order_no: slip.input.value.trim(), override: quote.waived.length ? reason.input.value.trim() : "" } });
      closeSheet();
      done(body);
    } catch (error) {
      // Not knowing keeps its number: the next touch asks for the same sale, which is made once.
      if (error instanceof Refused) { key = newId(); quote = null; draw(); ask().then(() => fail(error)); return; }
      confirm.disabled = false;
      fail(error);
    }
  };
  let typing;
  const later = () => { clearTimeout(typing); typing = setTimeout(ask, 180); };
  amount.input.addEventListener("input", () => { quote = null; draw(); later(); });
  reason.input.addEventListener("input", later);
  confirm.addEventListener("click", sell);
  openSheet(
    el("div", { cls: "head" },
      el("div", {}, el("h1", { text: t("sale_title") }), el("p", { cls: "muted small", text: [found.name || t("member"), tierName(found.tier), found.phone].filter(Boolean).join(" · ") })),
      el("button", { type: "button", cls: "close", "aria-label": t("cancel"), on: { click: closeSheet } }, icon("close"))),
    amount.box, el("p", { cls: "muted small over", text: t("sale_uses") }), chips, sums, reason.box, note, slip.box, el("div", { cls: "stack" }, confirm));
  draw();
}

function done(body) {
  const quote = body.quote;
  const until = Date.parse(body.undo_until);
  const whole = Math.max(until - serverNow(), 1);
  const off = quote.total_fen - quote.to_pay_fen - quote.value_fen;
  outcome.reveal({
    kind: "done", title: t("sale_done"), big: true, why: t("done_pay", { money: money(quote.to_pay_fen) }), meter: true,
    rows: [[t("member"), [body.customer.name, tierName(body.customer.tier)].filter(Boolean).join(" · ")], [t("original"), money(quote.total_fen)], [t("discount"), off ? minus(off) : ""],
      [t("sale_balance"), quote.value_fen ? minus(quote.value_fen) : ""], [t("points"), body.points ? (body.points_from ? t("points_after", { n: count(body.points), when: date(body.points_from) }) : t("points_now", { n: count(body.points) })) : ""]],
    second: { text: t("slip_open"), act: () => paper(body) },
    tick: (parts) => { parts.bar.style.transform = `scaleX(${Math.max(until - serverNow(), 0) / whole})`; },
    closed: () => frame.go("scan"),
  });
}

// The slip as it is printed on 58 mm paper, and the way back while there is one.
function paper(body) {
  outcome.hide();
  const key = newId();
  const undo = el("button", { type: "button", cls: "btn btn-soft", id: "unsell", text: t("undo_here", { left: left(Math.max(Date.parse(body.undo_until) - serverNow(), 0)) }) });
  undo.addEventListener("click", async () => {
    undo.disabled = true;
    try {
      await call("sale/undo", { key, body: { sale: body.sale, reason: "" } });
      closeSheet();
      outcome.reveal({ kind: "undone", title: t("undone_title"), why: t("sale_undone"), rows: [[t("member"), body.customer.name], [t("order"), body.order_no]], closed: () => frame.go("scan") });
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
      undo.disabled = false;
      toast(error instanceof Refused ? [both(error.body.why) || told(error.body), both(error.body.next)].filter(Boolean).join("。") : t("error_net"));
    }
  });
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: t("slip_title") })), el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    el("pre", { cls: "slip", text: body.slip }),
    el("div", { cls: "two" }, el("button", { type: "button", cls: "btn btn-main", autofocus: true, text: t("slip_print"), on: { click: () => print(body.slip) } }), undo));
}

function print(text) {
  const place = $("print") ?? el("pre", { id: "print", "aria-hidden": true });
  place.textContent = text;
  if (!place.parentNode) document.body.append(place);
  window.print();
}
