// <phase-bar><svg>…</svg></phase-bar>: while a phase goes on its part of the bar grows.
// Each <rect> says in `data-seconds` how long it was when the server wrote it; with `data-live`
// the last one goes on.
const UNITS = 1000;

class PhaseBar extends HTMLElement {
  connectedCallback() {
    if (!("live" in this.dataset)) return;
    const since = performance.now();
    this.timer = setInterval(() => this.draw((performance.now() - since) / 1000), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  draw(added) {
    const parts = [...this.querySelectorAll("rect")];
    const seconds = parts.map((part) => Number(part.dataset.seconds));
    seconds[seconds.length - 1] += added;
    const total = seconds.reduce((sum, each) => sum + each, 0) || 1;
    let x = 0;
    parts.forEach((part, number) => {
      const width = (seconds[number] / total) * UNITS;
      part.setAttribute("x", x);
      part.setAttribute("width", width);
      x += width;
    });
  }
}

customElements.define("phase-bar", PhaseBar);
