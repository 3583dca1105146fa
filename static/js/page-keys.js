// Whether a key that was pressed is meant for the page: not for a field or a dialog, not together
// with Ctrl, Alt or Meta, and not when single keys are switched off.
const TAKES_KEYS = "input:not([type=checkbox], [type=radio]), textarea, select, dialog, [contenteditable]";

export function isForPage(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return false;
  if (document.documentElement.dataset.keys === "off") return false;
  if (document.querySelector("dialog[open]")) return false;
  return !document.activeElement?.closest(TAKES_KEYS);
}
