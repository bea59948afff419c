// Keeps the moving code fresh: counts down, fetches the next one, and hides a dead one. Plain ES5: it runs in old WeChat browsers.
(function () {
  "use strict";
  var live = document.getElementById("live");
  var piece = document.getElementById("piece");
  var says = document.getElementById("renews");
  var ring = document.getElementById("ring");
  var STEP = 30;
  var GRACE_MS = 25000; // The house accepts the code of the half minute before, too.
  var endsAt = 0;
  var asking = false;
  var wait = 1000;
  var notBefore = 0;

  function begin() {
    var made = piece.querySelector("[data-left]");
    endsAt = Date.now() + Number(made.getAttribute("data-left")) * 1000;
    wait = 1000;
    live.classList.remove("cold");
  }

  function fail() {
    asking = false;
    notBefore = Date.now() + wait;
    wait = Math.min(wait * 2, 15000);
    says.textContent = live.getAttribute("data-offline");
  }

  function ask() {
    if (asking || Date.now() < notBefore) { return; }
    asking = true;
    says.textContent = live.getAttribute("data-renewing");
    var call = new XMLHttpRequest();
    call.open("GET", live.getAttribute("data-fresh"));
    call.timeout = 8000;
    call.onload = function () {
      // Logged out, or the coupon is over: the whole page says what to do.
      if (call.status >= 400 && call.status < 500) { window.location.reload(); return; }
      if (call.status !== 200) { fail(); return; }
      piece.innerHTML = call.responseText;
      asking = false;
      begin();
      tick();
    };
    call.onerror = fail;
    call.ontimeout = fail;
    call.send();
  }

  function tick() {
    var left = Math.ceil((endsAt - Date.now()) / 1000);
    ring.setAttribute("stroke-dashoffset", String(STEP - Math.max(Math.min(left, STEP), 0)));
    if (left > 0) {
      says.textContent = live.getAttribute("data-renews").replace("{n}", String(left));
      return;
    }
    if (Date.now() - endsAt > GRACE_MS) { live.classList.add("cold"); }
    ask();
  }

  document.addEventListener("visibilitychange", function () { if (!document.hidden) { notBefore = 0; tick(); } });
  window.addEventListener("online", function () { notBefore = 0; tick(); });
  begin();
  tick();
  window.setInterval(tick, 500);
})();
