// Colours of charts, taken from the page's own: a canvas knows no CSS and has to be told again
// whenever the theme changes.
const NAMES = ["ink", "quiet", "line", "line-strong", "surface", "accent", "bad", "wait"];
const SERIES = 8;
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
const listeners = new Set();
let known = null;

// A custom property keeps its light-dark() as text: only a colour in use is worked out.
function resolved(probe, name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

export function colours() {
  if (known) return known;
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const names = [...NAMES, ...Array.from({ length: SERIES }, (_, n) => `chart-${n + 1}`)];
  known = Object.fromEntries(names.map((name) => [name, resolved(probe, name)]));
  probe.remove();
  return known;
}

// The nth of several lines: eight colours, then the same ones dashed.
export function lineColour(n) {
  return colours()[`chart-${(n % SERIES) + 1}`];
}

export function lineDash(n) {
  return DASHES[Math.floor(n / SERIES) % DASHES.length];
}

export function faint(colour, alpha) {
  const [r, g, b] = colour.match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  known = null;
  listeners.forEach((listener) => listener());
}

new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
