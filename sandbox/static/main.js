// The page: people on the left, one phone in the middle, the traffic on the right.
import { get, post } from "./api.js";
import { el, face, toast } from "./dom.js";
import { Phone } from "./phone.js";
import { Traffic } from "./traffic.js";

const $ = (id) => document.getElementById(id);
const FIGURES = [["events", "事件"], ["callbacks_pending", "待回调"], ["callbacks_ok", "回调成功"], ["callbacks_failed", "回调失败"], ["calls", "调用"], ["people", "人"]];
const PAGE = 60;

const names = {
  people: new Map(),
  accounts: new Map(),
  account: (appid) => names.accounts.get(appid) || appid || "",
  person: (id) => names.people.get(id) || id,
};
const phone = new Phone($("phone"), (person, appid) => { location.hash = appid ? `${person}/${appid}` : person; });
const traffic = new Traffic($("rows"), $("chips"), $("no-rows"), names);
let chosen = "";
let after = 0;
let paused = false;
let total = -1;

function route() {
  const [person, appid] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { person: person || "", appid: appid || "" };
}

async function drawPeople() {
  const sought = $("search").value.trim();
  const found = await get(`people?limit=${PAGE}&q=${encodeURIComponent(sought)}`);
  for (const one of found.people) names.people.set(one.id, one.name);
  if (!route().person && !chosen && found.people.length) chosen = found.people[0].id;
  $("people").replaceChildren(...found.people.map((one) => el("li", {}, el("button", {
    type: "button", class: one.id === chosen ? "on" : "", "data-id": one.id, "aria-label": `${one.name} ${one.phone}`, title: one.name, onclick: () => { location.hash = one.id; },
  }, face(one.name), el("span", {}, el("b", { text: one.name }), el("small", { text: one.phone }))))));
  $("people-note").textContent = found.total > found.people.length ? `共 ${found.total} 人，这里是前 ${found.people.length} 人` : found.total ? "" : sought ? "没有找到这样的人" : "平台上还没有人";
  return found.people;
}

async function move() {
  const { person, appid } = route();
  if (person) chosen = person;
  document.querySelectorAll("#people button").forEach((one) => one.classList.toggle("on", one.dataset.id === chosen));
  document.querySelector("#people .on")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (!chosen) { phone.root.replaceChildren(el("p", { class: "blank", text: "平台上还没有人。点“新来一个人”，他的手机就在这里。" })); return; }
  try {
    await phone.show(chosen, appid);
  } catch (error) {
    chosen = "";
    toast(`打不开这部手机：${error.message}`);
  }
}

function drawFigures(state) {
  $("figures").replaceChildren(...FIGURES.map(([name, text]) =>
    el("div", { class: name === "callbacks_failed" && state[name] ? "bad" : "" }, el("dt", { text }), el("dd", { text: state[name].toLocaleString("zh-CN") }))));
}

async function tick() {
  const state = await get("state");
  drawFigures(state);
  if (state.n < after) after = 0;
  if (state.people !== total) {
    total = state.people;
    await drawPeople();
    if (!phone.person) await move();
  }
  if (paused || state.n === after) return;
  const feed = await get(`feed?after=${after}`);
  after = feed.n;
  for (const one of feed.records) {
    if (one.type === "person") names.people.set(one.person, one.name);
    if (one.type === "account") names.accounts.set(one.appid, one.name);
  }
  traffic.add(feed.records);
  const mine = feed.records.some((one) => one.person === chosen || one.type === "account" || (one.type === "call" && one.path.includes("menu")) || one.type === "control");
  if (mine) await phone.refresh();
}

async function run() {
  try {
    for (const one of (await get("accounts")).accounts) names.accounts.set(one.appid, one.name);
    await drawPeople();
    await move();
  } catch (error) {
    toast(`沙盒没有回答：${error.message}`);
  }
  for (;;) {
    try {
      await tick();
    } catch (error) {
      toast(`沙盒没有回答：${error.message}`);
    }
    await new Promise((done) => { setTimeout(done, 1000); });
  }
}

async function welcome() {
  try {
    const [one] = (await post("people", { count: 1 })).people;
    $("search").value = "";
    location.hash = one.id;
  } catch (error) {
    toast(`没有请进来：${error.message}`);
  }
}

let typing = 0;
$("newcomer").addEventListener("click", welcome);
$("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(drawPeople, 200); });
$("pause").addEventListener("click", () => { paused = !paused; $("pause").textContent = paused ? "继续" : "暂停"; });
document.querySelectorAll(".view").forEach((one) => one.addEventListener("click", () => {
  $("desk").dataset.view = one.dataset.view;
  document.querySelectorAll(".view").forEach((other) => { other.classList.toggle("on", other === one); other.setAttribute("aria-pressed", String(other === one)); });
}));
addEventListener("hashchange", move);
run();
