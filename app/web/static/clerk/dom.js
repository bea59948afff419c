// Elements without markup in strings: whatever the server or a code says is text and nothing else.
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name === "cls" ? "class" : name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// What a place holds from now on; parts that are not wanted are left out.
export function fill(place, ...children) {
  place.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

export function pairs(rows) {
  const list = el("dl", { cls: "pairs" });
  for (const [name, value, cls] of rows) {
    if (value === undefined || value === null || value === "") continue;
    list.append(el("div", { cls }, el("dt", { text: name }), el("dd", { text: value })));
  }
  return list;
}

export function field(label, given) {
  const input = el("input", { cls: "weui-input", autocomplete: "off", ...given });
  return { box: el("label", { cls: given.money ? "field money" : "field" }, el("span", { text: label }), input), input };
}

let hiding;
export function toast(text) {
  const box = $("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 3600);
}

let release = null;
export function openSheet(...children) {
  const sheet = $("sheet");
  release ??= document.activeElement;
  fill(sheet, el("div", { cls: "grip" }), ...children);
  // What the sheet is about is its name, for whoever cannot see it rise.
  sheet.setAttribute("aria-label", sheet.querySelector("h1")?.textContent ?? "");
  sheet.hidden = $("veil").hidden = false;
  $("app").inert = true;
  (sheet.querySelector("[autofocus]") ?? sheet.querySelector("button"))?.focus({ preventScroll: true });
}

let onClose = null;
export const whenSheetCloses = (act) => { onClose = act; };

export function closeSheet() {
  if ($("sheet").hidden) return;
  $("sheet").hidden = $("veil").hidden = true;
  $("sheet").replaceChildren();
  $("app").inert = false;
  release?.focus?.({ preventScroll: true });
  release = null;
  const act = onClose;
  onClose = null;
  act?.();
}

// Fen from what a person types, by digits alone: a float would lose a fen.
export function fen(text) {
  const found = /^\s*[¥￥]?\s*(\d{1,9})(?:[.。](\d{1,2}))?\s*$/.exec(text.replace(/[,，]/g, ""));
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
