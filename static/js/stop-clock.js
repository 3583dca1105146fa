// <stop-clock data-left="7.2">7 s left</stop-clock>: the time that a run still has to end itself.
class StopClock extends HTMLElement {
  connectedCallback() {
    const end = performance.now() + Number(this.dataset.left) * 1000;
    this.show(end);
    this.timer = setInterval(() => this.show(end), 250);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  show(end) {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const text = left ? `${left} s left` : "time is up: it is being killed";
    if (this.textContent !== text) this.textContent = text;
  }
}

customElements.define("stop-clock", StopClock);
