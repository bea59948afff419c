// The end of a turn: totals by clerk, who pays for the coupons, and the hand-over that freezes them.
import { Refused, Unreached, call } from "./api.js";
import { $, closeSheet, el, fill, newId, openSheet, pairs, toast } from "./dom.js";
import * as queue from "./queue.js";
import { count, money, t, told, when } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };

export async function open() {
  const view = $("view-shift");
  fill(view, el("h1", { text: t("shift_title") }), el("div", { cls: "box" }, el("div", { cls: "skeleton" }), el("div", { cls: "skeleton" })));
  let held;
  try {
    held = await call("shift");
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
    if (frame.gone(error)) return;
    return fill(view, el("h1", { text: t("shift_title") }), el("p", { cls: "note bad", role: "alert", text: error instanceof Refused ? told(error.body) : t("error_net") }), el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-main", text: t("queue_now"), on: { click: open } })), out());
  }
  fill(view, 
    el("h1", { text: t("shift_title") }), el("p", { cls: "lead", text: t("shift_lead", { name: held.name, from: when(held.from) }) }),
    el("div", { cls: "box" }, figures(held.own), more(held.own)),
    held.by_clerk.length > 1 ? table(t("shift_by"), [t("name"), t("count"), t("discount"), t("shift_sales")], held.by_clerk.map((each) => [each.name, count(each.redeemed), money(each.discount_fen), money(each.pay_fen)])) : null,
    table(t("shift_settle"), [t("unit"), t("count"), t("discount")], held.by_unit.map((each) => [each.unit, count(each.redeemed), money(each.discount_fen)]), t("shift_settle_lead")),
    el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-main", id: "hand-over", text: t("shift_go"), on: { click: () => ask(held) } })), out());
}

const figure = (text, name) => el("div", {}, el("b", { text }), el("span", { cls: "muted small", text: name }));
const figures = (own) => el("div", { cls: "figures" }, figure(count(own.redeemed), t("shift_redeemed")), figure(money(own.discount_fen), t("shift_discount")), figure(money(own.pay_fen), t("shift_sales")));
const more = (own) => pairs([[t("shift_undone"), count(own.undone), "sum-line"], [t("shift_refused"), count(own.refused)], [t("shift_booked"), `${count(own.booked)} · ${money(own.booked_fen)}`], [t("shift_cards"), count(own.cards)]]);
const out = () => el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-soft", text: t("logout"), on: { click: logOut } }));

function table(title, heads, rows, lead) {
  return el("div", { cls: "box" }, el("h2", { text: title }), lead ? el("p", { cls: "muted small", text: lead }) : null,
    rows.length === 0 ? el("p", { cls: "muted", text: t("shift_none") }) : el("table", { cls: "table" }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col", text: head })))), el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", { text: cell })))))));
}

function ask(held) {
  if (queue.size()) return toast(t("shift_unsent", { n: queue.size() }));
  const key = newId();
  const go = el("button", { type: "button", cls: "btn btn-main", id: "hand-over-now", text: t("shift_go"), autofocus: true });
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await call("shift/close", { key, body: {} });
      closeSheet();
      toast(t("shift_done"));
      await frame.start();
    } catch (error) {
      go.disabled = false;
      if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
      toast(error instanceof Refused ? told(error.body) : t("error_net"));
    }
  });
  openSheet(el("h1", { text: t("shift_go") }), el("p", { cls: "muted", text: t("shift_ask", { n: count(held.own.redeemed), money: money(held.own.discount_fen) }) }), el("div", { cls: "stack" }, go, el("button", { type: "button", cls: "btn btn-soft", text: t("cancel"), on: { click: closeSheet } })));
}

async function logOut() {
  try {
    await call("logout", { body: {} });
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
    return toast(t("error_net"));
  }
  await frame.start();
}
