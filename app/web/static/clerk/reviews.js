// What the defences caught: the supervisor looks at each case, releases or refuses it once, and says why.
import { Refused, Unreached, call } from "./api.js";
import { $, closeSheet, el, field, icon, openSheet, pairs, toast } from "./dom.js";
import * as receipts from "./receipts.js";
import { language, money, t, told, when } from "./words.js";

const ZH = {
  count: "待审核 {n}", title: "待审核", lead: "系统拦下的可疑操作。逐条判断，写明原因；决定后不能再改。", empty: "没有待审核的。", holds: "积分暂缓发放，放行后到账。",
  customer: "顾客", clerk: "店员", coupon: "券 / 订单", amount: "金额", reason: "原因（必填）", release: "放行", refuse: "拒绝", kept: "已记录",
};
const EN = {
  count: "{n} for review", title: "For review", lead: "What the defences caught. Judge each one and say why; a verdict is final.", empty: "Nothing to review.", holds: "Its points wait; releasing posts them.",
  customer: "Customer", clerk: "Clerk", coupon: "Coupon / order", amount: "Amount", reason: "Reason (required)", release: "Release", refuse: "Refuse", kept: "On record",
};
const say = (name, given = {}) => Object.entries(given).reduce((text, [key, value]) => text.replace(`{${key}}`, value), (language() === "en" ? EN : ZH)[name]);
const both = (said) => told({ detail: said.zh, detail_en: said.en });

let frame;
let changed = () => {};

export function settle(given, refresh) {
  frame = given;
  changed = refresh;
  $("reviews").addEventListener("click", open);
  receipts.settle(given, refresh);
}

export function show(number, photos) {
  receipts.show(photos);
  $("reviews").hidden = !number || !frame.right("resolve");
  $("reviews").textContent = say("count", { n: number });
}

function failed(error) {
  if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
  if (error instanceof Refused && frame.gone(error)) return;
  toast(error instanceof Refused ? told(error.body) : t("error_net"));
}

async function open() {
  let cases;
  try {
    ({ cases } = await call("reviews"));
  } catch (error) {
    return failed(error);
  }
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: say("title") }), el("p", { cls: "muted small", text: cases.length ? say("lead") : say("empty") })),
      el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    el("div", {}, cases.map(one)));
}

function one(each) {
  const reason = field(say("reason"), { name: "reason", maxlength: 200 });
  const decide = async (decision) => {
    const said = reason.input.value.trim();
    if (!said) return reason.input.focus();
    try {
      await call(`reviews/${each.id}`, { body: { decision, reason: said } });
      toast(say("kept"));
      changed();
      await open();
    } catch (error) {
      failed(error);
    }
  };
  const button = (decision, cls) => el("button", { type: "button", cls, text: say(decision), on: { click: () => decide(decision) } });
  const who = each.customer ? [each.customer.name, each.customer.phone].filter(Boolean).join(" ") : "";
  return el("div", { cls: "box" }, el("h2", { text: both(each.why) }), el("p", { cls: "muted small", text: when(each.at) }),
    pairs([[say("customer"), who], [say("clerk"), each.by], [say("coupon"), each.what], [say("amount"), each.detail.total_fen ? money(each.detail.total_fen) : ""]]),
    each.holds_points ? el("p", { cls: "note", text: say("holds") }) : null, reason.box,
    el("div", { cls: "two" }, button("refuse", "btn btn-soft"), button("release", "btn btn-main")));
}
