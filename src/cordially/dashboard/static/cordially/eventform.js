/* The form of an event works without this. A picture is made as small as a phone needs it before it travels,
   and loses the place where it was taken; a new event begins with the zone of the browser. */
(() => {
  "use strict";
  const LONGEST = 1600;
  const zone = document.getElementById("timezone");
  if (zone && !zone.value && document.querySelector('#event-form [name="seen"]')?.value === "") {
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (here !== "UTC" && [...document.querySelectorAll("#zones option")].some((option) => option.value === here)) zone.value = here;
  }

  const field = document.getElementById("picture");
  field?.addEventListener("change", async () => {
    const [file] = field.files;
    if (!file) return;
    try {
      const image = await createImageBitmap(file);
      const share = Math.min(1, LONGEST / Math.max(image.width, image.height));
      const sheet = document.createElement("canvas");
      sheet.width = Math.round(image.width * share);
      sheet.height = Math.round(image.height * share);
      sheet.getContext("2d").drawImage(image, 0, 0, sheet.width, sheet.height);
      const small = await new Promise((done) => sheet.toBlob(done, "image/jpeg", 0.82));
      if (!small || field.files[0] !== file) return;
      const box = new DataTransfer();
      box.items.add(new File([small], "picture.jpg", { type: "image/jpeg" }));
      field.files = box.files;
    } catch {
      // what can't be read here goes as it is: the server says what is wrong with it
    }
  });
})();
