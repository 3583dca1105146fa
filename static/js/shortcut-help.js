// The list of keys under `?`: those of this page, those of every page, and the switch for them.
// `keys` says whether single keys are on, and turns them on or off.
export function open(keys) {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.ariaLabel = "Keyboard shortcuts";
  const rows = listed();
  dialog.append(
    head(dialog),
    part("This page", rows.filter((row) => row.here)),
    part("Everywhere", [
      { keys: "Ctrl K", label: "Find anything: runs, targets, actions" },
      ...rows.filter((row) => !row.here),
    ]),
    switcher(keys),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

function listed() {
  const rows = new Map();
  for (const each of document.querySelectorAll("[data-key][data-key-label], [data-key-help]")) {
    const keys = each.dataset.key ?? each.dataset.keyHelp;
    const here = Boolean(each.closest("main"));
    if (!rows.get(keys)?.here) rows.set(keys, { keys, label: each.dataset.keyLabel, here });
  }
  return [...rows.values()];
}

function head(dialog) {
  const header = element("header");
  const close = element("button", "Close", "btn btn-quiet");
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  header.append(element("h2", "Keyboard shortcuts"), close);
  return header;
}

function part(title, rows) {
  const section = element("section");
  section.hidden = !rows.length;
  const list = element("dl");
  for (const { keys, label } of rows) {
    const name = element("dt");
    keys.split(" ").forEach((key) => name.append(element("kbd", key), " "));
    list.append(name, element("dd", label));
  }
  section.append(element("h3", title), list);
  return section;
}

function switcher(keys) {
  const label = element("label", "", "sheet-switch");
  const box = element("input", "", "form-check-input");
  box.type = "checkbox";
  box.checked = keys.areOn();
  box.addEventListener("change", () => keys.turn(box.checked));
  label.append(box, " Single keys work on this browser (Ctrl K always does)");
  return label;
}

function element(name, text = "", classes = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (classes) made.className = classes;
  return made;
}
