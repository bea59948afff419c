// The phone of one person: chats, contacts, discovery and the person himself.
import { act, get, hold } from "./api.js";
import { drawAct, drawMessage, preview } from "./bubbles.js";
import { clockOf, dayOf, el, face, icon, toast } from "./dom.js";
import { ask, sheet } from "./sheets.js";

const TABS = [["chats", "微信", "chat"], ["contacts", "通讯录", "book"], ["discover", "发现", "look"], ["me", "我", "me"]];
const GAP_MS = 5 * 60 * 1000;

export class Phone {
  constructor(root, onMove) {
    this.root = root;
    this.onMove = onMove;
    this.accounts = [];
    this.person = null;
    this.tab = "chats";
    this.appid = "";
    this.typing = new Set();
    this.seen = new Map();
    this.chats = new Map();
    this.drawn = "";
  }

  async show(personId, appid = "") {
    if (!personId) return;
    const changed = !this.person || this.person.id !== personId;
    this.accounts = await listed();
    this.person = await get(`people/${encodeURIComponent(personId)}`);
    if (changed) { this.chats.clear(); this.seen.clear(); this.tab = "chats"; }
    this.appid = this.accounts.some((one) => one.appid === appid) ? appid : "";
    await this.load();
    this.draw(true);
  }

  async refresh() {
    if (!this.person) return;
    this.accounts = await listed();
    this.person = await get(`people/${encodeURIComponent(this.person.id)}`);
    await this.load();
    this.draw(false);
  }

  async load() {
    const known = this.accounts.filter((one) => one.appid in this.person.openids || one.appid === this.appid);
    await Promise.all(known.map(async (one) => {
      const query = `chat?person=${encodeURIComponent(this.person.id)}&appid=${encodeURIComponent(one.appid)}`;
      this.chats.set(one.appid, await get(query));
    }));
    if (this.appid) this.seen.set(this.appid, this.last(this.appid)?.n || 0);
  }

  last(appid) {
    const records = this.chats.get(appid)?.records || [];
    return records[records.length - 1];
  }

  unread(appid) {
    const since = this.seen.get(appid) || 0;
    return (this.chats.get(appid)?.records || []).filter((one) => one.type === "message" && one.n > since).length;
  }

  async do(appid, what, more = {}) {
    try {
      await act(this.person.id, appid, what, more);
    } catch (error) {
      toast(`做不到：${error.message}`);
    }
    await this.refresh();
  }

  // The browser inside WeChat: a tab that is this person's, whom the platform vouches for when a page asks.
  async browse(url) {
    if (!/^https?:\/\/\S+$/.test(url)) { toast("只能打开 http:// 或 https:// 开头的网址"); return; }
    try {
      await hold(this.person.id);
      window.open(url, "_blank", "noopener");
    } catch (error) {
      toast(`打不开网页：${error.message}`);
    }
  }

  open(appid) { this.appid = appid; this.onMove(this.person.id, appid); }
  close() { this.appid = ""; this.tab = "chats"; this.onMove(this.person.id, ""); }

  draw(force) {
    // While somebody types or chooses, the phone does not change under the finger.
    const busy = this.root.querySelector(".veil, .pop") || (document.activeElement?.matches(".foot input") && document.activeElement.value);
    const picture = JSON.stringify([this.person, this.appid, this.tab, [...this.chats], this.accounts]);
    if (!force && (busy || picture === this.drawn)) return;
    this.drawn = picture;
    const focused = document.activeElement?.matches(".foot input");
    this.root.replaceChildren(this.statusBar(), ...(this.appid ? this.chat() : this.home()));
    const screen = this.root.querySelector(".screen");
    if (this.appid) screen.scrollTop = screen.scrollHeight;
    if (focused) this.root.querySelector(".foot input")?.focus({ preventScroll: true });
  }

  statusBar() {
    return el("div", { class: "status", "aria-hidden": "true" }, el("span", { text: clockOf(Date.now()) }), el("i"));
  }

  home() {
    const unread = [...this.chats.keys()].reduce((sum, appid) => sum + this.unread(appid), 0);
    const title = { chats: unread ? `微信(${unread})` : "微信", contacts: "通讯录", discover: "发现", me: "我" }[this.tab];
    const right = el("button", { type: "button", class: "right", "aria-label": "扫一扫", onclick: () => this.scan() }, icon("plus"));
    right.firstChild.setAttribute("fill", "none");
    const body = { chats: () => this.chatList(), contacts: () => this.contacts(), discover: () => this.discover(), me: () => this.me() }[this.tab]();
    return [el("div", { class: "title" }, el("h3", { text: title }), right), el("div", { class: "screen" }, ...body), this.tabs()];
  }

  tabs() {
    return el("nav", { class: "tabs", "aria-label": "微信" }, ...TABS.map(([name, text, picture]) =>
      el("button", { type: "button", class: this.tab === name ? "on" : "", "aria-current": this.tab === name && "page", onclick: () => { this.tab = name; this.draw(true); } }, icon(picture), el("span", { text }))));
  }

  chatList() {
    const open = this.accounts.filter((one) => this.last(one.appid)).sort((a, b) => this.last(b.appid).n - this.last(a.appid).n);
    if (!open.length) return [el("p", { class: "blank", text: "还没有会话。到“通讯录”里关注一个公众号，或用“发现”里的扫一扫。" })];
    return [el("ul", { class: "cells" }, ...open.map((account) => {
      const last = this.last(account.appid);
      const count = this.unread(account.appid);
      const pic = el("span", { class: "pic" }, face(account.name), count ? el("span", { class: "badge", text: count > 99 ? "99+" : count }) : null);
      const name = el("span", { class: "name" }, el("span", { text: account.name }), el("small", { text: preview(last) }));
      return el("li", {}, el("button", { type: "button", class: "cell chat", onclick: () => this.open(account.appid) }, pic,
        el("span", { class: "in" }, name, el("time", { text: dayOf(last.at) }))));
    }))];
  }

  contacts() {
    const row = (account) => {
      const follows = this.person.following.includes(account.appid);
      const mini = account.kind === "mini";
      const button = mini
        ? el("button", { type: "button", class: "do plain", text: "打开", onclick: () => this.do(account.appid, "enter_mini").then(() => this.open(account.appid)) })
        : el("button", { type: "button", class: follows ? "do plain" : "do", text: follows ? "发消息" : "关注",
          onclick: () => (follows ? this.open(account.appid) : this.do(account.appid, "follow").then(() => this.open(account.appid))) });
      return el("li", {}, el("div", { class: "cell" }, face(account.name), el("div", { class: "in" }, el("span", { class: "name" }, el("span", { text: account.name }), el("small", { text: KIND[account.kind] })), button)));
    };
    if (!this.accounts.length) return [el("p", { class: "blank", text: "平台上还没有账号。" })];
    return [el("p", { class: "heading", text: "公众号与小程序" }), el("ul", { class: "cells" }, ...this.accounts.map(row))];
  }

  discover() {
    const cell = (text, picture, run) => el("li", {}, el("button", { type: "button", class: "cell", onclick: run }, icon(picture, "lead"),
      el("span", { class: "in" }, el("span", { class: "name" }, el("span", { text })), icon("go", "go"))));
    return [el("ul", { class: "cells gap" }, cell("扫一扫", "scan", () => this.scan())), el("ul", { class: "cells" }, cell("打开网页", "look", () => this.address()))];
  }

  me() {
    const profile = el("div", { class: "profile" }, face(this.person.name), el("div", {}, el("b", { text: this.person.name }),
      el("small", { text: `手机号 ${this.person.phone}` }), el("small", { text: `编号 ${this.person.id}` })));
    const name = (appid) => this.accounts.find((one) => one.appid === appid)?.name || appid;
    const cards = this.person.cards.map((card) => el("li", {}, el("div", { class: "cell" }, icon("card", "lead"), el("div", { class: "in" },
      el("span", { class: "name" }, el("span", { text: `${name(card.appid)} ${card.code}` }), el("small", { text: CARD[card.status] || card.status }))))));
    return [profile, el("p", { class: "heading", text: "卡包" }),
      cards.length ? el("ul", { class: "cells" }, ...cards) : el("p", { class: "blank", text: "还没有卡券" })];
  }

  address() {
    ask(this.root, { note: `用${this.person.name}的手机打开网页`, button: "打开", fields: [{ name: "url", label: "网址，如 http://127.0.0.1:8000/me", type: "url" }],
      run: ({ url }) => this.browse(url.trim()) });
  }

  scan() {
    const options = this.accounts.filter((one) => one.kind !== "mini").map((one) => ({ value: one.appid, text: one.name }));
    if (!options.length) { toast("平台上还没有公众号"); return; }
    ask(this.root, { note: "扫一扫：选择公众号，填渠道二维码的场景值", button: "扫码", fields: [
      { name: "appid", label: "公众号", options, value: this.appid || options[0].value }, { name: "scene", label: "场景值（留空为公众号自己的码）" }],
    run: ({ appid, scene }) => this.do(appid, scene ? "scan" : "follow", scene ? { scene } : { how: "qr" }).then(() => this.open(appid)) });
  }

  chat() {
    const account = this.accounts.find((one) => one.appid === this.appid);
    const chat = this.chats.get(this.appid) || { records: [], menu: null, templates: {}, following: false };
    const talk = el("div", { class: "talk" });
    if (!chat.records.length) talk.append(this.card(account, chat));
    let before = 0;
    for (const record of chat.records) {
      const drawn = record.type === "act" ? drawAct(record, this.person, account) : drawMessage(record, account, chat.templates, (url) => this.browse(url));
      if (!drawn) continue;
      if (record.at - before > GAP_MS) talk.append(el("time", { text: dayOf(record.at) }));
      before = record.at;
      talk.append(drawn);
    }
    const title = el("div", { class: "title ruled" }, el("button", { type: "button", class: "left", "aria-label": "返回", onclick: () => this.close() }, icon("back")),
      el("h3", { text: account.name }), el("button", { type: "button", class: "right", "aria-label": "更多", onclick: () => this.more(account, chat) }, icon("more")));
    return [title, el("div", { class: "screen" }, talk), this.foot(account, chat)];
  }

  // Before the first word: who this is, and what following brings.
  card(account, chat) {
    const said = account.kind === "mini" ? "打开后可以和客服说话" : chat.following ? "点下面的菜单，或写点什么" : "关注后，这里会收到它的消息和菜单";
    return el("div", { class: "intro" }, face(account.name), el("b", { text: account.name }), el("small", { text: `${KIND[account.kind]} · ${account.appid}` }), el("p", { text: said }));
  }

  foot(account, chat) {
    const foot = el("div", { class: "foot" });
    if (!chat.following && account.kind !== "mini") {
      foot.append(el("button", { type: "button", class: "wide", text: "关注公众号", onclick: () => this.do(account.appid, "follow") }));
      return foot;
    }
    const buttons = chat.menu?.button || [];
    const typing = !buttons.length || this.typing.has(account.appid);
    if (buttons.length) {
      foot.append(el("button", { type: "button", class: "swap", "aria-label": typing ? "菜单" : "键盘", onclick: () => {
        if (typing) this.typing.delete(account.appid); else this.typing.add(account.appid);
        this.draw(true);
      } }, icon(typing ? "menu" : "keys")));
    }
    foot.append(typing ? this.input(account) : this.menu(account, buttons));
    return foot;
  }

  input(account) {
    const input = el("input", { name: "text", maxlength: "2000", autocomplete: "off", "aria-label": "写消息" });
    const plus = el("button", { type: "button", class: "plus", "aria-label": "更多内容", onclick: () => this.tray(account) }, icon("plus"));
    const send = el("button", { type: "submit", class: "send", text: "发送" });
    return el("form", { onsubmit: (event) => {
      event.preventDefault();
      const text = input.value;
      if (!text.trim()) return;
      input.value = "";
      this.do(account.appid, "write", { text });
    } }, input, plus, send);
  }

  tray(account) {
    sheet(this.root, { choices: [
      { text: "图片", run: () => this.do(account.appid, "send_image") },
      { text: "语音", run: () => this.do(account.appid, "send_voice") },
      { text: "位置", run: () => this.do(account.appid, "send_location", { lat: 31.2363, lng: 121.4803, label: "上海市黄浦区南京东路" }) }] });
  }

  menu(account, buttons) {
    const bar = el("div", { class: "menu" });
    for (const button of buttons) {
      const holder = el("div");
      const below = button.sub_button || [];
      const run = () => {
        const open = holder.querySelector(".pop");
        bar.querySelectorAll(".pop").forEach((one) => one.remove());
        if (!below.length) { this.press(account, button); return; }
        if (open) return;
        holder.append(el("div", { class: "pop" }, ...below.map((one) => el("button", { type: "button", text: one.name, onclick: () => {
          bar.querySelectorAll(".pop").forEach((pop) => pop.remove());
          this.press(account, one);
        } }))));
      };
      holder.append(el("button", { type: "button", class: "top-item", onclick: run }, below.length ? icon("lines") : null, el("span", { text: button.name })));
      bar.append(holder);
    }
    return bar;
  }

  press(account, button) {
    const key = button.key;
    switch (button.type) {
      case "click": return this.do(account.appid, "click", { key });
      case "view": this.browse(button.url); return this.do(account.appid, "view", { url: button.url });
      case "miniprogram": return this.do(account.appid, "view_mini", { path: button.pagepath });
      case "scancode_push": case "scancode_waitmsg":
        return this.do(account.appid, "raw", { fields: { Event: button.type, EventKey: key, ScanCodeInfo: { ScanType: "qrcode", ScanResult: "1" } } });
      case "location_select":
        return this.do(account.appid, "raw", { fields: { Event: button.type, EventKey: key, SendLocationInfo: { Location_X: "31.2363", Location_Y: "121.4803", Scale: "15", Label: "南京东路", Poiname: "" } } });
      case "pic_sysphoto": case "pic_photo_or_album": case "pic_weixin":
        return this.do(account.appid, "raw", { fields: { Event: button.type, EventKey: key, SendPicsInfo: { Count: 1, PicList: { item: [{ PicMd5Sum: "1b5f7c23b5bf75682a53e7b6d163e185" }] } } } });
      default: return toast("这种菜单不产生事件");
    }
  }

  more(account, chat) {
    const mini = account.kind === "mini";
    const choices = [{ text: "扫一扫", run: () => this.scan() }];
    if (!mini && chat.following) {
      choices.push({ text: "领取会员卡", run: () => ask(this.root, { note: "领取卡券", button: "领取", fields: [{ name: "card_id", label: "卡券编号 card_id" }], run: ({ card_id: card }) => this.do(account.appid, "take_card", { card_id: card }) }) });
      choices.push({ text: "上报位置", run: () => this.do(account.appid, "share_location", { lat: 31.2363, lng: 121.4803, precision: 65 }) });
      choices.push({ text: "取消关注", warn: true, run: () => sheet(this.root, { note: `取消关注“${account.name}”后，将不再收到它的消息`, choices: [{ text: "取消关注", warn: true, run: () => this.do(account.appid, "unfollow") }] }) });
    } else if (!mini) choices.push({ text: "关注", run: () => this.do(account.appid, "follow") });
    sheet(this.root, { note: chat.openid ? `openid ${chat.openid}` : account.name, choices });
  }
}

// A website is nobody one can follow: it only asks people to log in.
const listed = async () => (await get("accounts")).accounts.filter((one) => one.kind !== "website");
const KIND = { service: "服务号", subscription: "订阅号", mini: "小程序" };
const CARD = { NORMAL: "可用", CONSUMED: "已核销", DELETE: "已删除", GIFTING: "转赠中", GIFT_SUCC: "已转赠", UNAVAILABLE: "已失效", EXPIRE: "已过期" };
