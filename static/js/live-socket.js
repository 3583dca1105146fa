// The page's one connection to the studio. It carries hints ("run 42 changed") and the end of
// one log; pages fetch what they show by ordinary requests.
//
// Any hint becomes one `runyard:changed` event on <body>, with the ids of the runs that changed.
// While there is no connection, and now and then anyway, the event comes without ids: look again.
// A laptop that slept, a network that came back and a page that is looked at again are reasons
// to connect at once: a connection that looks open may have died meanwhile.
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
const POLL_MS = 2000;
const LOOK_AGAIN_MS = 5000;
const TICK_MS = 1000;
const SLEPT_MS = 15000;
const GONE_MS = 4000;
const SILENT_MS = 10000;

class LiveSocket extends HTMLElement {
  connectedCallback() {
    this.failures = 0;
    this.changed = new Set();
    this.gap = this.dataset.workspace ? 1000 : 250;
    this.lastTold = 0;
    this.heard = performance.now();
    this.asOf = new Date();
    this.open();
    this.ticked = Date.now();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.leaving = new AbortController();
    const until = { signal: this.leaving.signal };
    document.addEventListener("visibilitychange", () => document.hidden || this.seen(), until);
    window.addEventListener("online", () => this.reopen(), until);
    window.addEventListener("offline", () => this.show(), until);
    window.addEventListener("pageshow", (event) => event.persisted && this.reopen(), until);
    document.addEventListener("htmx:sendError", () => this.missed(), until);
    document.addEventListener("htmx:responseError", ({ detail }) => detail.xhr.status >= 500 && this.missed(), until);
    document.addEventListener("htmx:afterOnLoad", ({ detail }) => detail.successful && this.answered(), until);
  }

  disconnectedCallback() {
    clearInterval(this.ticker);
    clearTimeout(this.retry);
    this.leaving.abort();
    this.socket?.close();
  }

  get isLive() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    clearTimeout(this.retry);
    const socket = new WebSocket(new URL("/ws/", location.href.replace(/^http/, "ws")));
    this.socket = socket;
    socket.onopen = () => socket === this.socket && this.greet();
    socket.onmessage = ({ data }) => socket === this.socket && this.take(data);
    socket.onclose = () => socket === this.socket && this.lost();
  }

  // Begin anew without waiting for the old connection to be missed.
  reopen() {
    const old = this.socket;
    this.failures = 0;
    this.open();
    old?.close();
  }

  seen() {
    if (this.isLive) this.tell();
    else this.reopen();
  }

  greet() {
    this.failures = 0;
    this.answered();
    const { workspace, follow, environments } = this.dataset;
    if (environments) this.send({ environments });
    if (workspace) this.send({ workspace });
    if (follow) this.send({ follow });
    if ("notices" in this.dataset) this.send({ notices: true });
    this.askLog();
    if (!follow) this.tell(); // the answer to it says how the run is: one look is enough
  }

  // Hear of my runs that end, from now on.
  wantNotices() {
    this.dataset.notices = "";
    this.send({ notices: true });
  }

  lost() {
    this.lostAt ??= Date.now();
    this.show();
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
    this.asOf = new Date();
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
    const slept = Date.now() - this.ticked > SLEPT_MS && !document.hidden;
    this.ticked = Date.now();
    if (slept) this.reopen();
    if (document.hidden) return;
    if (!this.isLive) {
      this.show();
      this.reader?.poll?.();
    }
    if (!document.querySelector("[data-live]")) return;
    const patience = this.isLive ? LOOK_AGAIN_MS : POLL_MS;
    if (performance.now() - Math.max(this.lastTold, this.heard) > patience) this.tell();
  }

  // A part of the page could not be fetched, or could again.
  missed() {
    this.isDeaf = true;
    this.lostAt ??= Date.now();
    this.show();
  }

  answered() {
    this.isDeaf = false;
    if (this.isLive) this.lostAt = null;
    this.asOf = new Date();
    this.show();
  }

  // What the page knows, and since when: "live", "polling" (requests are answered, but nothing is
  // pushed), "reconnecting" and "offline" (the page shows what it knew).
  show() {
    // a push proves little while every request fails: the database may be away
    const isSilent = this.failures > 1 && Date.now() - this.asOf > SILENT_MS;
    const isDeaf = this.isDeaf || isSilent;
    const since = this.asOf.toLocaleTimeString([], { hour12: false });
    const word = !navigator.onLine ? "offline" : isDeaf ? "reconnecting" : this.isLive ? "live" : "polling";
    const text = {
      live: "Connected: changes appear as they happen.",
      polling: "No live connection: the page asks every two seconds and keeps trying to connect.",
      reconnecting: `The studio does not answer. This page shows what it knew at ${since} and goes on by itself.`,
      offline: `This machine is offline. The page shows what it knew at ${since} and goes on by itself.`,
    }[word];
    const dot = document.getElementById("link-state");
    if (dot) {
      dot.dataset.state = word;
      const said = word === "live" || word === "polling" ? word : `${word}, data as of ${since}`;
      if (dot.textContent !== said) dot.textContent = said;
      dot.title = text;
    }
    const bar = document.getElementById("offline-bar");
    const isGone = word === "offline" || (word === "reconnecting" && Date.now() - (this.lostAt ?? Date.now()) > GONE_MS);
    if (!bar) return;
    bar.hidden = !isGone;
    if (isGone && bar.textContent !== text) bar.textContent = text;
  }
}

customElements.define("live-socket", LiveSocket);
