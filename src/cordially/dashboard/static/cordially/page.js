/* Small help for pages that work without it: the dialog, the ticks, the search key, the notes that leave. */
(() => {
  "use strict";
  const find = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat(document.documentElement.lang || "en");

  // Beside the list: on to the guest of the row before, or after.
  let stepped = null;
  const rowOf = (dialog) => find(`g-${dialog.querySelector("[data-beside]")?.dataset.beside}`);
  const beyond = (row, step) => (step === "1" ? row?.nextElementSibling : row?.previousElementSibling);
  function steps(dialog) {
    const buttons = [...dialog.querySelectorAll("[data-step]")];
    buttons.forEach((button) => (button.hidden = !beyond(rowOf(dialog), button.dataset.step)));
    return buttons;
  }
  addEventListener("click", (event) => {
    const button = event.target.closest("#dialog [data-step]");
    const link = button && beyond(rowOf(find("dialog")), button.dataset.step)?.querySelector(".cell-main");
    if (!link) return;
    stepped = button.dataset.step;
    opener = link;
    window.htmx.trigger(link, "click");
  });

  // The dialog: htmx fills it, then it opens; what it was opened from gets the focus back.
  let opener = null;
  addEventListener("htmx:afterSwap", (event) => {
    const dialog = find("dialog");
    if (event.detail.target !== dialog || !dialog.firstElementChild) return;
    for (const kind of ["wide", "beside"]) {
      dialog.classList.toggle(`dialog--${kind}`, dialog.querySelector("[data-dialog]")?.dataset.dialog === kind);
    }
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
    }
    const step = steps(dialog);
    if (stepped) (step.find((button) => !button.hidden && button.dataset.step === stepped) ?? find("dialog-title"))?.focus();
    stepped = null;
    dialog.querySelectorAll("input[name=back]").forEach((field) => {
      if (!field.value) field.value = location.pathname + location.search;
    });
  });
  addEventListener("click", (event) => {
    const dialog = find("dialog");
    if (!dialog?.open) return;
    if (event.target === dialog || event.target.closest("#dialog [data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  find("dialog")?.addEventListener("close", () => {
    find("dialog").replaceChildren();
    if (opener?.id) find(opener.id)?.focus();
    else opener?.focus?.();
  });

  // The ticks. "Everybody who matches" is the filter itself, not a list of ids.
  const boxes = () => [...document.querySelectorAll('input[name="id"][form="pick"]')];
  function count() {
    const bar = find("bulkbar");
    if (!bar) return document.body.classList.remove("has-bulkbar");
    const every = find("pick-all");
    const ticked = boxes().filter((box) => box.checked);
    const picked = every.disabled ? ticked.length : Number(find("pick").dataset.total.replace(/\D/g, ""));
    boxes().forEach((box) => {
      box.closest("tr").setAttribute("aria-selected", String(box.checked));
      if (!box.checked) box.closest("tr").removeAttribute("aria-selected");
    });
    const page = find("pick-page");
    page.checked = ticked.length > 0 && ticked.length === boxes().length;
    page.indeterminate = ticked.length > 0 && !page.checked;
    bar.classList.toggle("bulkbar--waits", picked === 0);
    document.body.classList.toggle("has-bulkbar", picked > 0);
    const figure = document.createElement("b");
    figure.textContent = number.format(picked);
    const told = bar.querySelector("[data-picked]");
    const [before, after] = told.dataset.picked.split("{n}");
    told.replaceChildren(before, figure, after);
    const label = bar.querySelector("[data-pick-label]");
    if (label) label.textContent = label.dataset.pickLabel.replace("{n}", figure.textContent);
    const all = bar.querySelector("[data-pick-all]");
    if (all) all.hidden = !every.disabled;
  }
  function pick(every, ticked) {
    find("pick-all").disabled = !every;
    if (ticked !== null) boxes().forEach((box) => (box.checked = ticked));
    count();
  }
  addEventListener("change", (event) => {
    if (event.target.id === "pick-page") pick(false, event.target.checked);
    else if (event.target.matches('input[name="id"][form="pick"]')) pick(false, null);
  });
  addEventListener("click", (event) => {
    if (event.target.closest("[data-pick-all]")) pick(true, true);
    else if (event.target.closest("[data-pick-none]")) pick(false, false);
  });
  addEventListener("htmx:afterSettle", count);
  addEventListener("pageshow", count);

  // A personal link: into the clipboard where the browser lets us, else the page itself opens.
  addEventListener("click", (event) => {
    const link = event.target.closest("[data-copy]");
    if (!link || !navigator.clipboard) return;
    event.preventDefault();
    const words = link.querySelector("[data-copied]");
    navigator.clipboard.writeText(link.href).then(
      () => (words.textContent = document.body.dataset.copied),
      () => location.assign(link.href),
    );
  });

  // Many links at once: what would be a file goes into the clipboard instead.
  addEventListener("click", async (event) => {
    const link = event.target.closest("[data-copy-from]");
    if (!link || !navigator.clipboard) return;
    event.preventDefault();
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(String(answer.status));
      await navigator.clipboard.writeText(await answer.text());
      link.querySelector("[data-copied]").textContent = document.body.dataset.copied;
    } catch {
      location.assign(link.href);
    }
  });

  // The address of the list stays the one that the buttons return to.
  addEventListener("htmx:pushedIntoHistory", () => {
    document.querySelectorAll("#act [name=back], #pick [name=back]").forEach((field) => {
      field.value = location.pathname + location.search;
    });
  });

  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    const field = find("q");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  });

  // What was typed into a form that says so is not left behind without asking.
  let typed = null;
  addEventListener("input", (event) => {
    typed = event.target.form?.closest("[data-guard]") ?? typed;
  });
  addEventListener("submit", () => (typed = null));
  addEventListener("beforeunload", (event) => {
    if (typed?.isConnected) event.preventDefault();
  });

  // A note that only says what was done leaves by itself.
  const leave = () => setTimeout(() => find("toasts")?.remove(), 8000);
  leave();
  addEventListener("htmx:afterSettle", leave);
})();
