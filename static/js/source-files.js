// The parts of a form about files that only some ways of bringing them need: each is fetched when
// somebody chooses that way, or drags files over the page.
const PARTS = {
  upload: () => import("./folder-upload.js"),
  folder: () => import("./folder-picker.js"),
  zip: looker,
  git: looker,
};
const form = document.querySelector("form:has(folder-upload)");

async function looker() {
  const url = form.querySelector("submit-form")?.dataset.look;
  if (url) (await import("./source-look.js")).look(form, url);
}

function need(kind) {
  PARTS[kind]?.();
}

if (form) {
  need(form.elements.source?.value ?? "upload");
  form.addEventListener("change", ({ target }) => target.name === "source" && need(target.value));
  document.addEventListener("dragenter", () => need("upload"), { once: true });
}
