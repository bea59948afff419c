// A hand scanner types like a keyboard, only faster, and ends with Enter. What a person types into a field is left alone.
const FASTEST_HAND_MS = 60;
const SHORTEST = 6;

export function listen(told) {
  let signs = "";
  let at = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const now = performance.now();
    if (now - at > FASTEST_HAND_MS) signs = "";
    at = now;
    if (event.key === "Enter" || event.key === "Tab") {
      const code = signs;
      signs = "";
      if (code.length < SHORTEST) return;
      event.preventDefault();
      event.stopPropagation();
      const field = document.activeElement;
      // The scanner's signs went into whatever had the focus; they are taken out of it again.
      if (field?.tagName === "INPUT" && field.value.endsWith(code)) field.value = field.value.slice(0, -code.length);
      told(code);
    } else if (event.key.length === 1) signs += event.key;
  }, true);
}
