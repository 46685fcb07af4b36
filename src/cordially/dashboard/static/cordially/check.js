/* A long list is checked while a bar tells how far it is; then the result takes the place of the bar. */
(() => {
  "use strict";
  let source = null;
  const number = new Intl.NumberFormat("en");

  function begin() {
    const place = document.getElementById("check");
    if (source?.place === place) return;
    source?.line.close();
    source = null;
    if (!place?.dataset.check) return;
    const line = new EventSource(place.dataset.check);
    source = { line, place };
    line.addEventListener("progress", (event) => {
      document.getElementById("check-bar").value = Number(event.data);
      document.getElementById("check-done").textContent = number.format(event.data);
    });
    line.addEventListener("result", (event) => {
      line.close();
      place.removeAttribute("data-check");
      place.innerHTML = event.data;
      document.body.classList.toggle("has-actionbar", Boolean(place.querySelector(".actionbar")));
      window.htmx?.process(place);
      // what the address points at was not there when the page came
      if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
    });
    // a line that broke begins anew by itself, unless the server doesn't know us or the page any more
    line.addEventListener("error", () => {
      if (line.readyState === EventSource.CLOSED) document.getElementById("check-broken").hidden = false;
    });
  }

  // A time is typed part by part, and each part makes another one of it: it is looked at when it is left.
  addEventListener(
    "change",
    (event) => {
      if (event.target.id === "starts" && document.activeElement === event.target) event.stopImmediatePropagation();
    },
    true,
  );
  addEventListener(
    "focusout",
    (event) => {
      const field = event.target;
      if (field.id !== "starts" || field.value === field.defaultValue) return;
      field.defaultValue = field.value;
      // by now the focus is elsewhere
      setTimeout(() => field.dispatchEvent(new Event("change", { bubbles: true })));
    },
    true,
  );

  function bar() {
    if (!document.getElementById("check")) return;
    document.body.classList.toggle("has-actionbar", Boolean(document.querySelector("#check .actionbar")));
  }
  addEventListener("DOMContentLoaded", begin);
  addEventListener("htmx:afterSettle", () => {
    begin();
    bar();
  });
})();
