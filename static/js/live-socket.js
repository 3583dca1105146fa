// The page's one connection to the studio. It carries hints ("run 42 changed") and the end of
// one log; pages fetch what they show by ordinary requests.
//
// Any hint becomes one `runyard:changed` event on <body>, with the ids of the runs that changed.
// While there is no connection, and now and then anyway, the event comes without ids: look again.
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
const POLL_MS = 2000;
const LOOK_AGAIN_MS = 5000;

class LiveSocket extends HTMLElement {
  connectedCallback() {
    this.failures = 0;
    this.changed = new Set();
    this.gap = this.dataset.workspace ? 1000 : 250;
    this.lastTold = 0;
    this.heard = performance.now();
    this.open();
    this.ticker = setInterval(() => this.tick(), 1000);
    this.onVisible = () => document.hidden || this.tell();
    document.addEventListener("visibilitychange", this.onVisible);
  }

  disconnectedCallback() {
    clearInterval(this.ticker);
    clearTimeout(this.retry);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.socket?.close();
  }

  get isLive() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.socket = new WebSocket(new URL("/ws/", location.href.replace(/^http/, "ws")));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.greet();
    this.socket.onmessage = ({ data }) => this.take(data);
    this.socket.onclose = () => this.lost();
  }

  greet() {
    this.failures = 0;
    this.state("live");
    const { workspace, follow } = this.dataset;
    if (workspace) this.send({ workspace });
    if (follow) this.send({ follow });
    if ("notices" in this.dataset) this.send({ notices: true });
    this.askLog();
    this.tell();
  }

  // Hear of my runs that end, from now on.
  wantNotices() {
    this.dataset.notices = "";
    this.send({ notices: true });
  }

  lost() {
    this.state("polling");
    if (!this.isConnected) return;
    const wait = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures++);
    this.retry = setTimeout(() => this.open(), wait * (0.5 + Math.random() / 2));
  }

  send(message) {
    if (this.isLive) this.socket.send(JSON.stringify(message));
  }

  // One log at a time: `reader` has name, stream and take(message).
  follow(reader) {
    this.reader = reader;
    this.askLog();
  }

  unfollow(reader) {
    if (this.reader === reader) this.reader = null;
  }

  askLog() {
    const { reader } = this;
    if (reader) this.send({ log: reader.name, stream: reader.stream });
  }

  take(data) {
    this.heard = performance.now();
    const message = JSON.parse(data);
    if (message.type === "log") this.reader?.take(message);
    else if (message.type === "run-ended") {
      document.dispatchEvent(new CustomEvent("runyard:ended", { detail: message }));
    } else if (message.type === "refused") console.info(message.sentence);
    else this.tell(message.id);
  }

  // At most one event in `gap` milliseconds; the last hint always gets one.
  tell(id) {
    if (id) this.changed.add(id);
    if (this.telling) return;
    const wait = Math.max(0, this.lastTold + this.gap - performance.now());
    this.telling = setTimeout(() => {
      this.telling = null;
      this.lastTold = performance.now();
      const ids = [...this.changed];
      this.changed.clear();
      document.body.dispatchEvent(new CustomEvent("runyard:changed", { detail: { ids } }));
    }, wait);
  }

  tick() {
    if (document.hidden) return;
    if (!this.isLive) this.reader?.poll?.();
    if (!document.querySelector("[data-live]")) return;
    const patience = this.isLive ? LOOK_AGAIN_MS : POLL_MS;
    if (performance.now() - Math.max(this.lastTold, this.heard) > patience) this.tell();
  }

  state(word) {
    const dot = document.getElementById("link-state");
    if (!dot) return;
    dot.dataset.state = word;
    dot.textContent = word;
    dot.title = word === "live"
      ? "Connected: changes appear as they happen."
      : "No live connection: the page asks every two seconds and keeps trying to connect.";
  }
}

customElements.define("live-socket", LiveSocket);
