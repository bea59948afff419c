// The table of what goes back and forth between people, platform and accounts.
import { clockOf, el } from "./dom.js";

const KINDS = [["all", "全部"], ["event", "事件"], ["callback", "回调"], ["call", "调用"], ["message", "消息"], ["control", "控制"]];
const MAX_ROWS = 300;
const ACTS = { follow: "关注", unfollow: "取消关注", scan: "扫码", click: "点击菜单", view: "打开网页", view_mini: "打开小程序", write: "发消息", send_image: "发图片", send_voice: "发语音",
  send_video: "发视频", send_location: "发位置", share_location: "上报位置", take_card: "领卡", delete_card: "删卡", give_card: "转赠卡", view_card: "看卡", submit_card_form: "提交开卡信息",
  pay_card: "刷卡支付", enter_from_card: "从卡进入", enter_mini: "进入小程序", subscribe_popup: "订阅弹窗", subscribe_change: "订阅设置", revoke_info: "撤回授权", raw: "其他事件",
  login_code: "登录码", phone_code: "手机号码授权", platform: "平台事件", send_link: "发链接", send_file: "发文件" };
const VIA = { reply: "被动回复", template: "模板消息", service: "客服消息", mass: "群发", subscribe: "订阅消息", card: "卡券" };
const REPLIES = { empty: "空", success: "success", garbage: "无法识别" };
const ERRORS = { timeout: "5 秒未答", refused: "连不上", closed: "连接断开", malformed: "答复残缺" };
const CONTROLS = { callbacks: "回调设置", fault: "注入故障", no_faults: "清除故障", expire_tokens: "令牌过期", quota: "配额", settings: "设置", clock: "时钟", template: "模板", reset: "重置" };

function row(record) {
  const base = { n: record.n, at: record.at, appid: record.appid, person: record.person, detail: "", end: "", tone: "" };
  const fields = record.fields || {};
  switch (record.type) {
    case "act": return { ...base, kind: "event", label: "事件 →", what: `${ACTS[record.do] || record.do}`, detail: fields.Content || fields.EventKey || fields.Event || "", end: record.event ? `#${record.event}` : "" };
    case "receipt": return { ...base, kind: "event", label: "回执 →", what: fields.Event || "回执", detail: record.status, end: `#${record.event}`, tone: record.status === "success" || record.status === "send success" ? "ok" : "used" };
    case "callback": return { ...base, kind: "callback", label: "回调 →", what: `事件 #${record.event}`, detail: `第 ${record.try} 次`, end: "… 已发出", tone: "wait" };
    case "answer": {
      const ok = record.status === 200 && record.reply !== "garbage";
      const said = record.status ? `${record.status} ${REPLIES[record.reply] || record.reply || ""}` : ERRORS[record.error] || record.error;
      return { ...base, kind: "callback", label: "应答 ←", what: `事件 #${record.event} 第 ${record.try} 次`, detail: record.why || (record.done ? "" : ok ? "" : "将重发"), end: `${ok ? "✓" : "✕"} ${said.trim()} · ${record.ms} ms`, tone: ok ? "ok" : "no" };
    }
    case "call": return { ...base, kind: "call", label: "调用 ←", what: record.path, detail: record.repeated ? "重复的 client_msg_id，未再发" : record.fault ? "注入的故障" : "", end: record.errcode ? `✕ ${record.errcode}` : "✓ ok", tone: record.errcode ? "no" : "ok" };
    case "message": return { ...base, kind: "message", label: `${VIA[record.via] || record.via} →`, what: said(record), end: record.msgtype === "platform_error" ? "✕ 未答" : "✓ 已送达", tone: record.msgtype === "platform_error" ? "no" : "ok" };
    case "control": return { ...base, kind: "control", label: "控制", what: CONTROLS[record.do] || record.do, detail: brief(record) };
    case "account": return { ...base, kind: "control", label: "控制", what: `账号 ${record.name}`, detail: record.callback_url };
    case "person": return { ...base, kind: "control", label: "控制", what: `新的人 ${record.name}` };
    default: return { ...base, kind: "control", label: record.type, what: "" };
  }
}

function said(record) {
  const data = record.data || {};
  return data.content || (data.articles ? data.articles[0].title : Object.values(data).filter((one) => typeof one === "string").join(" · "));
}

function brief(record) {
  const { n, at, type, do: what, ...rest } = record;
  return JSON.stringify(rest.set || rest.fault || rest);
}

export class Traffic {
  constructor(body, chips, empty, names) {
    this.body = body;
    this.empty = empty;
    this.names = names;
    this.kind = "all";
    this.rows = [];
    for (const [kind, text] of KINDS) {
      chips.append(el("button", { type: "button", class: kind === this.kind ? "chip on" : "chip", "aria-pressed": String(kind === this.kind), text, onclick: (event) => {
        this.kind = kind;
        chips.querySelectorAll(".chip").forEach((one) => { one.classList.toggle("on", one === event.target); one.setAttribute("aria-pressed", String(one === event.target)); });
        this.draw();
      } }));
    }
  }

  add(records) {
    const fresh = records.map(row);
    this.rows = [...fresh.reverse(), ...this.rows].slice(0, MAX_ROWS);
    this.draw(new Set(fresh.map((one) => one.n)));
  }

  draw(fresh = new Set()) {
    const shown = this.rows.filter((one) => this.kind === "all" || one.kind === this.kind);
    this.empty.hidden = shown.length > 0;
    this.body.replaceChildren(...shown.map((one) => this.line(one, fresh.has(one.n))));
  }

  line(one, fresh) {
    const who = el("td", { class: "who" }, el("span", { text: this.names.account(one.appid) || "—" }), one.person ? el("small", { text: this.names.person(one.person) }) : null);
    return el("tr", { class: fresh ? "fresh" : "" },
      el("td", { class: "time", text: clockOf(one.at, true) }),
      el("td", { class: "kind-cell" }, el("span", { class: `kind k-${one.kind}`, text: one.label })), who,
      el("td", { class: "content" }, el("span", { class: "what", text: one.what, title: one.what }), one.detail ? el("span", { class: "detail", text: one.detail, title: one.detail }) : null),
      el("td", { class: "end-cell" }, el("span", { class: `end ${one.tone}`, text: one.end })));
  }
}
