// A purchase booked at the counter on a member's name; the points are posted at once.
import { Refused, Unreached, call } from "./api.js";
import { $, el, fen, field, newId } from "./dom.js";
import * as outcome from "./outcome.js";
import { feel } from "./senses.js";
import { count, date, money, t, tierName, told } from "./words.js";

let frame;
let keyField;
export const settle = (given) => { frame = given; };
const both = (said) => (said ? told({ detail: said.zh, detail_en: said.en }) : "");

export function open(found) {
  const member = found?.kind === "member" ? found : null;
  const view = $("view-book");
  const key = field(t("book_member"), { name: "key", maxlength: 200, spellcheck: "false" });
  const amount = field(t("book_amount"), { name: "amount", inputmode: "decimal", money: true, maxlength: 12 });
  const number = field(t("book_number"), { name: "number", maxlength: 40, spellcheck: "false" });
  const sku = field(t("book_sku"), { name: "sku", maxlength: 64, spellcheck: "false" });
  const note = el("p", { cls: "note bad", role: "alert", hidden: true });
  const go = el("button", { cls: "btn btn-main", text: t("book_go") });
  keyField = member ? amount.input : key.input;
  if (member) { key.input.value = [member.name, member.phone].filter(Boolean).join(" · ") || member.number; key.input.readOnly = true; }
  let attempt = newId();
  const bad = (text) => { note.textContent = text; note.hidden = false; feel("no"); };
  const submit = async (event) => {
    event.preventDefault();
    const total = fen(amount.input.value);
    note.hidden = true;
    if (!total) return bad(t("bad_amount"));
    go.disabled = true;
    const who = member ? { customer: member.customer, sight: member.sight } : { key: key.input.value.trim() };
    try {
      booked(await call("purchases", { key: attempt, body: { ...who, total_fen: total, order_no: number.input.value.trim(), sku: sku.input.value.trim() } }));
      attempt = newId();
      open();
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
      if (frame.gone(error)) return;
      if (error instanceof Refused) attempt = newId();
      bad(error instanceof Refused ? [both(error.body.why) || told(error.body), both(error.body.next)].filter(Boolean).join("。") : t("error_net"));
    }
    go.disabled = false;
  };
  view.replaceChildren(el("h1", { text: t("book_title") }), el("p", { cls: "lead", text: t("book_lead") }), el("form", { cls: "box", id: "booker", novalidate: true, on: { submit } }, key.box, amount.box, number.box, sku.box, note, el("div", { cls: "stack" }, go)));
  keyField.focus({ preventScroll: true });
}

export function code(text) {
  const input = $("view-book").querySelector("input[name=key]");
  if (input && !input.readOnly) input.value = text;
}

function booked(body) {
  const points = body.points ? (body.points_from ? t("points_after", { n: count(body.points), when: date(body.points_from) }) : t("points_now", { n: count(body.points) })) : "0";
  outcome.reveal({
    kind: body.fresh ? "done" : "used", title: body.fresh ? t("book_done") : t("book_twice").split(/[，;]/)[0], big: true, why: body.fresh ? (body.points ? `${t("points")} +${count(body.points)}` : t("book_none")) : t("book_twice"),
    rows: [[t("member"), [body.name, tierName(body.tier)].filter(Boolean).join(" · ")], [t("amount"), money(body.total_fen)], [t("order"), body.order_no], [t("points"), points]], main: { text: t("close"), act: () => outcome.hide() },
  });
}
