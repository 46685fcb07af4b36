/* The live line: pieces of the page arrive as they change, each goes where the one with its id stands.
   When the line is down the page asks every ten seconds; when that fails too it says how old it is. */
(() => {
  "use strict";
  const POLL = 10000;
  let source = null;
  let address = "";
  let position = "";
  let timer = 0;
  let seen = new Date();

  function lamp(state) {
    const element = document.getElementById("lamp");
    if (!element || (element.dataset.state === state && state !== "stale")) return;
    const time = seen.toLocaleTimeString("en-GB", { timeZone: element.dataset.zone });
    const [light, words] = element.children;
    element.dataset.state = state;
    const looks = { live: "lamp lamp--beat", polling: "lamp lamp--warn", stale: "lamp lamp--bad" };
    light.className = looks[state];
    const text = element.dataset[`${state}Word`].replace("{time}", time);
    if (words.textContent !== text) words.textContent = text;
  }

  function light(node) {
    const figure = node.nodeType === Node.TEXT_NODE ? node.parentElement?.closest("[data-fig]") : null;
    if (!figure) return;
    figure.classList.remove("changed");
    void figure.offsetWidth; // start the animation anew
    figure.classList.add("changed");
  }

  /* Make `old` what `fresh` is, keeping every node that can stay: focus and movement stay with it. */
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
      old.replaceWith(fresh);
      if (fresh.nodeType === Node.ELEMENT_NODE) window.htmx?.process(fresh);
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      const differs = old.data.trim() !== fresh.data.trim();
      old.data = fresh.data;
      if (differs) light(old);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) return;
    for (const { name } of [...old.attributes]) {
      const isTheReaders = name === "open" && old.nodeName === "DETAILS";
      if (!fresh.hasAttribute(name) && !isTheReaders) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const now = [...old.childNodes];
    const then = [...fresh.childNodes];
    then.forEach((child, at) => {
      if (at < now.length) morph(now[at], child);
      else {
        old.append(child);
        if (child.nodeType === Node.ELEMENT_NODE) window.htmx?.process(child);
      }
    });
    now.slice(then.length).forEach((child) => child.remove());
  }

  function show(html) {
    const sheet = document.createElement("template");
    sheet.innerHTML = html;
    sheet.content.querySelectorAll("[data-piece]").forEach((piece) => {
      const place = document.getElementById(piece.id);
      if (!place) return;
      morph(place, piece);
      const settled = document.getElementById(piece.id);
      if (settled) window.htmx?.process(settled);
    });
    seen = new Date();
  }

  async function poll() {
    try {
      const answer = await fetch(`${address}&poll=1`, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text());
      if (timer) lamp("polling");
    } catch {
      if (timer) lamp("stale");
    }
  }

  function fallBack() {
    if (timer) return;
    timer = setInterval(() => {
      poll();
      if (source?.readyState === EventSource.CLOSED) open();
    }, POLL);
    poll();
  }

  function open() {
    source?.close();
    const since = position ? `&since=${encodeURIComponent(position)}` : "";
    const line = new EventSource(address + since);
    source = line;
    line.addEventListener("open", () => {
      clearInterval(timer);
      timer = 0;
      seen = new Date();
      lamp("live");
    });
    line.addEventListener("patch", (event) => {
      position = event.lastEventId;
      show(event.data);
    });
    line.addEventListener("error", () => {
      if (source === line) fallBack();
    });
  }

  function begin() {
    const page = document.querySelector("[data-live]");
    if (!page) {
      source?.close();
      clearInterval(timer);
      source = null;
      address = "";
      timer = 0;
      return;
    }
    const beside = document.querySelector("#dialog [data-beside]")?.dataset.beside;
    const wanted = page.dataset.live + (beside ? `&beside=${beside}` : "");
    if (wanted === address && source && source.readyState !== EventSource.CLOSED) {
      if (!timer) lamp("live");
      return;
    }
    address = wanted;
    position = page.dataset.since || "";
    open();
  }

  addEventListener("animationend", (event) => {
    if (event.animationName === "changed") event.target.classList.remove("changed");
  });
  addEventListener("htmx:afterSettle", begin);
  addEventListener("pageshow", begin);
  document.getElementById("dialog")?.addEventListener("close", begin);
  addEventListener("pagehide", () => source?.close());
})();
