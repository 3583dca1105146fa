// Keys: `data-key="c"` or `data-key="g r"` on a link, button or field presses or focuses it.
// With `data-key-label` it is listed under `?` and can be found in the palette. Single keys can
// be switched off there: `data-keys="off"` on <html>, kept in this browser.
const WISH = "runyard-keys";
const TOGETHER_MS = 1200;
const FIELDS =
  'input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"]), textarea, select, dialog, [contenteditable]';

let typed = "";
let forget;
let early = null; // what is typed while a dialog is still on its way

const areOn = () => document.documentElement.dataset.keys !== "off";

function turn(on) {
  localStorage.setItem(WISH, on ? "on" : "off");
  document.documentElement.dataset.keys = on ? "on" : "off";
}

function pressed(event) {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (early !== null && (event.key.length === 1 || event.key === "Escape")) {
    early = event.key === "Escape" ? null : early + event.key;
    event.preventDefault();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (!areOn() || event.target.closest?.(FIELDS) || document.querySelector("dialog[open]")) return;
  if (event.key.length > 1) return; // Shift, arrows, Enter: not ours
  take(event);
}

function take(event) {
  clearTimeout(forget);
  const together = typed ? `${typed} ${event.key}` : event.key;
  const found = meant(together) ?? meant(event.key);
  typed = !found && begins(together) ? together : "";
  forget = setTimeout(() => (typed = ""), TOGETHER_MS);
  if (!found) return;
  event.preventDefault();
  if (found.matches(FIELDS)) {
    found.focus();
    found.select?.();
  } else found.click();
}

// What the page itself offers comes before what every page has.
function meant(keys) {
  const all = [...document.querySelectorAll(`[data-key="${CSS.escape(keys)}"]`)];
  const usable = all.filter((each) => !each.disabled && !each.closest("[hidden], [inert]"));
  return usable.findLast((each) => each.closest("main")) ?? usable[0];
}

function begins(keys) {
  return Boolean(document.querySelector(`[data-key^="${CSS.escape(keys)} "]`));
}

// A dialog is fetched when it is first wanted, and comes unless Escape was faster.
async function late(load, open) {
  early ??= "";
  try {
    const module = await load();
    if (early !== null) open(module, early);
  } finally {
    early = null;
  }
}

function openPalette() {
  return late(() => import("./command-palette.js"), ({ open }, words) => open(words));
}

function openHelp() {
  return late(() => import("./shortcut-help.js"), ({ open }) => open({ areOn, turn }));
}

function clicked(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const opens = event.target.closest?.(".find-link, [data-key='?']");
  if (!opens) return;
  event.preventDefault();
  opens.closest("details")?.removeAttribute("open");
  if (opens.matches(".find-link")) openPalette();
  else openHelp();
}

// A menu closes when one goes on elsewhere, and on Escape.
function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.key === "Escape" && menu.contains(document.activeElement)) menu.firstElementChild.focus();
    if (event.key === "Escape" || (event.type === "click" && !menu.contains(event.target))) menu.open = false;
  }
}

if (localStorage.getItem(WISH) === "off") document.documentElement.dataset.keys = "off";
document.addEventListener("keydown", pressed);
document.addEventListener("keydown", closeMenus);
document.addEventListener("click", clicked);
document.addEventListener("click", closeMenus);
