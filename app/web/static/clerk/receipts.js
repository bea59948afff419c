// Receipts that customers photographed: the picture beside what they wrote, corrected where it differs, credited or refused once.
import { Refused, Unreached, call, picture } from "./api.js";
import { $, closeSheet, el, fen, field, icon, openSheet, toast } from "./dom.js";
import { count as figure, language, money, t, told, when } from "./words.js";

const ZH = {
  count: "小票 {n}", title: "小票待核对", lead: "对照照片核对单号、金额和日期，不符就改。通过即入账，拒绝的原因顾客会看到；决定后不能再改。", empty: "没有待核对的小票。", number: "小票单号", amount: "实付金额（元）", day: "消费日期",
  reason: "原因（拒绝必填，顾客可见）", approve: "通过入账", refuse: "拒绝", checked: "已核对照片", credited: "已入账 {n} 积分", refused: "已拒绝", alike: "同店同日同金额已有订单：{list}。可能是同一笔，请核对。", own: "本人", loading: "正在打开照片…",
  lost: "照片打不开", zoom: "点按放大", sent: "{time} 提交", presets: ["照片不清楚", "不是本店小票", "收银已积分"],
};
const EN = {
  count: "{n} receipts", title: "Receipts to check", lead: "Compare number, amount and date with the photo and correct what differs. Approving credits it; the customer reads why it was refused. A verdict is final.", empty: "No receipt waits.", number: "Receipt number", amount: "Amount paid (¥)", day: "Day of purchase",
  reason: "Reason (needed to refuse; the customer reads it)", approve: "Approve", refuse: "Refuse", checked: "Checked against the photo", credited: "{n} points credited", refused: "Refused", alike: "This store has orders of that day and amount: {list}. Perhaps it is the same purchase.", own: "his own", loading: "Opening the photo…",
  lost: "The photo cannot be opened", zoom: "Tap to enlarge", sent: "Sent {time}", presets: ["The photo is unreadable", "Not a receipt of this store", "Booked at the till already"],
};
const say = (name, given = {}) => Object.entries(given).reduce((text, [key, value]) => text.replace(`{${key}}`, value), (language() === "en" ? EN : ZH)[name]);

let frame;
let changed = () => {};
let button;

export function settle(given, refresh) {
  frame = given;
  changed = refresh;
  button = el("button", { type: "button", cls: "parked", id: "receipts", hidden: true, on: { click: open } });
  $("reviews").after(button);
}

export function show(number) {
  button.hidden = !number || !frame.right("book");
  button.textContent = say("count", { n: number });
}

function failed(error) {
  if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
  if (error instanceof Refused && frame.gone(error)) return;
  toast(error instanceof Refused ? told(error.body) : t("error_net"));
}

async function open() {
  let held;
  try {
    held = await call("receipts");
  } catch (error) {
    return failed(error);
  }
  const boxes = held.receipts.map(one);
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: say("title") }), el("p", { cls: "muted small", text: boxes.length ? say("lead") : say("empty") })),
      el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    el("div", {}, boxes.map((each) => each.box)));
  for (const each of boxes) await each.look();
}

// The photo, fetched with the page's own header; a touch makes it twice as large, to be moved about.
function photo(id) {
  const image = el("img", { cls: "photo", alt: "", hidden: true });
  const says = el("p", { cls: "muted small", text: say("loading") });
  const sheet = el("button", { type: "button", cls: "paper", "aria-label": say("zoom"), on: { click: () => sheet.classList.toggle("large") } }, says, image);
  const look = async () => {
    try {
      image.src = await picture(`receipts/${id}/picture`);
      image.hidden = false;
      says.hidden = true;
    } catch (error) {
      if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
      says.textContent = say("lost");
    }
  };
  return { sheet, look };
}

function one(each) {
  const { sheet, look } = photo(each.id);
  const number = field(say("number"), { name: "number", maxlength: 40, value: each.number });
  const amount = field(say("amount"), { name: "amount", inputmode: "decimal", money: true, maxlength: 12, value: money(each.amount_fen).slice(1) });
  const day = field(say("day"), { name: "day", type: "date", value: each.paid_on });
  const reason = field(say("reason"), { name: "reason", maxlength: 200 });
  const preset = (text) => el("button", { type: "button", cls: "preset", text, on: { click: () => { reason.input.value = text; } } });
  const decide = async (decision) => {
    const why = reason.input.value.trim() || (decision === "approve" ? say("checked") : "");
    const paid = fen(amount.input.value);
    if (!why) return reason.input.focus();
    if (decision === "approve" && !paid) return amount.input.focus();
    const read = decision === "approve" ? { number: number.input.value.trim(), amount_fen: paid, paid_on: day.input.value || null } : {};
    try {
      const done = await call(`receipts/${each.id}`, { body: { decision, reason: why, ...read } });
      toast(done.state === "credited" ? say("credited", { n: figure(done.points) }) : say("refused"));
      changed();
      await open();
    } catch (error) {
      failed(error);
    }
  };
  const act = (decision, cls) => el("button", { type: "button", cls, text: say(decision), on: { click: () => decide(decision) } });
  const alike = each.alike.map((order) => [order.source, order.order_no, order.own ? `(${say("own")})` : ""].filter(Boolean).join(" ")).join("、");
  const box = el("div", { cls: "box receipt", "data-id": each.id },
    el("h2", { text: [each.customer.name, each.customer.phone].filter(Boolean).join(" ") || t("member") }), el("p", { cls: "muted small", text: say("sent", { time: when(each.sent_at) }) }),
    sheet, alike ? el("p", { cls: "note mild", text: say("alike", { list: alike }) }) : null,
    number.box, el("div", { cls: "two" }, amount.box, day.box), reason.box, el("div", { cls: "presets" }, (language() === "en" ? EN : ZH).presets.map(preset)),
    el("div", { cls: "two" }, act("refuse", "btn btn-soft"), act("approve", "btn btn-main")));
  return { box, look };
}
