// The control plane, as the page uses it.

async function read(answer) {
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error || `HTTP ${answer.status}`);
  return body;
}

export const get = async (path) => read(await fetch(`/_control/${path}`, { cache: "no-store" }));

export const post = async (path, body) =>
  read(await fetch(`/_control/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));

// Web pages that open from now on are opened by this person's phone.
export const hold = (person) => post("browser", { person });

export const act = (person, appid, what, more = {}) => post("act", { person, appid, do: what, ...more });
