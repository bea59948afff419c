// What was refused after the customer may have left: the supervisor settles it one by one, with a note; nothing is dropped.
import { Refused, Unreached, call } from "./api.js";
import { closeSheet, el, field, icon, openSheet, toast } from "./dom.js";
import { t, told, when } from "./words.js";

const failed = (error) => {
  if (!(error instanceof Unreached) && !(error instanceof Refused)) throw error;
  toast(error instanceof Refused ? told(error.body) : t("error_net"));
};

export async function open(frame, changed) {
  let held;
  try {
    held = (await call("parked")).parked;
  } catch (error) {
    return failed(error);
  }
  const settle = async (each, verdict, note) => {
    try {
      await call(`parked/${each.id}`, { body: { verdict, note } });
      toast(t("parked_kept"));
      changed();
      await open(frame, changed);
    } catch (error) {
      failed(error);
    }
  };
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: t("parked_title") }), el("p", { cls: "muted small", text: held.length ? t("parked_lead") : t("parked_empty") })),
      el("button", { type: "button", cls: "close", "aria-label": t("close"), on: { click: closeSheet } }, icon("close"))),
    el("div", {}, held.map((each) => one(each, frame.right("resolve"), settle))));
}

function one(each, may, settle) {
  const note = field(t("parked_note"), { name: "note", maxlength: 200 });
  const act = (verdict, text) => el("button", { type: "button", cls: "btn btn-soft", text: t(text), on: { click: () => (note.input.value.trim() ? settle(each, verdict, note.input.value.trim()) : note.input.focus()) } });
  return el("div", { cls: "box" }, el("h2", { text: each.what || each.shown || t("coupon") }), el("p", { cls: "muted small", text: [when(each.at), each.by, each.shown].filter(Boolean).join(" · ") }), el("p", { cls: "note bad", text: told({ detail: each.why.zh, detail_en: each.why.en }) }),
    may ? note.box : null, may ? el("div", { cls: "two" }, act("void", "parked_void"), act("settled", "parked_settle")) : null);
}
