// Every word of the clerk's page, Chinese first; `say` fills in what stands in braces.
const zh = {
  store_fallback: "粉卡", lang: "EN", torch: "手电筒", camera_start: "打开摄像头", find: "查找", recent: "最近 20 次", typed_hint: "手机号 / 卡号 / 券码",
  nav_scan: "扫码", nav_member: "会员", nav_book: "记一笔", nav_shift: "交班",
  online: "在线 · 已同步", syncing: "待同步 {n}", offline: "离线", offline_n: "离线 · 待同步 {n}",
  hint_ready: "对准会员码或券码，也可用扫码枪", hint_off: "摄像头未打开，可用扫码枪或输入券码", hint_none: "没有可用的摄像头，请用扫码枪或输入券码", hint_denied: "没有摄像头权限：请在浏览器设置里允许，或输入券码", hint_reading: "识别中…",
  tally: "本班 {n} 笔 · {money}", recent_empty: "扫第一张券，记录会出现在这里。", undo_in: "撤销 {left}", detail: "详情", undone: "已撤销", queued: "待同步 · {age}", parked_n: "待主管 {n}",
  today: "今天 {time}", yesterday: "昨天 {time}", seconds: "{n} 秒", minutes: "{n} 分钟", hours: "{n} 小时",
  pair_title: "与门店配对", pair_lead: "请店长在后台生成配对码，15 分钟内在这台设备上输入一次。", pair_code: "配对码", pair_go: "配对",
  login_title: "登录", login_lead: "{store} · {device}", login: "工号", password: "密码", totp: "动态口令（6 位）", login_go: "登录", logout: "退出登录",
  done: "核销成功", done_pay: "请收款 {money}", done_gift: "请交付 {what}", used: "已用过", no: "不能使用", wait: "确认中", undone_title: "已撤销", undone_why: "券已退回会员，可以再次使用", wait_why: "网络不稳，正在用同一编号查询，请勿重扫",
  used_next: "若是误操作，请当班主管撤销后重扫。", again: "继续扫码", undo_here: "撤销（{left} 内）", ask_supervisor: "请主管处理", to_queue: "先放入待同步（{n}）", waited: "已等待", number: "编号", asked: "已请主管处理",
  member: "会员", coupon: "券", original: "原价", discount: "优惠", pay: "应收", points: "本次积分", points_after: "+{n}（{when} 生效）", points_now: "+{n}", reduced: "当时减", rest: "剩余", stores: "可用门店", ended: "到期时间", begins: "可用时间", free_at: "占用至", missing: "还差 {money}", slip: "小票", when: "时间", where: "门店", by: "经办", code: "券码", reason: "原因", result: "结果",
  preview_amount: "本单原价（元）", confirm: "确认核销", confirm_pay: "确认核销 · 收款 {money}", cancel: "取消", close: "关闭", enter_amount: "请输入本单原价", left_times: "还可用 {n} 次",
  offline_first: "现在离线：先放入待同步。结果出来前请勿交付商品。", offline_ok: "离线可用：此券允许离线核销，联网后自动确认。", offline_title: "已放入待同步", queue_title: "待同步 {n} 笔", queue_lead: "联网后自动用原编号发送，不会重复核销。", queue_empty: "全部已同步。", queue_now: "立即重试", synced_done: "{what} 已核销", synced_bad: "{what} 未核销，已转主管：{why}", age: "{age}前",
  undo_title: "撤销这次核销？", undo_lead: "“{what}”会退给{who}，已收的钱请按原路退回。", undo_reason: "撤销原因（必填）", undo_go: "确认撤销",
  parked_title: "待主管处理", parked_lead: "这些核销被拒绝了，但顾客可能已经拿走商品。逐笔处理，不会丢失。", parked_empty: "没有待处理的核销。", parked_note: "处理说明", parked_settle: "已线下处理", parked_void: "商品未交付，作废", parked_kept: "已记录",
  member_title: "会员", member_lead: "手机号、卡号，或让会员出示会员码。", member_key: "手机号 / 卡号 / 会员码", member_coupons: "可用的券", member_no_coupons: "没有可用的券", member_points: "可用积分", member_pending: "待生效", member_use: "核销", member_value: "储值", member_off: "会员价", member_show_code: "请会员出示会员码，才能结账和核销。", member_blank: "查到的会员会出现在这里：他的卡、积分和可用的券。", member_book: "为 {who} 记一笔", expires_on: "{date} 到期",
  open_title: "开卡", open_lead: "顾客报手机号，当场开卡。已有卡会直接找到，不会重复。", open_phone: "顾客手机号", open_go: "开卡", open_done: "开卡成功", open_known: "已是会员", card_number: "卡号", gift: "开卡礼",
  book_title: "记一笔", book_lead: "把这笔消费记到会员名下，积分当场入账。", book_member: "会员（手机号 / 卡号 / 会员码）", book_amount: "实付金额（元）", book_number: "小票号", book_sku: "商品编码（可不填）", book_go: "记账", book_done: "已记账", book_none: "这笔消费没有积分", moving: "动态码 {code}", book_twice: "这张小票已经记过，没有重复积分", order: "小票号", amount: "金额",
  sale_open: "结账", sale_title: "结账", sale_uses: "本单使用", sale_number: "小票号（可不填）", sale_points: "{n} 积分", sale_value: "储值 {money}", sale_balance: "储值支付", sale_earns: "预计 +{n}", sale_earns_times: "预计 +{n}（{times} 倍）", sale_confirm: "确认结账 · 收款 {money}", sale_done: "结账成功", sale_again: "没有收到结果。请再按一次：同一编号不会重复扣款。", sale_undone: "券、积分和储值已退回会员，已收的钱请按原路退回", tier_price: "{tier}会员价",
  slip_open: "小票 / 撤销", slip_title: "小票", slip_print: "打印小票", override_reason: "主管放行原因（写入审计）", override_go: "主管放行", override_lead: "只放行门店、商品、最低消费这类条件；已用、过期、库存不能放行。",
  shift_title: "交班", shift_lead: "{name} · 自 {from}", shift_redeemed: "核销（笔）", shift_discount: "优惠", shift_sales: "收款", shift_undone: "撤销", shift_refused: "拒绝", shift_by: "本店各人", shift_settle: "结算预览", shift_settle_lead: "按券的出资方汇总，月末以正式结算为准。", unit: "出资方", count: "笔数", name: "姓名", shift_none: "本班还没有核销。", shift_go: "交班并退出", shift_ask: "交班后本班合计不再变化：{n} 笔，优惠 {money}。", shift_done: "已交班", shift_booked: "记账", shift_cards: "开卡", shift_unsent: "还有 {n} 笔待同步，联网同步后再交班。",
  report_title: "报表", nav_report: "报表", report_figures: "业绩", report_devices: "设备", report_people: "员工", report_today: "今天", report_week: "近 7 天", report_month: "本月", report_whole: "全店", report_sales: "销售额", report_clerks: "店员排名", report_stores: "{unit} · 门店排名", report_here: "{name}（本店）", report_line: "核销收款 {money} · 记账 {booked} · 开卡 {cards}", report_odd: "撤销 {undone} · 拒绝 {refused}", report_store_line: "订单 {orders} · 核销 {n} · 新会员 {cards}", report_shifts: "已交的班", report_none: "这几天没有记录。",
  device_lead: "在用的设备，最久没有出现的在最前。", device_cut: "已停用", device_seen: "最近使用 {at}", device_unseen: "配对后还没有使用", device_offered: "等待配对", device_lapsed: "配对码已过期", device_off: "停用于 {at}", device_own: "{name}（本机）", device_cut_go: "停用", device_cut_ask: "停用「{name}」？", device_cut_lead: "这台设备上的登录立即失效，要再用必须重新配对。",
  people_lead: "绑定后，员工用自己的微信扫码登录。绑定时本人要在场，用他的手机扫。", people_no_scan: "还没有开通微信扫码登录。", people_bound: "微信 {at} 绑定", people_unbound: "未绑定微信", people_totp: "有动态口令", people_bind: "绑定微信", people_drop: "解绑", people_bind_ask: "为 {name} 绑定微信？", people_bind_lead: "下一页会出现二维码，请 {name} 本人用手机扫。别人的微信扫了，就能以他的名义登录。", people_drop_ask: "解绑 {name} 的微信？", people_drop_lead: "{name} 的登录立即全部失效，之后只能用密码登录。", go_on: "继续", done_short: "已完成",
  role_clerk: "店员", role_supervisor: "主管", role_manager: "店长", role_marketer: "营销", role_finance: "财务", role_admin: "管理员",
  scan_in: "微信扫码登录", scan_bound: "{name} 的微信已绑定", scan_hello: "{name}，还差一步", scan_owes_totp: "你的职位在扫码之后还要动态口令。", scan_owes_password: "你的职位在扫码之后还要密码。", scan_other: "换一种方式登录",

  error_net: "连不上服务器。请检查网络后重试。", error_code: "编号 {id}", expired_login: "登录已到期，请重新登录", busy: "处理中…", bad_amount: "金额应为大于 0 的数字，最多两位小数",
};
const en = {
  store_fallback: "Fanka", lang: "中", torch: "Torch", camera_start: "Open the camera", find: "Find", recent: "Last 20", typed_hint: "Phone / card / coupon code",
  nav_scan: "Scan", nav_member: "Member", nav_book: "Book", nav_shift: "Hand over",
  online: "Online · in sync", syncing: "{n} to send", offline: "Offline", offline_n: "Offline · {n} to send",
  hint_ready: "Aim at a member or coupon code, or use the hand scanner", hint_off: "The camera is off: scan by hand or type the code", hint_none: "No camera here: scan by hand or type the code", hint_denied: "The camera is blocked: allow it in the browser, or type the code", hint_reading: "Reading…",
  tally: "This shift {n} · {money}", recent_empty: "Scan the first coupon; what happens is listed here.", undo_in: "Undo {left}", detail: "Details", undone: "Undone", queued: "To send · {age}", parked_n: "{n} for supervisor",
  today: "today {time}", yesterday: "yesterday {time}", seconds: "{n} s", minutes: "{n} min", hours: "{n} h",
  pair_title: "Pair with a store", pair_lead: "Ask the store manager for a pairing code and enter it once within 15 minutes.", pair_code: "Pairing code", pair_go: "Pair",
  login_title: "Log in", login_lead: "{store} · {device}", login: "Login", password: "Password", totp: "Authenticator code (6 digits)", login_go: "Log in", logout: "Log out",
  done: "Redeemed", done_pay: "Collect {money}", done_gift: "Hand over {what}", used: "Already used", no: "Not valid here", wait: "Checking", undone_title: "Undone", undone_why: "The coupon is back with the member and good again", wait_why: "The line is unsteady; asking by the same number. Do not scan again.",
  used_next: "If this was a mistake, ask the supervisor to undo it, then scan again.", again: "Scan on", undo_here: "Undo (within {left})", ask_supervisor: "Ask the supervisor", to_queue: "Put aside to send ({n})", waited: "Waited", number: "Number", asked: "The supervisor will see it",
  member: "Member", coupon: "Coupon", original: "Total", discount: "Discount", pay: "To pay", points: "Points", points_after: "+{n} (from {when})", points_now: "+{n}", reduced: "Took off", rest: "Left", stores: "Good at", ended: "Ended", begins: "Good from", free_at: "Held until", missing: "{money} short", slip: "Slip", when: "When", where: "Store", by: "By", code: "Code", reason: "Reason", result: "Result",
  preview_amount: "Total before discount (¥)", confirm: "Redeem", confirm_pay: "Redeem · collect {money}", cancel: "Cancel", close: "Close", enter_amount: "Enter the total first", left_times: "{n} uses left",
  offline_first: "Offline now: it is put aside to send. Do not hand anything over before the answer.", offline_ok: "Good offline: this coupon may be redeemed now and is confirmed later.", offline_title: "Put aside to send", queue_title: "{n} to send", queue_lead: "Sent by themselves with the same number once online; nothing is redeemed twice.", queue_empty: "Everything is in sync.", queue_now: "Try now", synced_done: "{what} is redeemed", synced_bad: "{what} was refused and goes to the supervisor: {why}", age: "{age} ago",
  undo_title: "Undo this redemption?", undo_lead: "{what} goes back to {who}; return the money the way it came.", undo_reason: "Reason (required)", undo_go: "Undo it",
  parked_title: "For the supervisor", parked_lead: "These were refused, though the customer may have left with the goods. Settle one by one; none is dropped.", parked_empty: "Nothing to settle.", parked_note: "What was done", parked_settle: "Settled by hand", parked_void: "Nothing handed over", parked_kept: "On record",
  member_title: "Member", member_lead: "Phone, card number, or the member's own code.", member_key: "Phone / card / member code", member_coupons: "Coupons", member_no_coupons: "No coupon to use", member_points: "Points", member_pending: "Pending", member_use: "Redeem", member_value: "Balance", member_off: "Member price", member_show_code: "Ask for the member code to check out or redeem.", member_blank: "Whoever you find is shown here: the card, its points and coupons.", member_book: "Book for {who}", expires_on: "until {date}",
  open_title: "Open a card", open_lead: "With the customer's phone number. Who has a card is found; nobody gets two.", open_phone: "Customer's phone", open_go: "Open the card", open_done: "The card is open", open_known: "Already a member", card_number: "Card", gift: "Welcome gift",
  book_title: "Book a purchase", book_lead: "On the member's name; the points are posted at once.", book_member: "Member (phone / card / code)", book_amount: "Paid (¥)", book_number: "Slip number", book_sku: "Article (optional)", book_go: "Book", book_done: "Booked", book_none: "No points for this one", moving: "moving {code}", book_twice: "This slip was booked before; no points were added", order: "Slip", amount: "Amount",
  sale_open: "Check out", sale_title: "Check out", sale_uses: "Used for this order", sale_number: "Slip number (optional)", sale_points: "{n} points", sale_value: "Balance {money}", sale_balance: "From the balance", sale_earns: "about +{n}", sale_earns_times: "about +{n} ({times} times)", sale_confirm: "Check out · collect {money}", sale_done: "Checked out", sale_again: "No answer came. Touch again: the same number is never taken twice.", sale_undone: "Coupons, points and balance are back with the member; return the money the way it came", tier_price: "{tier} price",
  slip_open: "Slip / undo", slip_title: "Slip", slip_print: "Print the slip", override_reason: "Why you let it through (audited)", override_go: "Let it through", override_lead: "Only conditions of the offer: stores, goods, minimum spend. Never what is used, expired or out of stock.",
  shift_title: "Hand over", shift_lead: "{name} · since {from}", shift_redeemed: "Redeemed", shift_discount: "Discount", shift_sales: "Collected", shift_undone: "Undone", shift_refused: "Refused", shift_by: "Everybody here", shift_settle: "Settlement preview", shift_settle_lead: "By who pays for the coupons; the monthly settlement decides.", unit: "Paid by", count: "Number", name: "Name", shift_none: "Nothing was redeemed yet.", shift_go: "Hand over and log out", shift_ask: "The totals will not change any more: {n}, discount {money}.", shift_done: "Handed over", shift_booked: "Booked", shift_cards: "Cards", shift_unsent: "{n} are still to be sent. Hand over once they are.",
  report_title: "Report", nav_report: "Report", report_figures: "Figures", report_devices: "Devices", report_people: "People", report_today: "Today", report_week: "7 days", report_month: "This month", report_whole: "Whole store", report_sales: "Sales", report_clerks: "Clerks ranked", report_stores: "{unit} · stores ranked", report_here: "{name} (here)", report_line: "collected {money} · booked {booked} · cards {cards}", report_odd: "undone {undone} · refused {refused}", report_store_line: "orders {orders} · redeemed {n} · members {cards}", report_shifts: "Shifts handed over", report_none: "Nothing happened on these days.",
  device_lead: "Devices in use, the longest unseen first.", device_cut: "Cut off", device_seen: "last used {at}", device_unseen: "paired, not used yet", device_offered: "waits for its code", device_lapsed: "its code ran out", device_off: "cut off {at}", device_own: "{name} (this one)", device_cut_go: "Cut off", device_cut_ask: "Cut off “{name}”?", device_cut_lead: "Log-ins on it end at once; to be used again it has to be paired again.",
  people_lead: "Once bound, people log in by scanning with their own WeChat. The person must be here and scan with his own phone.", people_no_scan: "Log-in by WeChat is not set up.", people_bound: "WeChat bound {at}", people_unbound: "no WeChat bound", people_totp: "has a code", people_bind: "Bind WeChat", people_drop: "Unbind", people_bind_ask: "Bind the WeChat of {name}?", people_bind_lead: "The next page shows a code: {name} scans it with his own phone. Whoever scans it can log in under this name.", people_drop_ask: "Unbind the WeChat of {name}?", people_drop_lead: "Every log-in of {name} ends at once; after that only the password opens.", go_on: "Go on", done_short: "Done",
  role_clerk: "clerk", role_supervisor: "supervisor", role_manager: "manager", role_marketer: "marketer", role_finance: "finance", role_admin: "administrator",
  scan_in: "Log in with WeChat", scan_bound: "The WeChat of {name} is bound", scan_hello: "{name}, one thing more", scan_owes_totp: "Your position asks for your authenticator's code after the scan.", scan_owes_password: "Your position asks for your password after the scan.", scan_other: "Log in another way",

  error_net: "The server cannot be reached. Check the network and try again.", error_code: "No. {id}", expired_login: "Your log-in has ended; log in again", busy: "Working…", bad_amount: "An amount is a number above 0 with at most two decimals",
};
const KEPT = "fanka-lang";
let lang = read();

function read() {
  try {
    const kept = localStorage.getItem(KEPT);
    if (kept === "zh" || kept === "en") return kept;
  } catch { /* A browser that keeps nothing gets its own language. */ }
  return /^en\b/i.test(navigator.language || "") ? "en" : "zh";
}

export const language = () => lang;

export function speak(next) {
  lang = next;
  try { localStorage.setItem(KEPT, next); } catch { /* It is spoken until the page is closed. */ }
}

export function t(key, fill = {}) {
  const held = (lang === "en" ? en : zh)[key];
  if (held === undefined) throw new Error(`no word for ${key}`);
  return held.replace(/\{(\w+)\}/g, (_, name) => (fill[name] ?? ""));
}

export const keys = () => ({ zh: Object.keys(zh), en: Object.keys(en) });

// What the server says comes in both languages: `detail` in Chinese, `detail_en` beside it.
export const told = (body, field = "detail") => (lang === "en" && body[`${field}_en`]) || body[field] || "";

export function money(fen) {
  const sign = fen < 0 ? "−" : "";
  const whole = Math.trunc(Math.abs(fen) / 100).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}¥${whole}.${String(Math.abs(fen) % 100).padStart(2, "0")}`;
}

// The names of tiers are the programme's own, in Chinese; what they are called in English comes with whoever logs in.
let tiers = {};
export const knowTiers = (given) => { tiers = given ?? {}; };
export const tierName = (name) => (lang === "en" && tiers[name]) || name || "";

export const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", ...options });
const clockTime = part({ hour: "2-digit", minute: "2-digit" });
const dayOf = (at) => part({ year: "numeric", month: "2-digit", day: "2-digit" }).format(at).split("/").reverse().join("-");

export const time = (at) => clockTime.format(new Date(at));
export const date = (at) => dayOf(new Date(at));

export function when(at, now = Date.now()) {
  const day = dayOf(new Date(at));
  if (day === dayOf(now)) return t("today", { time: time(at) });
  if (day === dayOf(now - 86400000)) return t("yesterday", { time: time(at) });
  return `${day} ${time(at)}`;
}

export function age(ms) {
  const s = Math.max(Math.floor(ms / 1000), 0);
  if (s < 60) return t("seconds", { n: s });
  return s < 3600 ? t("minutes", { n: Math.floor(s / 60) }) : t("hours", { n: Math.floor(s / 3600) });
}

export const left = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
