// Two doors: pairing the device with a store, once, and logging in, each shift.
import { Refused, call } from "./api.js";
import { $, el, field, icon } from "./dom.js";
import { t, told } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };

export function open(me = frame.state.me) {
  const view = $("view-enter");
  view.replaceChildren(...(me?.state === "out" ? login(me) : pairing()));
  view.querySelector("input")?.focus();
}

function form(parts, button, submit) {
  const note = el("p", { cls: "note bad", role: "alert", hidden: true });
  const go = el("button", { cls: "btn btn-main", text: button });
  return el("form", {
    novalidate: true,
    on: {
      submit: async (event) => {
        event.preventDefault();
        note.hidden = go.disabled = true;
        try {
          await submit();
        } catch (error) {
          note.textContent = error instanceof Refused ? told(error.body) : t("error_net");
          note.hidden = false;
        }
        go.disabled = false;
      },
    },
  }, ...parts, note, el("div", { cls: "stack" }, go));
}

function pairing() {
  const code = field(t("pair_code"), { name: "code", cls: "weui-input code", maxlength: 14, autocapitalize: "characters", spellcheck: "false", placeholder: "XXXXX-XXXXX" });
  return [
    el("div", { cls: "badge" }, icon("phone")), el("h1", { text: t("pair_title") }), el("p", { cls: "lead", text: t("pair_lead") }),
    form([code.box], t("pair_go"), async () => frame.arrive(await call("pair", { body: { code: code.input.value } }))),
  ];
}

function login(me) {
  const name = field(t("login"), { name: "login", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 32 });
  const password = field(t("password"), { name: "password", type: "password", autocomplete: "current-password", maxlength: 128 });
  const totp = field(t("totp"), { name: "totp", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6 });
  totp.box.hidden = true;
  const send = async () => {
    try {
      const body = { login: name.input.value, password: password.input.value, totp: totp.input.value };
      await frame.arrive(await call("login", { body }));
    } catch (error) {
      if (error instanceof Refused && ["totp_needed", "bad_totp"].includes(error.body.code)) {
        totp.box.hidden = false;
        totp.input.value = "";
        totp.input.focus();
      }
      throw error;
    }
  };
  return [
    el("div", { cls: "badge" }, icon("scan")), el("h1", { text: t("login_title") }),
    el("p", { cls: "lead", text: t("login_lead", { store: me.store, device: me.device }) }),
    form([name.box, password.box, totp.box], t("login_go"), send),
  ];
}
