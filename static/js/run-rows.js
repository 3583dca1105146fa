// <run-rows data-url="…">: a table of runs whose rows stay true without moving.
// A row that changed is fetched and replaced in place; new runs wait behind a bar.
class RunRows extends HTMLElement {
  connectedCallback() {
    this.fresh = new Set();
    this.onChanged = ({ detail }) => this.changed(detail.ids);
    document.body.addEventListener("runyard:changed", this.onChanged);
  }

  disconnectedCallback() {
    document.body.removeEventListener("runyard:changed", this.onChanged);
  }

  changed(ids) {
    const shown = ids.filter((id) => document.getElementById(`run-${id}`));
    ids.filter((id) => id > Number(this.dataset.newest)).forEach((id) => this.fresh.add(id));
    if (this.fresh.size) this.announce();
    this.refresh(ids.length ? shown : this.liveIds());
  }

  liveIds() {
    return [...this.querySelectorAll("tr[data-live]")].map((row) => row.id.slice("run-".length));
  }

  async refresh(ids) {
    if (!ids.length || this.busy) {
      if (ids.length) this.again = true;
      return;
    }
    this.busy = true;
    try {
      const answer = await fetch(`${this.dataset.url}?ids=${ids.join(",")}`);
      if (answer.ok) this.replace(await answer.text());
    } catch {
      // the next event tries again
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      this.refresh(this.liveIds());
    }
  }

  replace(html) {
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    for (const row of parsed.content.querySelectorAll("tr[id]")) {
      const old = document.getElementById(row.id);
      if (!old || old.dataset.version === row.dataset.version) continue;
      row.classList.add("changed");
      old.replaceWith(row);
    }
  }

  announce() {
    const bar = this.querySelector("[data-new-runs]");
    if (!bar) return;
    const n = this.fresh.size;
    bar.hidden = false;
    bar.querySelector("a").textContent = `${n} new ${n === 1 ? "run" : "runs"}: show`;
  }
}

customElements.define("run-rows", RunRows);
