/* Extras of the import: a file may be dropped on the whole field, and what is being typed outlives a redrawn sheet. */
(() => {
  "use strict";
  const zone = document.querySelector("[data-drop]");
  if (zone) {
    const field = zone.querySelector("input[type=file]");
    const over = (event, is) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.toggle("is-over", is);
    };
    zone.classList.add("can-drop");
    zone.addEventListener("dragover", (event) => over(event, true));
    zone.addEventListener("dragleave", (event) => over(event, false));
    zone.addEventListener("drop", (event) => {
      over(event, false);
      if (event.dataTransfer.files.length) field.files = event.dataTransfer.files;
    });
    // beside the field a file would open in place of the page
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  }

  // One cell is mended, and the next is being written already when the answer comes.
  let typed = new Map();
  const cells = () => document.querySelectorAll(".cell-form input[name=text]");
  addEventListener("htmx:beforeSwap", (event) => {
    const sent = event.detail.requestConfig?.elt?.querySelector?.("input[name=text]");
    typed = new Map();
    for (const cell of cells()) if (cell !== sent && cell.value !== cell.defaultValue) typed.set(cell.id, cell.value);
  });
  addEventListener("htmx:afterSwap", () => {
    for (const cell of cells()) if (typed.has(cell.id)) cell.value = typed.get(cell.id);
    typed = new Map();
  });
})();
