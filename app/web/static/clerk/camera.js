// The camera: frames go to the decoder one at a time; a code is told once, and again only after it was gone or the clerk went on.
import { $ } from "./dom.js";
import { t } from "./words.js";

const REST_MS = 60;
const SAME_MS = 1500;
const WIDEST = 960;
let stream = null;
let worker = null;
let wanted = false;
let paused = false;
let last = { text: "", at: 0 };
let told = () => {};
let hint = "hint_off";
const canvas = document.createElement("canvas");

export const onCode = (act) => { told = act; };
export const pause = () => { paused = true; };

export function resume() {
  paused = false;
  last.at = Date.now();
}

export function show(key = hint) {
  hint = key;
  $("hint").textContent = t(key);
  // A camera that is not there takes no room: the field below is what is used then.
  $("cam").toggleAttribute("data-none", key === "hint_none" || key === "hint_denied");
}

// Said for a moment; `show` brings back what was said before.
export const whisper = (key) => { $("hint").textContent = t(key); };

export async function start() {
  wanted = true;
  $("start-cam").hidden = true;
  if (stream) return;
  if (!navigator.mediaDevices?.getUserMedia) return show("hint_none");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } } });
  } catch (error) {
    $("start-cam").hidden = error.name !== "NotAllowedError" && error.name !== "NotReadableError";
    return show(error.name === "NotAllowedError" ? "hint_denied" : "hint_none");
  }
  if (!wanted) return stop();
  const video = $("video");
  video.srcObject = stream;
  await video.play().catch(() => {});
  $("cam").dataset.on = "";
  offerTorch();
  show("hint_ready");
  wakeDecoder();
}

export function stop() {
  wanted = false;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $("video").srcObject = null;
  delete $("cam").dataset.on;
  $("torch").hidden = true;
  show("hint_off");
}

function offerTorch() {
  const track = stream.getVideoTracks()[0];
  const torch = $("torch");
  torch.hidden = !track.getCapabilities?.().torch;
  torch.setAttribute("aria-pressed", "false");
  torch.onclick = async () => {
    const on = torch.getAttribute("aria-pressed") !== "true";
    await track.applyConstraints({ advanced: [{ torch: on }] }).then(() => torch.setAttribute("aria-pressed", String(on)), () => { torch.hidden = true; });
  };
}

function wakeDecoder() {
  if (worker) return look();
  const { decoder, wasm, worker: address } = document.body.dataset;
  worker = new Worker(address);
  worker.onmessage = ({ data }) => {
    if (data.failed) return show("hint_none");
    if (data.text) seen(data.text.trim());
    else delete $("cam").dataset.seen;
    setTimeout(look, data.ready ? 0 : REST_MS);
  };
  worker.postMessage({ decoder: new URL(decoder, location.href).href, wasm: new URL(wasm, location.href).href });
}

let number = 0;
function look() {
  const video = $("video");
  if (!stream) return;
  if (paused || document.hidden || !video.videoWidth) return void setTimeout(look, 150);
  // Only what stands in the frame is looked at, a little beyond its edge: the counter is full of other codes.
  const side = Math.min(video.videoWidth, video.videoHeight);
  const size = Math.min(side, WIDEST);
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, size, size);
  const { data } = pen.getImageData(0, 0, size, size);
  number += 1;
  worker.postMessage({ pixels: data.buffer, width: size, height: size, number, harder: number % 4 === 0 }, [data.buffer]);
}

function seen(text) {
  $("cam").dataset.seen = "";
  const now = Date.now();
  const same = text === last.text && now - last.at < SAME_MS;
  last = { text, at: now };
  if (!same && !paused) told(text);
}
