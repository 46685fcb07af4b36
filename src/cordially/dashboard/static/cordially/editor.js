/* The editor of a message: marks behind the text, findings that mend, variables that are put in.
   The server reads what is typed; between two answers the marks move along with the letters. */
(() => {
  "use strict";
  const find = (id) => document.getElementById(id);
  const NAME = "[\\p{L}_][\\p{L}\\p{N}_]*";
  const VARIABLE = new RegExp(`\\{\\{\\s*(${NAME})\\s*(?:\\|([^{}|]*))?\\}\\}`, "gu");
  const BRACES = /\{\{[^{}]*\}\}|\{\{[^{}\s]*|\}\}/gu;
  const WAIT = 250; // milliseconds without a key before the server is asked

  let read = ""; // the text that the server read last
  let marks = []; // what it marked there: {start, end, css}
  let saved = "";
  let timer = 0;

  const body = () => find("body");
  const known = () => new Set([...document.querySelectorAll("#vars [data-insert]")].map((chip) => chip.dataset.insert));

  /* Where places of the text that was read stand in the text of now; what was edited since has none. */
  function mover(now) {
    let head = 0;
    while (head < read.length && read[head] === now[head]) head += 1;
    let tail = 0;
    while (tail < read.length - head && tail < now.length - head && read.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
    const by = now.length - read.length;
    return ({ start, end }) => {
      if (end <= head) return { start, end };
      return start >= read.length - tail ? { start: start + by, end: end + by } : null;
    };
  }

  function paint() {
    const field = body();
    const sheet = find("paint");
    if (!field || !sheet) return;
    const text = field.value;
    const moved = mover(text);
    const names = known();
    const css = new Array(text.length).fill("");
    const ends = new Set();
    for (const match of text.matchAll(BRACES)) css.fill("var var--bad", match.index, match.index + match[0].length);
    for (const match of text.matchAll(VARIABLE)) {
      const end = match.index + match[0].length;
      css.fill(names.has(match[1]) ? "var" : "var var--bad", match.index, end);
      ends.add(end);
    }
    for (const mark of marks) {
      const place = moved(mark);
      if (place) css.fill(mark.css, place.start, place.end);
    }
    const runs = [];
    for (let start = 0, place = 1; place <= text.length; place += 1) {
      if (place < text.length && css[place] === css[start] && !(css[start] && ends.has(place))) continue;
      const words = text.slice(start, place);
      if (css[start]) {
        const span = document.createElement("span");
        span.className = css[start];
        span.textContent = words;
        runs.push(span);
      } else runs.push(words);
      start = place;
    }
    sheet.replaceChildren(...runs, "\u200b"); // the last line has a height, also when it is empty
  }

  /* The server has painted: its marks are the true ones, for the text that it read. */
  function learn() {
    const sheet = find("paint");
    if (!sheet || !body()) return;
    marks = [];
    let place = 0;
    for (const node of sheet.childNodes) {
      const length = node.textContent.length;
      if (node.className?.includes("var--")) marks.push({ start: place, end: place + length, css: node.className });
      place += length;
    }
    read = sheet.textContent.replace(/\u200b$/u, "");
    paint();
  }

  /* What the pieces say that stays where it is: fields, buttons, and whoever listens. */
  function tell() {
    const form = find("editor");
    if (!form) return;
    for (const error of form.querySelectorAll("[data-error-of]")) {
      const field = find(error.dataset.errorOf);
      if (!field) continue;
      if (error.hidden) field.removeAttribute("aria-invalid");
      else field.setAttribute("aria-invalid", "true");
    }
    if (find("findings")?.dataset.wrong !== undefined) body().setAttribute("aria-invalid", "true");
    else body().removeAttribute("aria-invalid");
    const why = find("why-not")?.dataset.why ?? "";
    for (const button of document.querySelectorAll("[data-submit]")) {
      if (why) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
    const small = find("why-not-2");
    if (small) small.textContent = why || small.dataset.can;
    const said = find("findings")?.dataset.said ?? "";
    const heard = find("heard");
    if (heard && heard.textContent !== said) heard.textContent = said;
  }

  function look() {
    const form = find("editor");
    if (!form || !window.htmx) return;
    window.htmx.ajax("POST", form.dataset.look, { source: "#editor", swap: "none", values: {} });
  }
  function later() {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT);
  }

  const state = () => {
    const form = find("editor");
    if (!form) return "";
    const fields = [...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "at", "saved_at"].includes(name));
    return JSON.stringify(fields.filter(([name, value]) => name !== "reply" || value));
  };

  addEventListener("input", (event) => {
    if (!event.target.closest("#editor")) return;
    if (event.target.id === "body") paint();
    later();
  });

  /* A place as the server counts it (code points) as the field counts it (UTF-16 units). */
  const units = (words, points) => [...words].slice(0, points).join("").length;

  function put(field, start, end, words) {
    field.focus();
    field.setSelectionRange(start, end);
    // as if it were typed, so that it can be undone
    if (!document.execCommand("insertText", false, words)) {
      field.setRangeText(words, start, end, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  addEventListener("click", (event) => {
    if (find("editor") && event.target.closest("#step-back, #step-on")) {
      // the step carries what is typed: an answer about the guest before must not come after it
      clearTimeout(timer);
      window.htmx?.trigger("#editor", "htmx:abort");
    }
    const submit = event.target.closest("[data-submit]");
    if (submit?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      const wrong = body().getAttribute("aria-invalid") ? null : document.querySelector("#editor [aria-invalid=true]");
      wrong?.closest("details")?.setAttribute("open", "");
      (wrong || find("problems") || find("why-not"))?.scrollIntoView({ block: "center" });
      wrong?.focus({ preventScroll: true });
      return;
    }
    const chip = event.target.closest("[data-insert]");
    if (chip && body()) {
      const field = body();
      put(field, field.selectionStart, field.selectionEnd, `{{${chip.dataset.insert}}}`);
      return;
    }
    const mend = event.target.closest("[data-at]");
    const field = mend && find(mend.dataset.field);
    if (field) {
      const [start, end] = mend.dataset.at.split(":").map((points) => units(read, Number(points)));
      const place = mover(field.value)({ start, end });
      if (!place) return; // edited meanwhile: what there is to say now is on its way
      if (mend.dataset.fix) put(field, place.start, place.end, mend.dataset.fix);
      else {
        field.focus();
        field.setSelectionRange(place.start, place.end);
        find("paint")?.scrollIntoView({ block: "nearest" });
      }
      return;
    }
    const add = event.target.closest("#add-reply");
    if (add) {
      const rows = find("replies");
      const count = rows.children.length;
      const row = rows.firstElementChild.cloneNode(true);
      const [input, error] = [row.querySelector("input"), row.querySelector(".error")];
      input.id = `reply-${count}`;
      input.value = "";
      input.removeAttribute("aria-invalid");
      input.setAttribute("aria-label", add.dataset.name.replace("{n}", count + 1));
      input.setAttribute("aria-describedby", `${input.id}-e`);
      error.id = `${input.id}-e`;
      error.dataset.errorOf = input.id;
      error.hidden = true;
      error.replaceChildren();
      rows.append(row);
      add.hidden = rows.children.length >= Number(add.dataset.most);
      input.focus();
    }
  });

  // A session may end while somebody writes. What was typed stays in this window until it is seen to be kept.
  const DRAFT = "draft";
  const typed = () => [...new FormData(find("editor"))].filter(([name]) => !["csrfmiddlewaretoken", "saved_at", "at", "was"].includes(name));
  const keep = () => {
    const { dataset, elements } = find("editor");
    // which state it was written over is kept with it: whoever saved meanwhile is not overwritten unasked
    const kept = { of: dataset.look, fields: typed(), seen: elements.saved_at.value, was: elements.was.value };
    sessionStorage.setItem(DRAFT, JSON.stringify(kept));
  };
  function bringBack(form) {
    const kept = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    if (kept?.of !== form.dataset.look) return;
    const values = new Map(kept.fields);
    if (values.get("language") !== form.elements.language.value) return;
    sessionStorage.removeItem(DRAFT);
    // the server wrote what was typed itself, or has kept it
    if (form.dataset.unsaved !== undefined || JSON.stringify(kept.fields) === JSON.stringify(typed())) return;
    const replies = kept.fields.filter(([name]) => name === "reply").map(([, value]) => value);
    while (document.querySelectorAll("#replies input").length < replies.length) find("add-reply").click();
    document.querySelectorAll("#replies input").forEach((field, place) => (field.value = replies[place] ?? ""));
    for (const [name, value] of values) if (!["language", "reply"].includes(name)) form.elements[name].value = value;
    [form.elements.saved_at.value, form.elements.was.value] = [kept.seen, kept.was];
    if (replies.some(Boolean) || values.get("image")) find("more-fields").open = true;
    find("brought-back").hidden = false;
    paint();
    look();
  }
  addEventListener("htmx:afterRequest", (event) => {
    const { responseURL: where, status } = event.detail.xhr ?? {};
    if (!find("editor") || !where) return;
    // sent to the door; or, after signing in elsewhere, with the key of the session before
    if (status !== 403 && new URL(where).pathname !== new URL(find("sign-in").href).pathname) return;
    keep();
    find("signed-out").hidden = false;
  });
  addEventListener("click", (event) => {
    if (event.target.closest("#sign-in")) {
      keep();
      leaving = true;
    }
  });

  // Whoever leaves with something unsaved is asked; whoever saves is not.
  let leaving = false;
  addEventListener("submit", (event) => {
    leaving = event.target.id === "editor";
    if (leaving && !find("signed-out").hidden) {
      event.preventDefault();
      find("sign-in").click();
      return;
    }
    if (leaving) keep();
    if (leaving) sessionStorage.setItem("editor", `${location.pathname} ${scrollY}`);
  });
  addEventListener("beforeunload", (event) => {
    if (leaving || !find("editor") || state() === saved) return;
    event.preventDefault();
  });

  addEventListener("htmx:afterSettle", () => {
    if (find("editor")) tell();
  });
  addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.id === "paint") learn();
  });
  addEventListener("decided", later);
  function begin() {
    const form = find("editor");
    if (!form) return;
    leaving = false;
    saved = form.dataset.unsaved === undefined ? state() : "";
    learn();
    bringBack(form);
    const tabs = find("languages");
    const tab = tabs?.querySelector("[aria-current]");
    if (tab) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
    const [path, height] = (sessionStorage.getItem("editor") ?? "").split(" ");
    sessionStorage.removeItem("editor");
    // saved: the page stays where it was; what went wrong stands at its top
    if (path === location.pathname && !document.querySelector("main > .notice[role=alert]")) scrollTo(0, Number(height));
  }
  addEventListener("pageshow", begin);
})();
