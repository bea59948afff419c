// Makes a phone's large photo small before it is sent, shows it, and sends once. Plain ES5: it runs in old WeChat browsers, and without it the form works.
(function () {
  "use strict";
  var LONGEST = 1600;
  var SMALL = 700000;
  var form = document.getElementById("receipt");
  var snap = document.getElementById("snap");
  var input = snap.querySelector("input");
  var canvas = snap.querySelector("canvas");
  var says = snap.querySelector("b");

  function draw(picture) {
    var scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
    snap.classList.add("has");
    says.textContent = says.getAttribute("data-again");
  }

  // An old browser keeps the file as it is; the house bounds it.
  function replace(file) {
    if (file.size <= SMALL || !canvas.toBlob || !window.DataTransfer || !window.File) { return; }
    canvas.toBlob(function (blob) {
      if (!blob || blob.size >= file.size || input.files[0] !== file) { return; }
      try {
        var held = new DataTransfer();
        held.items.add(new File([blob], "receipt.jpg", { type: "image/jpeg" }));
        input.files = held.files;
      } catch (error) { /* It is sent as it is. */ }
    }, "image/jpeg", 0.85);
  }

  input.addEventListener("change", function () {
    var file = input.files && input.files[0];
    if (!file || !window.createImageBitmap) { return; }
    createImageBitmap(file, { imageOrientation: "from-image" }).then(function (picture) {
      if (input.files[0] !== file) { return; }
      draw(picture);
      replace(file);
    }, function () { /* The house says what is wrong with it. */ });
  });

  form.addEventListener("submit", function () {
    var button = form.querySelector("button.btn");
    setTimeout(function () { button.disabled = true; button.textContent = form.getAttribute("data-sending"); }, 0);
  });
  window.addEventListener("pageshow", function (event) { if (event.persisted) { window.location.reload(); } });
}());
