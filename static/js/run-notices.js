// Shows a notification when a run of mine ends, while a page of the studio is open. The wish
// belongs to this browser, which also has to permit it; the page of notices has the switch.
const WISH = "runyard-notices";

const canShow = () => "Notification" in window;
const isOn = () =>
  canShow() && localStorage.getItem(WISH) === "on" && Notification.permission === "granted";

function show({ id, name, status, sentence }) {
  // pages in several tabs say it once: a notification replaces the one with its tag
  const notice = new Notification(`Run ${id} ${status}`, {
    body: `${name}\n${sentence}`,
    tag: `run-${id}`,
  });
  notice.onclick = () => {
    window.focus();
    location.assign(`/runs/${id}/`);
  };
}

class RunNotices extends HTMLElement {
  connectedCallback() {
    this.ended = ({ detail }) => isOn() && show(detail);
    document.addEventListener("runyard:ended", this.ended);
    if (isOn()) this.listen();
  }

  disconnectedCallback() {
    document.removeEventListener("runyard:ended", this.ended);
  }

  listen() {
    let socket = document.querySelector("live-socket");
    if (!socket) this.append((socket = document.createElement("live-socket")));
    socket.wantNotices();
  }
}

class NoticeSwitch extends HTMLElement {
  connectedCallback() {
    if (!canShow()) return;
    this.innerHTML = `
      <div class="form-check">
        <input class="form-check-input" type="checkbox" id="notice-switch">
        <label class="form-check-label" for="notice-switch">
          Show a notification while a page of the studio is open</label>
      </div>
      <p class="hint quiet small" role="status"></p>`;
    this.box = this.querySelector("input");
    this.box.addEventListener("change", () => this.change());
    this.show();
  }

  async change() {
    if (this.box.checked) await Notification.requestPermission();
    localStorage.setItem(WISH, this.box.checked ? "on" : "off");
    this.show();
    if (isOn()) document.querySelector("run-notices")?.listen();
  }

  show() {
    this.box.checked = isOn();
    const isDenied = Notification.permission === "denied";
    this.box.disabled = isDenied;
    this.querySelector("p").textContent = isDenied
      ? "This browser forbids notifications from the studio: allow them in its settings for this site."
      : "Of the ends that are chosen above; nothing else has to be saved.";
  }
}

customElements.define("run-notices", RunNotices);
customElements.define("notice-switch", NoticeSwitch);
