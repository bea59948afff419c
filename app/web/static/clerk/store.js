// What outlives the page on this device: attempts, kept before their request leaves, and who was here last.
const NAME = "fanka-clerk";
const LONGEST = 7 * 86400000;
let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("attempts", { keyPath: "id" });
      asked.result.createObjectStore("kept", { keyPath: "name" });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

async function run(store, mode, act) {
  const base = await open();
  return new Promise((resolve, reject) => {
    const transaction = base.transaction(store, mode, { durability: "strict" });
    const asked = act(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const put = (attempt) => run("attempts", "readwrite", (store) => store.put(attempt));
export const drop = (id) => run("attempts", "readwrite", (store) => store.delete(id));
export const attempts = async () => (await run("attempts", "readonly", (store) => store.getAll())).sort((a, b) => a.at - b.at);
export const unsent = async () => (await attempts()).filter((each) => each.state !== "settled");

export const keep = (name, value) => run("kept", "readwrite", (store) => store.put({ name, value }));
export const kept = async (name) => (await run("kept", "readonly", (store) => store.get(name)))?.value;

export async function tidy(now = Date.now()) {
  for (const each of await attempts()) if (each.state === "settled" && now - each.at > LONGEST) await drop(each.id);
}
