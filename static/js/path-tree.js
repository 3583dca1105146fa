// Paths as folders within folders, and which of the files one would start (runs/trees.py: alike).
const SCRIPT = /\.(pyw?|sh|bash|ipynb)$/i;
const NEVER = ["__init__.py", "__main__.py", "setup.py", "conftest.py"];
const LIKELY = ["train.py", "main.py", "run.py", "train.ipynb", "train.sh", "run.sh", "main.sh"];
const MAIN = "/__main__.py";

export const many = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);
const isScript = (path) => SCRIPT.test(path) && !NEVER.includes(nameOf(path));

// What starts a package: its folder has a __main__.py.
export function moduleCommand(path) {
  if (!path.endsWith(MAIN)) return "";
  return `python -m ${path.slice(0, -MAIN.length).replace(/^src\//, "").replaceAll("/", ".")}`;
}

export const canStart = (path) => isScript(path) || path.endsWith(MAIN);

// Where one would look first, as far as names tell.
export function likeliest(paths) {
  return least(paths, (path) => LIKELY.indexOf(nameOf(path)) + 1 || LIKELY.length + depth(path));
}

// What the words mean: a match in the name before one in a folder's, near the top before below.
export function meant(paths, words) {
  const isNamed = (path) => words.every((word) => nameOf(path).toLowerCase().includes(word));
  return least(paths, (path) => (isNamed(path) ? 0 : 1000) + depth(path));
}

const depth = (path) => path.split("/").length;

// The path of least rank among those that can be started; "" when there is none.
function least(paths, rank) {
  const ranked = paths.filter(canStart).map((path) => [rank(path), path]);
  return ranked.reduce((best, each) => (each[0] < best[0] ? each : best), [Infinity, ""])[1];
}

// The topmost folder. Folders: {name, path, parent, folders, files, count, starts}; `count` and
// `starts` are of all below. Files: {name, path, parent, starts}.
export function treeOf(paths) {
  const root = folder("", null);
  for (const path of paths) {
    const names = path.split("/");
    const name = names.pop();
    const starts = Number(canStart(path));
    let place = root;
    for (const each of names) {
      if (!place.folders.has(each)) place.folders.set(each, folder(each, place));
      place = place.folders.get(each);
    }
    place.files.set(name, { name, path, parent: place, starts });
    for (let above = place; above; above = above.parent) {
      above.count++;
      above.starts += starts;
    }
  }
  return root;
}

function folder(name, parent) {
  const path = parent?.path ? `${parent.path}/${name}` : name;
  return { name, path, parent, folders: new Map(), files: new Map(), count: 0, starts: 0 };
}

// What is in a folder: folders, then what can be started, then the rest, each by name.
export function within(place) {
  place.within ??= [...sorted(place.folders), ...sorted(place.files).sort((a, b) => b.starts - a.starts)];
  return place.within;
}

function sorted(nodes) {
  return [...nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
