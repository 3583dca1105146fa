// Files in a <ul role="tree">: a folder is drawn when it is opened, and a long one in steps, so
// that it does not matter how many there are. Arrows, Home, End, Enter, and letters that begin a
// name move in it; `pick` is told the path of a file that can be started.
import { many, moduleCommand, treeOf, within } from "./path-tree.js";

const STEP = 200; // rows of a folder at a time
const ROOM = 400; // rows that are opened unasked when files were looked for
const TOGETHER_MS = 700;

export class FileTree {
  #whole; // of all files
  #root; // of those that are shown
  #opened = new Set(); // paths of folders, over all that is shown one after the other
  #room = 0;
  #marked = null;
  #typed = "";

  constructor(list, pick) {
    this.list = list;
    this.pick = pick;
    list.addEventListener("click", ({ target }) => this.clicked(target.closest("[role=treeitem]")));
    list.addEventListener("keydown", (event) => this.key(event));
  }

  get count() {
    return this.#root.count;
  }

  get starts() {
    return this.#root.starts;
  }

  show(paths) {
    this.#root = this.#whole = treeOf(paths);
    this.draw();
  }

  // Only these, with the folders that hold them open; all of them without any.
  narrow(paths) {
    this.#root = paths ? treeOf(paths) : this.#whole;
    this.draw();
  }

  draw() {
    this.#marked = null;
    this.#room = ROOM;
    this.#root.drawn = 0;
    this.#root.more = null;
    this.list.replaceChildren();
    this.extend(this.#root);
    this.stop(this.list.firstElementChild);
  }

  // The next rows of a folder, and a last one that says how many are left.
  extend(place) {
    const list = place.parent ? place.item.lastElementChild : this.list;
    const all = within(place);
    const next = all.slice(place.drawn, place.drawn + STEP);
    place.drawn += next.length;
    this.#room -= next.length;
    place.more?.remove();
    place.more = place.drawn < all.length ? rest(place, all.length - place.drawn) : null;
    list.append(...next.map(row), ...(place.more ? [place.more] : []));
    for (const node of next) if (node.folders && this.isWanted(node)) this.open(node);
  }

  isWanted(place) {
    if (this.#root === this.#whole) return this.#opened.has(place.path);
    return this.#room > 0 && (place.starts > 0 || this.#root.count <= ROOM);
  }

  open(place) {
    if (this.#root === this.#whole) this.#opened.add(place.path);
    place.item.setAttribute("aria-expanded", "true");
    if (place.item.childElementCount > 1) return; // it was open before
    const group = document.createElement("ul");
    group.role = "group";
    place.item.append(group);
    place.drawn = 0;
    place.more = null;
    this.extend(place);
  }

  close(place) {
    this.#opened.delete(place.path);
    place.item.setAttribute("aria-expanded", "false");
  }

  // Opens the folders of a path as far as they are there; whether the file is.
  reveal(path, { isChosen = true } = {}) {
    const names = path.split("/");
    const name = names.pop();
    let place = this.#root;
    for (const each of names) {
      const below = place.folders.get(each);
      if (!below) break;
      this.drawn(below);
      this.open(below);
      place = below;
    }
    const file = place.files.get(name);
    const isThere = file?.path === path;
    if (isChosen) this.mark(isThere ? file : null);
    if (!isThere) return false;
    this.stop(this.drawn(file));
    this.scrollTo(file.item);
    return true;
  }

  drawn(node) {
    while (!node.item?.isConnected) this.extend(node.parent);
    return node.item;
  }

  mark(file) {
    this.#marked?.setAttribute("aria-selected", "false");
    this.#marked = file && this.drawn(file);
    this.#marked?.setAttribute("aria-selected", "true");
  }

  // -- what is done with it

  enter() {
    this.go(this.stopped);
  }

  clicked(item) {
    if (!item) return;
    this.go(item);
    this.act(item);
  }

  act(item) {
    const { node, place } = item;
    if (place) {
      const at = place.drawn;
      this.extend(place);
      this.go(within(place)[at].item);
    } else if (node.folders) {
      if (item.ariaExpanded === "true") this.close(node);
      else this.open(node);
    } else if (node.starts) this.pick(node.path);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const item = event.target.closest("[role=treeitem]");
    const isOpen = item.ariaExpanded === "true";
    if (event.key === "ArrowDown") this.step(item, 1);
    else if (event.key === "ArrowUp") this.step(item, -1);
    else if (event.key === "Home") this.go(this.rows()[0]);
    else if (event.key === "End") this.go(this.rows().at(-1));
    else if (event.key === "Enter" || (event.key === " " && !this.#typed)) this.act(item);
    else if (event.key === "ArrowRight" && isOpen) this.step(item, 1);
    else if (event.key === "ArrowRight") item.node?.folders && this.open(item.node);
    else if (event.key === "ArrowLeft" && isOpen) this.close(item.node);
    else if (event.key === "ArrowLeft") this.go(item.parentElement.closest("[role=treeitem]"));
    else if (event.key.length === 1) this.type(event.key.toLowerCase(), item);
    else return;
    event.preventDefault();
  }

  rows() {
    return [...this.list.querySelectorAll("[role=treeitem]:not([aria-expanded=false] *)")];
  }

  step(item, by) {
    const rows = this.rows();
    this.go(rows[rows.indexOf(item) + by]);
  }

  // The next name that begins so; one letter again and again goes from one to the next.
  type(letter, item) {
    clearTimeout(this.forgetting);
    this.forgetting = setTimeout(() => (this.#typed = ""), TOGETHER_MS);
    this.#typed += letter;
    const isAgain = [...this.#typed].every((each) => each === letter);
    const wanted = isAgain ? letter : this.#typed;
    const rows = this.rows();
    const from = rows.indexOf(item) + (wanted.length === 1);
    this.go([...rows.slice(from), ...rows.slice(0, from)].find(({ node }) => node?.name.toLowerCase().startsWith(wanted)));
  }

  go(item) {
    if (!item) return;
    this.stop(item);
    item.focus({ preventScroll: true });
    item.firstElementChild.scrollIntoView({ block: "nearest" });
  }

  // The one row that Tab comes to.
  stop(item) {
    if (!item) return;
    if (this.stopped) this.stopped.tabIndex = -1;
    item.tabIndex = 0;
    this.stopped = item;
  }

  // Within the list alone: the page stays where one is typing.
  scrollTo(item) {
    const box = this.list.getBoundingClientRect();
    const { top, bottom } = item.firstElementChild.getBoundingClientRect();
    if (top < box.top) this.list.scrollTop += top - box.top;
    else if (bottom > box.bottom) this.list.scrollTop += bottom - box.bottom;
  }
}

function treeItem(text, note = "") {
  const item = document.createElement("li");
  const line = document.createElement("span");
  item.role = "treeitem";
  item.tabIndex = -1;
  line.className = "tree-row";
  line.textContent = text;
  if (note) {
    const behind = document.createElement("span");
    behind.className = "quiet";
    behind.textContent = ` ${note}`;
    line.append(behind);
  }
  item.append(line);
  return item;
}

function row(node) {
  const { folders, name, path, count, starts } = node;
  const scripts = folders && starts ? `, ${many(starts, "script")}` : "";
  const item = folders ? treeItem(`${name}/`, many(count, "file") + scripts) : treeItem(name, moduleCommand(path));
  item.node = node;
  node.item = item;
  if (folders) {
    item.ariaExpanded = "false";
    item.ariaLabel = item.textContent; // and not what is in it
  } else if (starts) item.ariaSelected = "false";
  else item.ariaDisabled = "true";
  return item;
}

function rest(place, left) {
  const item = treeItem(`${left.toLocaleString("en")} more: show ${left > STEP ? `the next ${STEP}` : "them"}`);
  item.classList.add("tree-more");
  item.place = place;
  return item;
}
