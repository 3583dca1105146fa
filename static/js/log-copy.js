// Copying what is chosen in a log: the link to it, or its lines, also those not in the page.
import { copy } from "./copy-button.js";
import { clusterOf } from "./log-window.js";

const SAID_MS = 1500;

export async function copyPicked({ bar, range, window }, what) {
  await copy(what === "link" ? location.href : await textOf(window, ...range));
  const button = bar.querySelector(`[data-log="${what}"]`);
  button.dataset.label ??= button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = button.dataset.label), SAID_MS);
}

async function textOf(window, first, last) {
  const pieces = [];
  for (let k = clusterOf(first); k <= clusterOf(last); k++) {
    const cluster = window.find(k) ?? (await window.fetch(k));
    for (const row of cluster.children) {
      const n = Number(row.dataset.n);
      if (n >= first && n <= last) pieces.push(row.textContent);
    }
  }
  return pieces.join("").replace(/\n$/, "");
}
