// Keeps the page's shell, so that it opens without a connection. What the counter asks the server is never answered from here.
const NAME = `fanka-clerk-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME);
    await cache.addAll(SHELL.map((address) => new Request(address, { cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("fanka-clerk-") && name !== NAME) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin || address.pathname.startsWith("/clerk/")) return;
  if (request.mode === "navigate") event.respondWith(freshOrKept(request));
  else if (address.pathname.startsWith("/assets/")) event.respondWith(keptOrFresh(request));
});

async function freshOrKept(request) {
  const waited = new AbortController();
  const timer = setTimeout(() => waited.abort(), 2500);
  try {
    const answer = await fetch(request, { signal: waited.signal });
    if (answer.status < 500) return answer;
  } catch { /* Without a connection the kept shell is shown. */ } finally {
    clearTimeout(timer);
  }
  return (await caches.match("/clerk", { cacheName: NAME })) ?? Response.error();
}

async function keptOrFresh(request) {
  return (await caches.match(request, { cacheName: NAME })) ?? fetch(request);
}
