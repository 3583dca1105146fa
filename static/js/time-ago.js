// <time-ago><time datetime="…">3 min ago</time></time-ago> keeps itself true.
// With `data-elapsed` it counts up from that moment instead: "1 min 20 s".
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const at = STEPS.findIndex(([size]) => whole >= size);
  if (at < 0) return "0 s";
  const [size, unit] = STEPS[at];
  const first = `${Math.floor(whole / size)} ${unit}`;
  if (at === STEPS.length - 1) return first;
  const [below, belowUnit] = STEPS[at + 1];
  const rest = Math.floor((whole % size) / below);
  return rest ? `${first} ${rest} ${belowUnit}` : first;
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  const [size, unit] = STEPS.find(([step]) => seconds >= step);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

class TimeAgo extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    if (!time) return;
    const then = Date.parse(time.dateTime);
    const elapsed = "elapsed" in this.dataset;
    // clocks of browser and server differ: the server says how old it was when it wrote the page
    const skew = Date.now() - then - Number(this.dataset.age) * 1000;
    const show = () => {
      const seconds = (Date.now() - then - skew) / 1000;
      const text = elapsed ? duration(seconds) : ago(seconds);
      if (time.textContent !== text) time.textContent = text;
    };
    time.title = `${new Date(then).toLocaleString()} · ${time.dateTime.replace("T", " ").slice(0, 19)} UTC`;
    this.timer = setInterval(show, elapsed ? 1000 : 10000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }
}

customElements.define("time-ago", TimeAgo);
