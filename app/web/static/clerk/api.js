// Calls to the server: every one is bounded in time, and not knowing is told apart from being refused.
const HEADER = "X-Fanka-Clerk";
export const PATIENCE_MS = 6000;

// How far this device's clock is from the server's: count-downs follow the server.
let skew = 0;
export const serverNow = () => Date.now() + skew;

export class Unreached extends Error {}

export class Refused extends Error {
  constructor(status, body) {
    super(body.code ?? String(status));
    this.status = status;
    this.body = body;
  }
}

export async function call(path, { body, key, queued, patience = PATIENCE_MS } = {}) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), patience);
  const headers = { [HEADER]: "1", Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (queued) headers["X-Fanka-Queued"] = "1";
  let answer;
  let held;
  try {
    answer = await fetch(`/clerk/api/${path}`, {
      method: body === undefined ? "GET" : "POST", headers, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", signal: controller.signal,
    });
    held = await answer.json();
    const said = Date.parse(answer.headers.get("X-Fanka-Now") ?? "");
    if (said) skew = said - Date.now();
  } catch {
    throw new Unreached(path);
  } finally {
    clearTimeout(timer);
  }
  // A server that broke, or a gateway before it, has not said what became of the call.
  if (answer.status >= 500 || (answer.status === 409 && held.code === "in_progress")) throw new Unreached(path);
  if (!answer.ok) throw new Refused(answer.status, held);
  return held;
}

// A picture as text the page's policy lets it show; nothing of it is kept on the device.
export async function picture(path) {
  let answer;
  let held;
  try {
    answer = await fetch(`/clerk/api/${path}`, { headers: { [HEADER]: "1" }, credentials: "same-origin", cache: "no-store" });
    held = answer.ok ? await answer.blob() : await answer.json();
  } catch {
    throw new Unreached(path);
  }
  if (!answer.ok) throw new Refused(answer.status, held);
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(new Unreached(path));
    reader.readAsDataURL(held);
  });
}
