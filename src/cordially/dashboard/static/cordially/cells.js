/* Writing in the guest list: double-click a cell, or F2 on a name. Enter keeps it, Escape leaves it,
   Tab goes on to the next cell, the arrows to the row above or below. */
(() => {
  "use strict";
  const ORDER = ["name", "phone", "of"];
  const before = new WeakMap();
  let next = null; // where to write on, once what was typed is kept
  let ticked = false;

  const cellsOf = (row) => ORDER.map((name) => row.querySelector(`[data-cell="${name}"]`)).filter((cell) => cell?.offsetParent);
  const idOf = (row) => row.id.slice("g-".length);

  function open(cell) {
    const table = cell?.closest("[data-cells]");
    if (!table || cell.querySelector(".cell-edit")) return;
    before.set(cell, [...cell.childNodes]);
    const url = `${table.dataset.cells}${idOf(cell.closest("tr"))}/cell/${cell.dataset.cell}${table.dataset.cellsQuery ?? ""}`;
    window.htmx.ajax("GET", url, { target: cell, swap: "innerHTML" });
  }

  function leave(cell) {
    const kept = before.get(cell);
    if (kept) cell.replaceChildren(...kept);
    window.htmx.process(cell);
  }

  const isSame = (form) => [...form.querySelectorAll("[data-was]")].every((field) => field.value === field.dataset.was);

  /* Keep what was typed, then write on in `cell` of that row. */
  function keep(form, row, cell) {
    if (isSame(form)) {
      leave(form.closest("[data-cell]"));
      goTo(row, cell);
    } else {
      next = { row, cell };
      form.requestSubmit();
    }
  }

  function goTo(id, name) {
    const row = document.getElementById(`g-${id}`);
    if (!row) return;
    if (name) open(row.querySelector(`[data-cell="${name}"]`));
    else row.querySelector(".cell-main")?.focus();
  }

  addEventListener("dblclick", (event) => {
    if (event.target.closest("a, button, input, .cell-edit")) return;
    open(event.target.closest("[data-cell]"));
  });

  addEventListener("keydown", (event) => {
    if (event.key === "F2" && event.target.matches("[data-cells] .cell-main")) {
      event.preventDefault();
      open(event.target.closest("[data-cell]"));
      return;
    }
    const form = event.target.closest(".cell-edit");
    if (!form || event.isComposing) return;
    const row = form.closest("tr");
    const here = form.closest("[data-cell]");
    const fields = [...form.querySelectorAll("[data-was]")];
    if (event.key === "Escape") {
      event.preventDefault();
      leave(here);
      goTo(idOf(row), null);
    } else if (event.key === "Enter") {
      event.preventDefault();
      keep(form, idOf(row), null);
    } else if (event.key === "Tab" && event.target === fields.at(event.shiftKey ? 0 : -1)) {
      const cells = cellsOf(row);
      const other = cells[cells.indexOf(here) + (event.shiftKey ? -1 : 1)];
      event.preventDefault();
      keep(form, idOf(row), other?.dataset.cell ?? null);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const other = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
      if (!other) return;
      event.preventDefault();
      keep(form, idOf(other), here.dataset.cell);
    }
  });

  addEventListener("submit", (event) => {
    const form = event.target.closest?.(".cell-edit");
    if (form) ticked = form.closest("tr").querySelector("input[name=id]")?.checked ?? false;
  }, true);

  /* Whoever was signed out meanwhile is led to the door, which is no cell: what was typed stays where it is. */
  addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (!target?.closest?.("[data-cells]") || !xhr.responseURL.includes("/signin")) return;
    event.detail.shouldSwap = false;
    next = null;
    location.assign(xhr.responseURL.replace(/next=[^&]*/, `next=${encodeURIComponent(location.pathname + location.search)}`));
  });

  addEventListener("htmx:afterSettle", (event) => {
    const editor = event.target.matches?.("[data-cell]") && event.target.querySelector(".cell-edit");
    if (editor) {
      const field = editor.querySelector("[aria-invalid]") ?? editor.querySelector("[data-was]");
      field.focus();
      if (!editor.querySelector(".error")) field.select();
      else next = null;
      return;
    }
    const row = event.detail.elt?.matches?.("tr[id^=g-]") ? event.detail.elt : null;
    if (!row) return;
    const box = row.querySelector("input[name=id]");
    if (ticked && box) {
      box.checked = true;
      box.dispatchEvent(new Event("change", { bubbles: true }));
    }
    ticked = false;
    const wanted = next ?? { row: idOf(row), cell: null };
    next = null;
    goTo(wanted.row, wanted.cell);
  });
})();
