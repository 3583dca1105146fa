// Terminal colour in text: the same reading as runs/ansi.py, so that lines which came with the
// page and lines that arrive live look alike. A pen is what SGR codes add up to; as text it is
// the codes that would bring it back ("1;31").
const SEQUENCE = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;
const STYLES = { 1: "b", 2: "d", 3: "i", 4: "u", 9: "s" };
const ENDS = { 22: ["b", "d"], 23: ["i"], 24: ["u"], 29: ["s"] };

export class Pen {
  constructor(codes = "") {
    this.styles = new Set();
    this.ink = this.ground = null;
    if (codes) this.apply(codes);
  }

  apply(codes) {
    const numbers = codes.split(/[;:]/).map(Number);
    for (let at = 0; at < numbers.length; at++) {
      const n = numbers[at];
      if (n === 0) this.clear();
      else if (STYLES[n]) this.styles.add(STYLES[n]);
      else if (ENDS[n]) ENDS[n].forEach((style) => this.styles.delete(style));
      else if (n >= 30 && n <= 37) this.ink = n - 30;
      else if (n >= 90 && n <= 97) this.ink = n - 90;
      else if (n === 39) this.ink = null;
      else if (n >= 40 && n <= 47) this.ground = n - 40;
      else if (n >= 100 && n <= 107) this.ground = n - 100;
      else if (n === 49) this.ground = null;
      else if (n === 38 || n === 48) {
        const [colour, used] = wideColour(numbers.slice(at + 1));
        if (n === 38) this.ink = colour;
        else this.ground = colour;
        at += used;
      }
    }
  }

  clear() {
    this.styles.clear();
    this.ink = this.ground = null;
  }

  get className() {
    const names = ["b", "d", "i", "u", "s"].filter((style) => this.styles.has(style));
    if (this.ink !== null) names.push(`f${this.ink}`);
    if (this.ground !== null) names.push(`g${this.ground}`);
    return names.map((name) => `a-${name}`).join(" ");
  }
}

// 256 colours and true colour come down to the eight that both themes can show well.
function wideColour([kind, ...rest]) {
  if (kind === 5) return [fromPalette(rest[0] ?? 0), 2];
  if (kind === 2) return [nearest(rest[0] ?? 0, rest[1] ?? 0, rest[2] ?? 0), 4];
  return [null, 1];
}

function fromPalette(n) {
  if (n < 16) return n % 8;
  if (n >= 232) return n < 244 ? 0 : 7;
  const level = (step) => (step ? 55 + 40 * step : 0);
  const cube = n - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function nearest(red, green, blue) {
  const most = Math.max(red, green, blue);
  if (most < 48) return 0;
  const bit = (part) => (part > most / 2 ? 1 : 0);
  return bit(red) + 2 * bit(green) + 4 * bit(blue);
}

// What a terminal would show of a line in the end: text after "\r" takes the place of what stood there.
export function folded(line) {
  const parts = (line.endsWith("\r") ? line.slice(0, -1) : line).split("\r");
  if (parts.length === 1) return ["", parts[0]];
  let shown = parts.length - 1;
  while (shown > 0 && !parts[shown]) shown--;
  return [parts.slice(0, shown).join(""), parts[shown]];
}

// Moves the pen over text that is not shown; what stands before the last reset does not matter.
export function skim(text, pen) {
  if (!text.includes("\x1b")) return;
  const reset = Math.max(0, text.lastIndexOf("\x1b[0m"), text.lastIndexOf("\x1b[m"));
  for (const [, codes] of text.slice(reset).matchAll(SEQUENCE)) {
    if (codes !== undefined) pen.apply(codes);
  }
}

// Fills `element` with a line in the pen's colours, and moves the pen.
export function paint(element, line, pen) {
  const [gone, text] = folded(line);
  skim(gone, pen);
  element.replaceChildren();
  let from = 0;
  for (const match of text.includes("\x1b") ? text.matchAll(SEQUENCE) : []) {
    piece(element, text.slice(from, match.index), pen);
    if (match[1] !== undefined) pen.apply(match[1]);
    from = match.index + match[0].length;
  }
  piece(element, text.slice(from), pen);
}

function piece(element, text, pen) {
  if (!text) return;
  const plain = text.replace(CONTROL, (c) => (c === "\x7f" ? "␡" : String.fromCharCode(0x2400 + c.charCodeAt(0))));
  const className = pen.className;
  if (!className) {
    element.append(plain);
    return;
  }
  const span = document.createElement("span");
  span.className = className;
  span.textContent = plain;
  element.append(span);
}
