// What somebody chose or dropped, as [{path, file}]: paths begin inside the one folder that holds
// everything, as they do on the command line.
export function chosen(input) {
  return Array.from(input.files, (file) => {
    const path = file.webkitRelativePath;
    return { path: path ? path.slice(path.indexOf("/") + 1) : file.name, file };
  });
}

export async function dropped(transfer) {
  const items = Array.from(transfer.items).filter(({ kind }) => kind === "file");
  const tops = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile()); // at once: they go
  const found = [];
  const [only] = tops;
  if (tops.length === 1 && only.isDirectory) await walk(only, "", found);
  else for (const top of tops) await take(top, "", found);
  return found;
}

async function take(entry, prefix, found) {
  const path = prefix + entry.name;
  if (entry.isDirectory) await walk(entry, `${path}/`, found);
  else if (entry instanceof File) found.push({ path, file: entry });
  else found.push({ path, file: await new Promise((done, no) => entry.file(done, no)) });
}

async function walk(folder, prefix, found) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((done, no) => reader.readEntries(done, no)); // 100 at a time
    if (!some.length) return;
    for (const entry of some) await take(entry, prefix, found);
  }
}

// What cannot be uploaded, in a sentence; and what somebody ended.
export class Refusal extends Error {}
export class Stopped extends Error {}
