// What rises from the bottom of the phone: choices and small forms.
import { el } from "./dom.js";

export function sheet(phone, { note, choices = [], form }) {
  const close = () => veil.remove();
  const box = el("div", { class: "sheet", role: "dialog", "aria-label": note || "选择" });
  if (note) box.append(el("p", { text: note }));
  if (form) box.append(form(close));
  for (const { text, warn, run } of choices) {
    box.append(el("button", { type: "button", class: warn ? "warn" : "", text, onclick: () => { close(); run(); } }));
  }
  box.append(el("button", { type: "button", class: "last", text: "取消", onclick: close }));
  const veil = el("div", { class: "veil", onclick: (event) => { if (event.target === veil) close(); } }, box);
  phone.append(veil);
  const first = box.querySelector("input, button");
  if (first) first.focus({ preventScroll: true });
}

export function ask(phone, { note, fields, button, run }) {
  sheet(phone, {
    note,
    form: (close) => {
      const inputs = fields.map(({ name, label, value = "", options, type = "text" }) => {
        const input = options
          ? el("select", { name }, ...options.map((one) => el("option", { value: one.value, text: one.text, selected: one.value === value })))
          : el("input", { name, value, type, maxlength: "512", autocomplete: "off" });
        return el("label", {}, el("span", { text: label }), input);
      });
      return el("form", { novalidate: true, onsubmit: (event) => {
        event.preventDefault();
        const values = Object.fromEntries(new FormData(event.target));
        close();
        run(values);
      } }, ...inputs, el("button", { type: "submit", class: "do", text: button }));
    },
  });
}
