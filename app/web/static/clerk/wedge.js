// A hand scanner types like a keyboard, only faster, and ends with Enter. What a person types into a field is left alone.
const PAUSE_MS = 200;
const FASTEST_HAND_MS = 50;
const SHORTEST = 6;

export function listen(told) {
  let signs = "";
  let begun = 0;
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    // The moment of the key itself: a busy page must not make a scanner look slow.
    const at = event.timeStamp;
    if (at - last > PAUSE_MS) signs = "";
    if (event.key === "Enter" || event.key === "Tab") {
      const code = signs;
      signs = "";
      // A hiccup of the radio in the middle is forgiven; nobody's hand is that quick on average.
      if (code.length < SHORTEST || (last - begun) / (code.length - 1) > FASTEST_HAND_MS) return;
      event.preventDefault();
      event.stopPropagation();
      const field = document.activeElement;
      // The scanner's signs went into whatever had the focus; they are taken out of it again.
      if (field?.tagName === "INPUT" && field.value.endsWith(code)) field.value = field.value.slice(0, -code.length);
      told(code);
    } else if (event.key.length === 1) {
      if (!signs) begun = at;
      signs += event.key;
      last = at;
    }
  }, true);
}
