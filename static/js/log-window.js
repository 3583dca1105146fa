// The stretch of a log that is in the page: clusters of 200 lines that follow one another, between
// two spacers that stand for the rest. Up to KEPT clusters stay, so a log of 10,000 lines is in
// the page as a whole; of a longer one the clusters come and go as one scrolls.
const CLUSTER = 200;
const KEPT = 50;
const AHEAD_PX = 1600;
const SPARE = 3; // lines more than fit on the screen, because the first and the last are cut
const TALLEST_PX = 8_000_000; // browsers end somewhere above; beyond, the spacers are drawn smaller
const REST_MS = 60;
const NEARBY_MS = 120; // so long after a jump nothing near is fetched: the next jump may follow
const A_STEP = 3;
const AT_ONCE = 6;

export const clusterOf = (line) => Math.floor((line - 1) / CLUSTER);

export class LogWindow {
  // `source`: address(k) of a cluster; `drawn(rows)` is told of rows that came into the page;
  // `hidden(from, to)` says how many of these lines are folded away.
  constructor(box, total, source) {
    this.box = box;
    this.total = total;
    this.source = source;
    this.showing = 0; // how many wishes for a line are under way
    this.above = spacer();
    this.below = spacer();
    box.prepend(this.above);
    box.append(this.below);
    for (const cluster of this.clusters) this.noteEnd(cluster);
    this.space();
    this.top = box.scrollTop;
    box.addEventListener("scroll", () => this.scrolled());
    new ResizeObserver(() => this.settle()).observe(box);
  }

  get clusters() {
    return this.box.getElementsByClassName("c");
  }

  get first() {
    return Number(this.clusters[0]?.dataset.k ?? 0);
  }

  get last() {
    return Number(this.clusters[this.clusters.length - 1]?.dataset.k ?? -1);
  }

  get end() {
    return clusterOf(Math.max(1, this.total));
  }

  // The first and the last line that the page has.
  get span() {
    const last = this.clusters[this.clusters.length - 1];
    return [this.first * CLUSTER + 1, last ? Number(last.dataset.until) : 0];
  }

  get isAtEnd() {
    return this.span[1] >= this.total;
  }

  rows() {
    return this.box.querySelectorAll(".l");
  }

  // The row that shows a line: its own, or the one that it was overwritten in.
  row(line) {
    const exact = document.getElementById(`L${line}`);
    if (exact && this.box.contains(exact)) return exact;
    for (let k = clusterOf(line); k >= this.first; k--) {
      const rows = [...(this.find(k)?.children ?? [])].filter((row) => Number(row.dataset.n) <= line);
      const row = rows.at(-1);
      if (row) return Number(row.dataset.to ?? row.dataset.n) >= line ? row : null;
    }
    return null;
  }

  find(k) {
    return this.box.querySelector(`.c[data-k="${k}"]`);
  }

  // --- what the server says ------------------------------------------------------------------

  // From line `from` on the log looks like this now; false when lines between are not in the page.
  apply({ from, html, total }) {
    const [first, last] = this.span;
    const fits = from <= last + 1 && from >= first;
    const isStart = (from - 1) % CLUSTER === 0;
    if (!fits && !isStart && last) return false;
    this.total = total;
    if (!fits) this.empty();
    else this.cut(from);
    for (let k = clusterOf(from); k <= this.end; k++) this.clusterFor(k); // also those without a row
    const fresh = rowsOf(html);
    for (const row of fresh) this.clusterFor(clusterOf(Number(row.dataset.n))).append(row);
    for (const cluster of this.clusters) if (cluster.dataset.k >= clusterOf(from)) this.noteEnd(cluster);
    this.trim("first");
    this.space();
    this.source.drawn(fresh);
    return true;
  }

  grewTo(total) {
    this.total = total;
    this.space();
  }

  cut(from) {
    for (let cluster = this.clusters[this.clusters.length - 1]; cluster; cluster = this.clusters[this.clusters.length - 1]) {
      while (cluster.lastElementChild && Number(cluster.lastElementChild.dataset.n) >= from) cluster.lastElementChild.remove();
      if (cluster.firstElementChild || Number(cluster.dataset.k) < clusterOf(from)) return;
      cluster.remove();
    }
  }

  clusterFor(k) {
    const known = this.find(k);
    if (known) return known;
    const made = blank(k);
    this.below.before(made);
    return made;
  }

  noteEnd(cluster) {
    cluster.dataset.until = Math.min(this.total, (Number(cluster.dataset.k) + 1) * CLUSTER);
  }

  async fetch(k, wish = {}) {
    const answer = await fetch(this.source.address(k), wish);
    if (!answer.ok) throw new Error(`cluster ${k}: ${answer.status}`);
    const cluster = blank(k);
    cluster.append(...rowsOf(await answer.text()));
    this.total = Math.max(this.total, Number(answer.headers.get("Runyard-Log-Lines")));
    cluster.dataset.startsIn = answer.headers.get("Runyard-Log-Starts-In");
    this.noteEnd(cluster);
    return cluster;
  }

  // --- coming and going -----------------------------------------------------------------------

  // Brings a line into the page and into sight: its row.
  async show(line, block = "center") {
    this.showing++;
    try {
      const row = await this.bring(Math.max(1, Math.min(line, this.total)));
      if (row) this.place(row, block);
      return row;
    } finally {
      this.showing--;
      if (this.isLacking()) this.settle();
      else this.rest(NEARBY_MS);
    }
  }

  async bring(line) {
    if (!this.row(line)) await this.open(line);
    const inside = Number(this.find(clusterOf(line))?.dataset.startsIn ?? line);
    if (this.row(line) || inside >= line) return this.row(line);
    await this.open(inside);
    return this.row(inside);
  }

  // Only the cluster of a line, and the one beside it that is in sight with the line; what else is
  // near comes when the reader is there.
  async open(line) {
    const signal = this.wish();
    const asked = this.inSight(line).map((k) => this.fetch(k, { signal, priority: "high" }));
    const made = await Promise.all(asked).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return;
    this.empty();
    this.above.after(...made);
    this.space();
    made.forEach((cluster) => this.source.drawn([...cluster.children]));
  }

  // The clusters on the screen when this line stands a third below its top, as `place` has it.
  inSight(line) {
    const lines = this.box.clientHeight / this.lineHeight;
    const first = clusterOf(Math.max(1, line - Math.ceil(lines / 3) - SPARE));
    const last = clusterOf(Math.min(this.total, line + Math.ceil(lines) + SPARE));
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  }

  // What is fetched for a new wish ends what is still fetched for the one before.
  wish() {
    this.wishing?.abort();
    this.wishing = new AbortController();
    return this.wishing.signal;
  }

  // All of a log that is short enough, so that find, select and copy of the browser see it whole.
  async fill() {
    this.fillAgain = this.isFilling;
    if (this.end >= KEPT || this.isFilling) return;
    this.isFilling = true;
    try {
      while (this.first > 0 && (await this.before(this.first - 1, AT_ONCE))) this.source.settled();
      while (!this.isAtEnd && (await this.after(this.last + 1, AT_ONCE))) this.source.settled();
    } finally {
      this.isFilling = false;
    }
    if (this.fillAgain) await this.fill();
  }

  async before(k, count = 1, signal) {
    const numbers = [];
    for (let n = k; n >= 0 && numbers.length < count; n--) if (!this.isGone(n)) numbers.unshift(n);
    if (!numbers.length) return false;
    const anchor = this.clusters[0];
    const made = await Promise.all(numbers.map((n) => this.fetch(n, { signal })));
    if (this.clusters[0] !== anchor) return false;
    this.keepPlace(anchor, () => {
      this.above.after(...made);
      made.forEach((cluster) => this.source.drawn([...cluster.children]));
      this.trim("last");
      this.space();
    });
    return true;
  }

  async after(k, count = 1, signal) {
    const anchor = this.clusters[this.clusters.length - 1];
    const isStale = anchor && Number(anchor.dataset.until) < Math.min(this.total, (Number(anchor.dataset.k) + 1) * CLUSTER);
    const numbers = isStale ? [Number(anchor.dataset.k)] : [];
    for (let n = k; n <= this.end && numbers.length < count; n++) if (!this.isGone(n)) numbers.push(n);
    if (!numbers.length) return false;
    const made = await Promise.all(numbers.map((n) => this.fetch(n, { signal })));
    if (this.clusters[this.clusters.length - 1] !== anchor) return false;
    this.keepPlace(anchor ?? this.below, () => {
      this.below.before(...made);
      made.forEach((cluster) => this.source.drawn([...cluster.children]));
      this.trim("first");
      this.space();
    });
    if (isStale) anchor.remove(); // its whole self stands right behind it
    return true;
  }

  isGone(k) {
    return this.source.hidden(k * CLUSTER + 1, (k + 1) * CLUSTER) === CLUSTER;
  }

  empty() {
    for (const cluster of [...this.clusters]) cluster.remove();
  }

  trim(side) {
    const { clusters } = this;
    while (clusters.length > KEPT) (side === "first" ? clusters[0] : clusters[clusters.length - 1]).remove();
  }

  // What the reader looks at stays where it is while heights above it change.
  keepPlace(anchor, change) {
    const place = () => anchor.getBoundingClientRect().top;
    const before = place();
    change();
    if (anchor.isConnected) this.scrollTo(this.box.scrollTop + place() - before);
  }

  // --- scrolling ------------------------------------------------------------------------------

  space() {
    const [first, last] = this.span;
    const hidden = this.source.hidden;
    const before = first - 1 - hidden(1, first - 1);
    const behind = Math.max(0, this.total - last - hidden(last + 1, this.total));
    const line = this.lineHeight;
    const scale = Math.min(1, TALLEST_PX / ((before + behind + 1) * line));
    setHeight(this.above, before * line * scale);
    setHeight(this.below, behind * line * scale);
  }

  get lineHeight() {
    return Number.parseFloat(getComputedStyle(this.box).lineHeight) || 18;
  }

  scrollTo(top) {
    this.box.scrollTop = top;
    this.top = this.box.scrollTop;
  }

  place(row, block) {
    const offset = row.getBoundingClientRect().top - this.box.getBoundingClientRect().top;
    const margin = block === "center" ? Math.max(0, this.box.clientHeight / 3) : 0;
    this.scrollTo(this.box.scrollTop + offset - margin);
  }

  toEnd() {
    this.scrollTo(this.box.scrollHeight);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const isAtBottom = scrollHeight - scrollTop - clientHeight < 2; // where a log that shrank ends
    if (scrollTop < this.top - 1 && !isAtBottom) this.source.movedUp();
    const isOurs = Math.abs(scrollTop - this.top) < 1; // `scrollTo` was here, not the reader
    this.top = scrollTop;
    if (isOurs && !this.isLacking()) this.rest(NEARBY_MS);
    else if (this.isInEmptySpace()) this.rest(REST_MS);
    else this.settle();
  }

  rest(ms) {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), ms);
  }

  // Whether a part of what is in sight has not been fetched.
  isLacking() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    return scrollTop < this.above.offsetHeight || scrollTop + clientHeight > scrollHeight - this.below.offsetHeight;
  }

  isInEmptySpace() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    return scrollTop + clientHeight < this.above.offsetHeight || scrollTop > scrollHeight - this.below.offsetHeight;
  }

  // Fetches what is needed where the reader is now.
  async settle() {
    this.source.moved();
    if (this.isSettling || this.showing || !this.clusters.length) return;
    this.isSettling = true;
    const signal = this.wish();
    try {
      for (let more = true; more && !this.showing; ) more = await this.step(signal);
    } catch {
      // a jump came between, or no connection: the next scroll or word of the socket asks again
    }
    this.isSettling = false;
    this.source.settled();
  }

  async step(signal) {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const top = this.above.offsetHeight;
    const bottom = scrollHeight - this.below.offsetHeight;
    if (this.isInEmptySpace()) return this.openAt(scrollTop < top ? scrollTop / top : (scrollTop - bottom) / (scrollHeight - bottom), scrollTop < top);
    if (this.first > 0 && scrollTop - top < AHEAD_PX) return this.before(this.first - 1, A_STEP, signal);
    if (bottom - scrollTop - clientHeight < AHEAD_PX && !this.isAtEnd) return this.after(this.last + 1, A_STEP, signal);
    return false;
  }

  // The scrollbar was dragged to a place that is not in the page.
  async openAt(share, isAbove) {
    const [first, last] = this.span;
    const line = isAbove ? Math.round(share * (first - 1)) : last + Math.round(share * (this.total - last));
    const wanted = Math.max(1, Math.min(line, this.total));
    await this.open(wanted);
    const row = this.row(wanted);
    if (row) this.place(row, "start");
    return false;
  }

  // The first row that is in sight.
  get topRow() {
    const { top } = this.box.getBoundingClientRect();
    for (const cluster of this.clusters) {
      if (cluster.getBoundingClientRect().bottom <= top) continue;
      for (const row of cluster.children) if (row.getBoundingClientRect().bottom > top) return row;
    }
    return null;
  }
}

function spacer() {
  const element = document.createElement("div");
  element.className = "sp";
  return element;
}

function setHeight(element, height) {
  const text = `${Math.round(height)}px`;
  if (element.style.height !== text) element.style.height = text;
}

function blank(k) {
  const element = document.createElement("div");
  element.className = "c";
  element.dataset.k = k;
  return element;
}

function rowsOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.children];
}

// Adds something to the end of a row, where its text ends: the newline stays the last.
export function addTo(row, element) {
  const text = row.lastChild;
  if (text?.nodeType === Node.TEXT_NODE && text.data.length > 1) row.insertBefore(element, text.splitText(text.data.length - 1));
  else row.insertBefore(element, text);
}
