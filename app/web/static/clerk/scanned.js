// WeChat shows who somebody is: away to its page with the code, back with its word in our address, which is read once and wiped.
import { Refused, Unreached, call } from "./api.js";
import { toast } from "./dom.js";
import { t, told } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };

export async function away(path) {
  const { go } = await call(path, { body: {} });
  location.assign(go);
  // Until the browser has left, nothing else is to be touched.
  await new Promise(() => {});
}

// What WeChat put into the address. A reload, a bookmark and a shared address do not carry it on.
export function brought() {
  const given = new URLSearchParams(location.search);
  if (!given.has("state")) return null;
  history.replaceState(null, "", "/clerk");
  return { state: given.get("state").slice(0, 128), code: (given.get("code") ?? "").slice(0, 512) };
}

export async function take(word) {
  try {
    const answer = await call("scan/back", { body: word, patience: 20000 });
    if (answer.state === "bound") {
      toast(t("scan_bound", { name: answer.name }));
      return frame.go("report", { tab: "people" });
    }
    if (answer.state === "more") return frame.go("enter", { ...frame.state.me, owed: answer });
    await frame.arrive(answer);
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
    const said = error instanceof Refused ? told(error.body) : t("error_net");
    if (frame.state.me?.state === "in") toast(said);
    else frame.go("enter", { ...frame.state.me, said });
  }
}
