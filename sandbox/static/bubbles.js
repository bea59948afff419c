// One record of a chat as WeChat would draw it.
import { clockOf, dayOf, el, face, icon } from "./dom.js";

const KINDS = { keyword: "内容", thing: "事项", time: "时间", date: "日期", amount: "金额", number: "数量", phrase: "状态", name: "姓名",
  character_string: "编号", phone_number: "电话", car_number: "车牌", const: "类型", letter: "代码", symbol: "符号", enum: "类型" };

const NOTES = { unfollow: "已取消关注", take_card: "领取了一张卡券", delete_card: "删除了一张卡券", give_card: "把卡券转赠给朋友", view_card: "查看了卡券",
  submit_card_form: "提交了会员开卡信息", pay_card: "用卡完成支付", enter_from_card: "从卡券进入公众号", enter_mini: "进入了小程序客服会话",
  subscribe_popup: "回应了订阅授权弹窗", subscribe_change: "修改了订阅设置", revoke_info: "撤回了信息授权", share_location: "上报了地理位置",
  login_code: "打开了小程序", phone_code: "授权了手机号", send_link: "发送了一个链接", send_file: "发送了一个文件", send_video: "发送了一段视频" };

const hint = (text, bad = false) => el("div", { class: bad ? "hint bad" : "hint", text });

function line(mine, who, body) {
  return el("div", { class: mine ? "line mine" : "line" }, face(who), body);
}

function shot() {
  return el("div", { class: "shot", role: "img", "aria-label": "图片" }, icon("image"));
}

function voice(text) {
  return el("div", { class: "bubble voice" }, icon("voice"), el("span", { text }));
}

function place(data) {
  return el("div", { class: "place" }, el("b", { text: data.label || "位置" }), el("small", { text: `${data.x}, ${data.y}` }), el("div", { class: "map" }, icon("pin")));
}

// What a person did; null where WeChat shows nothing at all.
export function drawAct(record, person, account) {
  const fields = record.fields || {};
  switch (record.do) {
    case "write": return line(true, person.name, el("div", { class: "bubble", text: fields.Content }));
    case "send_image": return line(true, person.name, shot());
    case "send_voice": return line(true, person.name, voice("3″"));
    case "send_location": return line(true, person.name, place({ label: fields.Label, x: fields.Location_X, y: fields.Location_Y }));
    case "follow": case "scan": return hint(fields.Event === "SCAN" ? `你扫描了 ${account.name} 的二维码` : `你已关注 ${account.name}，现在可以开始聊天了`);
    case "click": return hint(`点击菜单 ${fields.EventKey}`);
    case "view": return hint(`打开网页 ${fields.EventKey}`);
    case "view_mini": return hint(`打开小程序 ${fields.EventKey}`);
    case "raw": case "platform": return hint(`产生事件 ${fields.Event || fields.MsgType}`);
    default: return NOTES[record.do] ? hint(NOTES[record.do]) : null;
  }
}

function labelOf(name) {
  const kind = name.replace(/\d+$/, "");
  return KINDS[kind] || name;
}

// A text as it is, in which web addresses can be touched.
function linked(said, browse) {
  const text = String(said ?? "");
  const body = el("div", { class: "bubble" });
  let from = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"'，。；）]+/g)) {
    body.append(text.slice(from, found.index), el("button", { type: "button", class: "link", text: found[0], onclick: () => browse(found[0]) }));
    from = found.index + found[0].length;
  }
  body.append(text.slice(from));
  return body;
}

function template(record, account, titles, browse) {
  const rows = el("dl");
  for (const [name, value] of Object.entries(record.data)) rows.append(el("dt", { text: labelOf(name) }), el("dd", { text: value }));
  const card = el("article", { class: "sheet-card" });
  if (record.via === "subscribe") card.append(el("div", { class: "from" }, face(account.name), el("span", { text: `服务通知 · ${account.name}` })));
  card.append(el("header", { text: titles[record.template_id] || "服务通知" }), el("span", { class: "date", text: dayOf(record.at) }), rows);
  const more = [el("span", { text: record.miniprogram ? "进入小程序查看" : "查看详情" }), icon("go")];
  if (record.miniprogram || record.page) card.append(el("footer", {}, ...more));
  else if (record.url) card.append(el("footer", {}, el("button", { type: "button", onclick: () => browse(record.url) }, ...more)));
  return card;
}

function article(item, browse) {
  const address = browse && (item.url || item.Url);
  return el("article", { class: "sheet-card article" }, el("div", { class: "cover", text: item.title || "" }), item.description && el("p", { text: item.description }),
    address && el("footer", {}, el("button", { type: "button", onclick: () => browse(address) }, el("span", { text: "阅读全文" }), icon("go"))));
}

// What reached a person.
export function drawMessage(record, account, titles, browse) {
  const data = record.data || {};
  if (record.via === "template" || record.via === "subscribe") return template(record, account, titles, browse);
  const left = (body) => line(false, account.name, body);
  switch (record.msgtype) {
    case "platform_error": return hint(data.content, true);
    case "text": return left(linked(data.content, browse));
    case "image": case "images": return left(shot());
    case "voice": return left(voice("5″"));
    case "video": case "mpvideo": return left(shot());
    case "music": return left(el("div", { class: "bubble", text: `♪ ${data.title || "音乐"}` }));
    case "news": return article((data.articles || [{}])[0], browse);
    case "mpnews": case "mpnewsarticle": return article({ title: "图文消息", description: data.title || "" });
    case "link": return article(data, browse);
    case "miniprogrampage": return article({ title: data.title, description: `小程序 ${data.pagepath}` });
    case "wxcard": return left(el("div", { class: "member" }, el("b", { text: account.name }), el("small", { text: `卡券 ${data.card_id}` })));
    case "msgmenu": return left(el("div", { class: "bubble", text: [data.head_content, ...(data.list || []).map((item) => `› ${item.content}`), data.tail_content].filter(Boolean).join("\n") }));
    default: return left(el("div", { class: "bubble", text: `[${record.msgtype || record.via}]` }));
  }
}

// The line of the chat list.
export function preview(record) {
  if (record.type === "act") {
    const fields = record.fields || {};
    return { write: fields.Content, send_image: "[图片]", send_voice: "[语音]", send_location: "[位置]", click: `[菜单] ${fields.EventKey}` }[record.do]
      || (record.do === "follow" || record.do === "scan" ? "你已关注，现在可以开始聊天了" : NOTES[record.do] || fields.Event || "");
  }
  const data = record.data || {};
  if (record.via === "template" || record.via === "subscribe") return `[服务通知] ${Object.values(data)[0] || ""}`;
  if (record.msgtype === "news") return `[图文] ${(data.articles || [{}])[0].title || ""}`;
  return data.content || { image: "[图片]", voice: "[语音]", video: "[视频]", music: "[音乐]", wxcard: "[卡券]", miniprogrampage: "[小程序]" }[record.msgtype] || "[消息]";
}

export { clockOf };
