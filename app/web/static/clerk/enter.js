// Two doors: pairing the device with a store, once, and logging in, each shift.
import { Refused, call } from "./api.js";
import { $, el, field, icon } from "./dom.js";
import { away } from "./scanned.js";
import { t, told } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };

export function open(me = frame.state.me) {
  const view = $("view-enter");
  view.replaceChildren(...(me?.owed ? owing(me) : me?.state === "out" ? login(me) : pairing()));
  if (me?.said) tell(view, me.said);
  view.querySelector("input")?.focus();
}

function tell(view, said) {
  const note = view.querySelector(".note");
  note.textContent = said;
  note.hidden = false;
}

function form(parts, button, submit, more = []) {
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
  }, ...parts, note, el("div", { cls: "stack" }, go, more));
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
    form([name.box, password.box, totp.box], t("login_go"), send, me.scan ? [scan()] : []),
  ];
}

function scan() {
  const go = el("button", { type: "button", cls: "btn btn-soft", id: "scan-in" }, icon("wechat"), t("scan_in"));
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await away("scan");
    } catch (error) {
      go.disabled = false;
      tell($("view-enter"), error instanceof Refused ? told(error.body) : t("error_net"));
    }
  });
  return go;
}

// Somebody is known by his WeChat, and his position asks for one thing more.
function owing(me) {
  const totp = me.owed.needs === "totp";
  const given = totp ? { name: "totp", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6 } : { name: "password", type: "password", autocomplete: "current-password", maxlength: 128 };
  const one = field(t(totp ? "totp" : "password"), given);
  const send = async () => frame.arrive(await call("scan/more", { body: { [totp ? "totp" : "password"]: one.input.value } }));
  const back = el("button", { type: "button", cls: "btn btn-soft", text: t("scan_other"), on: { click: () => frame.start() } });
  return [
    el("div", { cls: "badge" }, icon("wechat")), el("h1", { text: t("scan_hello", { name: me.owed.name }) }),
    el("p", { cls: "lead", text: t(totp ? "scan_owes_totp" : "scan_owes_password") }),
    form([one.box], t("login_go"), send, [back]),
  ];
}
