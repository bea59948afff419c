// What the store did, for those who may see it: a span of days, the ranking, the stores of the unit, who pays, and the turns handed over.
import { Refused, Unreached, call } from "./api.js";
import { $, el, fill } from "./dom.js";
import * as team from "./team.js";
import { count, money, t, told, when } from "./words.js";

let frame;
let tab = "figures";
let span = "today";
let department = "";
const DAY = 86400000;
const shanghai = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit" });
const dayOf = (at) => shanghai.format(at);

export const settle = (given) => {
  frame = given;
  team.settle({ ...given, redraw: () => open() });
};

export async function open(given) {
  if (given?.tab) tab = given.tab;
  const view = $("view-report");
  const tabs = [["figures", "report_figures"], ["devices", "report_devices"], ...(frame.right("staff") ? [["people", "report_people"]] : [])];
  const body = el("div", {}, el("div", { cls: "box" }, el("div", { cls: "skeleton" }), el("div", { cls: "skeleton" }), el("div", { cls: "skeleton" })));
  fill(view, el("h1", { text: t("report_title") }), choice(tabs.map(([name, word]) => [name, t(word)]), tab, (name) => { tab = name; open(); }, "tabs"), body);
  try {
    if (tab === "figures") await figures(body);
    else await team[tab](body);
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
    if (frame.gone(error)) return;
    fill(body, el("p", { cls: "note bad", role: "alert", text: error instanceof Refused ? told(error.body) : t("error_net") }), el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-main", text: t("queue_now"), on: { click: () => open() } })));
  }
}

function choice(options, held, pick, cls) {
  return el("div", { cls: `picks ${cls}`, role: "group" }, options.map(([name, text]) => el("button", { type: "button", "data-pick": name, "aria-pressed": String(name === held), text, on: { click: () => pick(name) } })));
}

function days() {
  const now = Date.now();
  const today = dayOf(now);
  if (span === "week") return [dayOf(now - 6 * DAY), today];
  return span === "month" ? [`${today.slice(0, 8)}01`, today] : [today, today];
}

async function figures(body) {
  const [from, to] = days();
  const held = await call(`report?from=${from}&to=${to}${department ? `&department=${department}` : ""}`);
  const spans = [["today", t("report_today")], ["week", t("report_week")], ["month", t("report_month")]];
  const again = (act) => (name) => { act(name); open(); };
  const parts = held.departments.length && (held.departments.length > 1 || !held.department) ? [["", t("report_whole")], ...held.departments.map((each) => [each.id, each.name])] : [];
  const sum = (name) => held.clerks.reduce((all, each) => all + each[name], 0);
  fill(body,
    el("div", { cls: "filters" }, choice(spans, span, again((name) => { span = name; }), "spans"),
      parts.length ? choice(parts, department, again((id) => { department = id; }), "spans parts") : null,
      el("p", { cls: "muted small span", text: `${held.department?.name ?? held.store} · ${from === to ? from : `${from} – ${to}`}` })),
    el("div", { cls: "box" }, el("div", { cls: "figures" }, figure(count(sum("redeemed")), t("shift_redeemed")), figure(money(held.sales_fen), t("report_sales")), figure(count(sum("cards")), t("shift_cards")))),
    el("div", { cls: "side" },
      ranking(t("report_clerks"), held.clerks.map((each, at) => ({ rank: at + 1, name: each.name, worth: each.redeemed, big: count(each.redeemed), small: [t("report_line", { money: money(each.pay_fen), booked: count(each.booked), cards: count(each.cards) }), each.undone || each.refused ? t("report_odd", { undone: count(each.undone), refused: count(each.refused) }) : ""] })), t("shift_redeemed")),
      held.stores.length > 1 ? ranking(t("report_stores", { unit: held.stores[0].unit }), held.stores.map((each) => ({ rank: each.rank, name: each.name, here: each.here, worth: each.sales_fen, big: money(each.sales_fen), small: [t("report_store_line", { n: count(each.redeemed), orders: count(each.orders), cards: count(each.cards) }), ""] })), t("report_sales")) : null,
      table(t("shift_settle"), [t("unit"), t("count"), t("discount")], held.units.map((each) => [each.unit, count(each.redeemed), money(each.discount_fen)]), t("shift_settle_lead")),
      held.department ? null : table(t("report_shifts"), [t("name"), t("when"), t("count"), t("shift_sales")], held.shifts.map((each) => [each.name, when(each.to), count(each.redeemed), money(each.pay_fen)]), "")));
}

const figure = (text, name) => el("div", {}, el("b", { text }), el("span", { cls: "muted small", text: name }));

// The bar is a length beside the number, which says it too.
function ranking(title, rows, measure) {
  const most = Math.max(...rows.map((each) => each.worth), 1);
  const bar = (each) => el("progress", { max: String(most), value: String(Math.max(each.worth, 0)), "aria-hidden": "true" });
  return el("div", { cls: "box ranking" }, el("h2", {}, title, el("small", { cls: "muted", text: measure })),
    rows.length === 0 ? el("p", { cls: "muted", text: t("report_none") }) : el("ol", {}, rows.map((each) => el("li", { cls: each.here ? "here" : null }, el("i", { cls: each.rank <= 3 ? `rank top-${each.rank}` : "rank", text: String(each.rank) }), el("div", {}, el("b", { text: each.here ? t("report_here", { name: each.name }) : each.name }), bar(each), each.small.filter(Boolean).map((text) => el("small", { cls: "muted", text }))), el("strong", { text: each.big })))));
}

function table(title, heads, rows, lead) {
  return el("div", { cls: "box" }, el("h2", { text: title }), lead ? el("p", { cls: "muted small", text: lead }) : null,
    rows.length === 0 ? el("p", { cls: "muted", text: t("report_none") }) : el("table", { cls: "table" }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col", text: head })))), el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", { text: cell })))))));
}
