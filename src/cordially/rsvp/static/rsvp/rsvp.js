// Extras of the guest's page: the − and + beside the number, and the number on the button.
// Without this file the number is typed and the button says "Send the answer".
(() => {
  const form = document.getElementById("reply");
  const send = form.querySelector("[data-send]");
  const heads = form.querySelector("#heads");
  const steps = form.querySelectorAll("[data-step]");
  const plural = new Intl.PluralRules(document.documentElement.lang);
  const max = heads ? Number(heads.max) : 1;

  const show = () => {
    const count = heads ? Number(heads.value) : 0;
    const said = form.querySelector("[name=reply]:checked");
    const counts = said && said.value === "yes" && Number.isInteger(count) && count > 0 && count <= max;
    const text = counts ? send.dataset[plural.select(count)] || send.dataset.other : send.dataset.send;
    send.textContent = text.replace("#", String(count));
    for (const step of steps) {
      step.disabled = Number(step.dataset.step) < 0 ? count <= 0 : count >= max;
    }
  };

  for (const step of steps) {
    step.hidden = false;
    step.addEventListener("click", () => {
      const next = (Math.trunc(Number(heads.value)) || 0) + Number(step.dataset.step);
      heads.value = String(Math.min(max, Math.max(0, next)));
      show();
    });
  }
  form.addEventListener("input", show);
  // a page brought back by the browser keeps what was chosen
  window.addEventListener("pageshow", show);
  show();
})();
