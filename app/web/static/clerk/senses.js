// Each outcome sounds and shakes in its own way, so that a clerk need not look.
const TUNES = {
  done: { notes: [[880, 0, 0.09], [1318.5, 0.1, 0.2]], shape: "sine", shake: [60] },
  undone: { notes: [[1046.5, 0, 0.09], [784, 0.1, 0.16]], shape: "sine", shake: [40, 60, 40] },
  used: { notes: [[523.3, 0, 0.14], [523.3, 0.2, 0.14]], shape: "triangle", shake: [120, 80, 120] },
  no: { notes: [[233.1, 0, 0.18], [174.6, 0.2, 0.34]], shape: "sawtooth", shake: [320] },
  wait: { notes: [[659.3, 0, 0.06]], shape: "sine", shake: [25, 60, 25, 60, 25] },
};
let audio;

// Browsers let a page sound only after a touch; the first one opens the way.
export function wakeSound() {
  const Audio = window.AudioContext ?? window.webkitAudioContext;
  if (!Audio) return;
  audio ??= new Audio();
  if (audio.state === "suspended") audio.resume().catch(() => {});
}

export function feel(kind) {
  const tune = TUNES[kind];
  document.body.dataset.felt = kind;
  navigator.vibrate?.(tune.shake);
  if (!audio || audio.state !== "running") return;
  for (const [pitch, after, lasts] of tune.notes) {
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    const from = audio.currentTime + after;
    tone.type = tune.shape;
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0.0001, from);
    loud.gain.exponentialRampToValueAtTime(0.22, from + 0.015);
    loud.gain.exponentialRampToValueAtTime(0.0001, from + lasts);
    tone.connect(loud).connect(audio.destination);
    tone.start(from);
    tone.stop(from + lasts + 0.02);
  }
}
