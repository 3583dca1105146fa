// <short-log data-name="run/42" data-tail="/runs/42/log/tail/" data-kept="20">: the last rows of a
// log, live: they come drawn over the page's socket, or are asked for every two seconds.
const POLL_MS = 2000;

class ShortLog extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    ({ name: this.name, stream: this.stream } = this.dataset);
    this.box.scrollTop = this.box.scrollHeight;
    if ("sealed" in this.dataset) return;
    customElements.whenDefined("live-socket").then(() => document.querySelector("live-socket")?.follow(this));
  }

  disconnectedCallback() {
    document.querySelector("live-socket")?.unfollow(this);
  }

  take({ from, html, sealed }) {
    const isAtEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 24;
    for (const row of [...this.box.querySelectorAll(".l")]) if (Number(row.dataset.n) >= from) row.remove();
    const cluster = this.box.querySelector(".c") ?? this.box.appendChild(Object.assign(document.createElement("div"), { className: "c" }));
    cluster.insertAdjacentHTML("beforeend", html);
    while (cluster.childElementCount > Number(this.dataset.kept)) cluster.firstElementChild.remove();
    if (isAtEnd) this.box.scrollTop = this.box.scrollHeight;
    this.isOver = sealed;
  }

  async poll() {
    if (this.isOver || this.isPolling || performance.now() - (this.polledAt ?? 0) < POLL_MS) return;
    this.isPolling = true;
    this.polledAt = performance.now();
    try {
      const answer = await fetch(this.dataset.tail);
      if (answer.ok) this.take(await answer.json());
    } catch {
      // asked again at the next tick
    }
    this.isPolling = false;
  }
}

customElements.define("short-log", ShortLog);
