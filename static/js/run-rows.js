// <run-rows data-url="…" data-newest="…">: a table of runs whose rows stay true without moving.
// A row that changed is fetched and replaced in place, and stays chosen and focused; new runs wait
// behind a bar. Only the server knows which of them match the filter: it is asked.
//
// data-whole   all that match is on this page, so whatever else comes to match is new as well
// data-choose  rows can be chosen
const MOST = 200;

class RunRows extends HTMLElement {
  connectedCallback() {
    this.fresh = new Set();
    this.waiting = new Set();
    this.onChanged = ({ detail }) => this.changed(detail.ids);
    document.body.addEventListener("runyard:changed", this.onChanged);
  }

  disconnectedCallback() {
    document.body.removeEventListener("runyard:changed", this.onChanged);
  }

  changed(ids) {
    const asked = ids.length ? ids : this.liveIds();
    asked.forEach((id) => this.waiting.add(Number(id)));
    if (asked.length || !ids.length) this.refresh();
  }

  liveIds() {
    return [...this.querySelectorAll("tr[data-live]")].map((row) => row.id.slice("run-".length));
  }

  async refresh() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    const ids = [...this.waiting].slice(0, MOST);
    ids.forEach((id) => this.waiting.delete(id));
    try {
      const answer = await fetch(this.address(ids));
      if (answer.ok) {
        this.replace(await answer.text());
        this.announce(answer.headers.get("X-New-Runs") ?? "");
      }
    } catch {
      // the next event tries again
    }
    this.busy = false;
    if (this.again || this.waiting.size) {
      this.again = false;
      this.refresh();
    }
  }

  address(ids) {
    const here = new URLSearchParams(location.search);
    const asked = new URLSearchParams();
    for (const name of ["q", "columns"]) {
      for (const value of here.getAll(name)) asked.append(name, value);
    }
    const isShown = (id) => document.getElementById(`run-${id}`);
    asked.set("ids", ids.filter(isShown).join(","));
    asked.set("after", this.dataset.newest);
    if ("whole" in this.dataset) asked.set("others", ids.filter((id) => !isShown(id)).join(","));
    if ("choose" in this.dataset) asked.set("choose", "1");
    return `${this.dataset.url}?${asked}`;
  }

  replace(html) {
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    for (const row of parsed.content.querySelectorAll("tr[id]")) {
      const old = document.getElementById(row.id);
      if (!old || old.dataset.version === row.dataset.version) continue;
      const wasChosen = old.querySelector("[name=run]")?.checked;
      const hadFocus = old.contains(document.activeElement);
      row.classList.add("changed");
      old.replaceWith(row);
      const box = row.querySelector("[name=run]");
      if (box && wasChosen) box.checked = true;
      if (hadFocus) row.querySelector("[data-row]").focus({ preventScroll: true });
    }
    this.dispatchEvent(new CustomEvent("runyard:rows", { bubbles: true }));
  }

  announce(text) {
    const shown = (id) => document.getElementById(`run-${id}`);
    for (const id of text.split(",").filter(Boolean)) if (!shown(id)) this.fresh.add(id);
    const bar = this.querySelector("[data-new-runs]");
    const n = this.fresh.size;
    if (!bar || !n) return;
    bar.hidden = false;
    bar.querySelector("a").textContent = `${n} new ${n === 1 ? "run" : "runs"}: show`;
  }
}

customElements.define("run-rows", RunRows);
