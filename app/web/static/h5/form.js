// Every phone page: a form is sent once and says that it is on its way; a link can be copied. Plain ES5: it runs in old WeChat browsers.
(function () {
  "use strict";
  var LONGEST_MS = 15000;

  function rest(form) {
    form.removeAttribute("data-sent");
    form.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", function (event) {
    var form = event.target;
    // Another script of the page may send it in its own way.
    if (event.defaultPrevented) { return; }
    if (form.getAttribute("data-sent")) { event.preventDefault(); return; }
    form.setAttribute("data-sent", "1");
    form.setAttribute("aria-busy", "true");
    window.setTimeout(function () { rest(form); }, LONGEST_MS);
  });

  // A page that comes back from the browser's memory may be used again.
  window.addEventListener("pageshow", function () {
    var forms = document.querySelectorAll("form[data-sent]");
    for (var place = 0; place < forms.length; place += 1) { rest(forms[place]); }
  });

  var copy = document.getElementById("copy");
  if (!copy) { return; }
  copy.hidden = false;
  copy.addEventListener("click", function () {
    var link = document.querySelector(".link");
    function done() { copy.textContent = copy.getAttribute("data-done"); }
    // Old browsers copy what is chosen on the page, and only those behind https have a clipboard.
    function choose() {
      var range = document.createRange();
      var chosen = window.getSelection();
      range.selectNodeContents(link);
      chosen.removeAllRanges();
      chosen.addRange(range);
      if (document.execCommand("copy")) { done(); }
    }
    if (navigator.clipboard && navigator.clipboard.writeText) { navigator.clipboard.writeText(link.textContent).then(done, choose); } else { choose(); }
  });
})();
