// The screen that says what became of a scan: one of four, each with colour, icon, word, sound and vibration.
import { $, el, icon, pairs } from "./dom.js";
import { feel } from "./senses.js";
import { t } from "./words.js";

const ICONS = { done: "done", undone: "used", used: "used", no: "no", wait: "wait" };
let gone = () => {};
let ticking;

export const isOpen = () => !$("outcome").hidden;

// `tick` is called every quarter of a second with the screen's own parts; it ends with the screen.
export function reveal({ kind, title, why, big, rows = [], next, meter, main, second, tick, closed, quiet }) {
  clearInterval(ticking);
  const box = $("outcome");
  $("toast").hidden = true;
  const parts = {
    why: el("p", { cls: big ? "why big" : "why", text: why }),
    bar: el("i"),
    second: second && el("button", { type: "button", cls: "btn ghost", text: second.text, on: { click: second.act } }),
    main: el("button", { type: "button", cls: "btn solid", text: main?.text ?? t("again"), on: { click: main?.act ?? (() => hide()) } }),
  };
  const facts = pairs(rows);
  const inner = el("div", { cls: "inner" },
    el("div", { cls: "badge" }, icon(ICONS[kind])), el("h1", { text: title }), why && parts.why,
    facts.children.length ? el("div", { cls: "card" }, facts) : null, meter && el("div", { cls: "meter" }, parts.bar),
    next && el("p", { cls: "next", text: next }), el("div", { cls: "foot" }, parts.main, parts.second));
  parts.facts = facts;
  box.dataset.kind = kind;
  box.setAttribute("aria-label", [title, why].filter(Boolean).join("。"));
  box.replaceChildren(inner);
  box.hidden = false;
  $("app").inert = true;
  parts.main.focus({ preventScroll: true });
  if (!quiet) feel(kind);
  gone = closed ?? (() => {});
  if (tick) {
    tick(parts);
    ticking = setInterval(() => tick(parts), 250);
  }
}

export function hide() {
  if (!isOpen()) return;
  clearInterval(ticking);
  $("outcome").hidden = true;
  $("outcome").replaceChildren();
  $("app").inert = !$("sheet").hidden;
  gone();
}
