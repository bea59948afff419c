// Small tools to build elements. Text from people and accounts only ever becomes textContent.

export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

export function icon(name, className = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  if (className) svg.setAttribute("class", className);
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function face(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return el("span", { class: `face f${sum % 8}`, text: [...name][0] || "?", "aria-hidden": "true" });
}

const two = (n) => String(n).padStart(2, "0");

export function clockOf(ms, seconds = false) {
  const at = new Date(ms);
  const short = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return seconds ? `${short}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}` : short;
}

export function dayOf(ms) {
  const at = new Date(ms);
  const today = new Date();
  if (at.toDateString() === today.toDateString()) return clockOf(ms);
  return `${at.getMonth() + 1}月${at.getDate()}日 ${clockOf(ms)}`;
}

let timer = 0;
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.classList.add("on");
  clearTimeout(timer);
  timer = setTimeout(() => box.classList.remove("on"), 2600);
}
