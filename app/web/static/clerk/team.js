// Devices that were paired and people who work here: cut off a device, let somebody bind his WeChat, or take it away again.
import { Refused, Unreached, call } from "./api.js";
import { closeSheet, el, fill, icon, openSheet, toast } from "./dom.js";
import { away } from "./scanned.js";
import { date, language, t, told, when } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };

export async function devices(body) {
  const { terminals } = await call("terminals");
  const live = terminals.filter((each) => each.state !== "cut_off");
  const cut = terminals.filter((each) => each.state === "cut_off");
  fill(body, el("p", { cls: "muted small span", text: t("device_lead") }), list(live, device), cut.length ? el("div", { cls: "box" }, el("h2", { text: t("device_cut") }), el("ul", {}, cut.map(device))) : null);
}

function list(rows, draw) {
  return el("div", { cls: "box" }, rows.length ? el("ul", { cls: "team" }, rows.map(draw)) : el("p", { cls: "muted", text: t("report_none") }));
}

function device(each) {
  const at = { paired: each.seen_at ? t("device_seen", { at: when(each.seen_at) }) : t("device_unseen"), offered: t("device_offered"), lapsed: t("device_lapsed"), cut_off: t("device_off", { at: each.revoked_at ? when(each.revoked_at) : "" }) }[each.state];
  const place = [each.store_name, each.department].filter(Boolean).join(" · ");
  const act = frame.right("staff") && each.state !== "cut_off" && !each.own ? el("button", { type: "button", cls: "act", text: t("device_cut_go"), on: { click: () => ask(t("device_cut_ask", { name: each.name }), t("device_cut_lead"), () => call(`devices/${each.id}/cut`, { body: {} })) } }) : null;
  return el("li", { cls: "row", "data-state": each.state }, el("span", { cls: `dot ${each.state === "paired" ? "on" : "undone"}` }, icon("phone")), el("div", {}, el("b", { text: each.own ? t("device_own", { name: each.name }) : each.name }), el("small", { text: `${place} · ${at}` })), act);
}

export async function people(body) {
  const { staff, scan } = await call("staff");
  fill(body, el("p", { cls: "muted small span", text: scan ? t("people_lead") : t("people_no_scan") }), list(staff, (each) => person(each, scan)));
}

function person(each, scan) {
  const places = each.positions.map((held) => [t(`role_${held.role}`), held.place].filter(Boolean).join(" · ")).join(language() === "en" ? ", " : "，");
  const name = language() === "en" ? `${each.name} (${each.login})` : `${each.name}（${each.login}）`;
  const bound = each.bound_at ? t("people_bound", { at: date(each.bound_at) }) : t("people_unbound");
  const bind = () => ask(t("people_bind_ask", { name: each.name }), t("people_bind_lead", { name: each.name }), () => away(`staff/${each.id}/wechat`));
  const drop = () => ask(t("people_drop_ask", { name: each.name }), t("people_drop_lead", { name: each.name }), () => call(`staff/${each.id}/wechat/drop`, { body: {} }));
  const act = each.bound_at ? el("button", { type: "button", cls: "act", text: t("people_drop"), on: { click: drop } }) : scan ? el("button", { type: "button", cls: "act undo", text: t("people_bind"), on: { click: bind } }) : null;
  return el("li", { cls: "row", "data-login": each.login }, el("span", { cls: `dot ${each.bound_at ? "on" : "undone"}` }, icon("member")), el("div", {}, el("b", { text: name }), el("small", { text: places }), el("small", { text: each.totp ? `${bound} · ${t("people_totp")}` : bound })), act);
}

// What cannot be taken back asks once, naming the thing.
function ask(title, lead, act) {
  const go = el("button", { type: "button", cls: "btn btn-main", id: "team-go", text: t("go_on"), autofocus: true });
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await act();
      closeSheet();
      toast(t("done_short"));
      frame.redraw();
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
      go.disabled = false;
      toast(error instanceof Refused ? told(error.body) : t("error_net"));
    }
  });
  openSheet(el("h1", { text: title }), el("p", { cls: "muted", text: lead }), el("div", { cls: "stack" }, go, el("button", { type: "button", cls: "btn btn-soft", text: t("cancel"), on: { click: closeSheet } })));
}
