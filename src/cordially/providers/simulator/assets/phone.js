// Looks again every moment and swaps in what changed, so that a chat lives without flicker.
(() => {
  const pause = 1500;

  const toEnd = (room) => {
    if (room) room.scrollTop = room.scrollHeight;
  };

  const swap = (now, next) => {
    const before = now.querySelector(".room");
    const atEnd = before && before.scrollHeight - before.scrollTop - before.clientHeight < 40;
    const place = before ? before.scrollTop : 0;
    now.replaceChildren(...next.childNodes);
    const after = now.querySelector(".room");
    if (atEnd) toEnd(after);
    else if (after) after.scrollTop = place;
  };

  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const now = document.querySelector("main");
        const next = page.querySelector("main");
        if (answer.ok && next && next.innerHTML !== now.innerHTML) swap(now, next);
      } catch {
        // It is away for a moment; the next look will tell.
      }
    }
    setTimeout(look, pause);
  };

  toEnd(document.querySelector(".room"));
  setTimeout(look, pause);
})();
