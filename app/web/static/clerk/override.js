// The supervisor lets a coupon through a condition of its offer: with a reason, which is kept with the redemption.
import * as camera from "./camera.js";
import { closeSheet, el, field, icon, openSheet, whenSheetCloses } from "./dom.js";
import * as outcome from "./outcome.js";
import { t } from "./words.js";

export function override(go) {
  outcome.hide();
  const reason = field(t("override_reason"), { name: "override", maxlength: 200, autofocus: true });
  const button = el("button", { type: "button", cls: "btn btn-main", id: "override", text: t("override_go") });
  button.addEventListener("click", () => {
    const why = reason.input.value.trim();
    if (!why) return reason.input.focus();
    whenSheetCloses(null);
    closeSheet();
    go(why);
  });
  openSheet(
    el("div", { cls: "head" }, el("div", {}, el("h1", { text: t("override_go") }), el("p", { cls: "muted", text: t("override_lead") })),
      el("button", { type: "button", cls: "close", "aria-label": t("cancel"), on: { click: closeSheet } }, icon("close"))),
    reason.box, el("div", { cls: "stack" }, button));
  whenSheetCloses(() => camera.resume());
}
