// Hashing files in workers, and bringing the studio the contents that it lacks.
import { Refusal, Stopped } from "./upload-list.js";

const PACK_BYTES = 8 << 20;
const PACK_FILES = 500;
const STALLED_MS = 30_000;
const MAX_WAIT_S = 15;
const TRIES = 60;

class Dropped extends Error {}

// Until `signal` says so; what was done by then is not done again.
function goOn(signal) {
  if (signal?.aborted) throw new Stopped();
}

// The SHA-256 of each [{path, file}], in their order; `told` hears how many bytes are done. `shas`
// has those that are known already, and is filled.
export async function hashAll(files, workerUrl, told, { shas = [], signal } = {}) {
  let next = 0, done = 0;
  const lane = async () => {
    const worker = new Worker(workerUrl, { type: "module" });
    try {
      while (next < files.length) {
        const at = next++;
        const { path, file } = files[at];
        goOn(signal);
        if (shas[at]) {
          told((done += file.size));
          continue;
        }
        const answer = await asked(worker, { id: at, file });
        if (answer.error)
          throw new Refusal(`'${path}' cannot be read, or changed meanwhile: choose the files again.`);
        shas[at] = answer.sha;
        told((done += file.size));
      }
    } finally {
      worker.terminate();
    }
  };
  const lanes = Math.min(4, navigator.hardwareConcurrency || 2, files.length);
  await Promise.all(Array.from({ length: lanes }, lane));
  return shas;
}

function asked(worker, message) {
  return new Promise((done, no) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = () => no(new Refusal("The browser could not start hashing: reload the page."));
    worker.postMessage(message);
  });
}

// One studio, one workspace, one signed-in page.
export class Studio {
  constructor(workspace, csrf) {
    this.query = `?workspace=${encodeURIComponent(workspace)}`;
    this.csrf = csrf;
  }

  post(path, body, told = () => {}, signal = null) {
    return new Promise((done, no) => {
      const request = new XMLHttpRequest(); // fetch does not tell how much has been sent
      signal?.addEventListener("abort", () => (request.abort(), no(new Stopped())), { once: true });
      let timer;
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(), STALLED_MS);
      };
      const lost = () => {
        clearTimeout(timer);
        no(new Dropped());
      };
      request.open("POST", `/api/v1${path}${this.query}`);
      request.setRequestHeader("X-CSRFToken", this.csrf);
      const kind = body instanceof Blob ? "application/octet-stream" : "application/json";
      request.setRequestHeader("Content-Type", kind);
      request.responseType = "json";
      request.upload.addEventListener("progress", ({ loaded }) => (alive(), told(loaded)));
      request.addEventListener("load", () => {
        clearTimeout(timer);
        const { status, response } = request;
        if (status === 200 && response) done(response);
        else if (status === 401) no(new Refusal("You were signed out: reload the page and sign in."));
        else if (status >= 500 || !response) no(new Dropped());
        else no(new Refusal(response.detail));
      });
      for (const end of ["error", "abort"]) request.addEventListener(end, lost);
      request.send(body);
      alive();
    });
  }

  // Make a snapshot of [{path, size, sha, file}]: {digest, sent bytes}. A dropped connection, or a
  // studio that starts again, is waited for; whatever arrived before is not sent again.
  async bring(entries, told, signal = null) {
    const manifest = JSON.stringify(
      entries.map(({ path, size, sha }) => ({ path, mode: 0o644, size, sha })),
    );
    const contents = new Map(entries.map((entry) => [entry.sha, entry]));
    let sent = 0, files = 0;
    for (let failures = 0; failures < TRIES; ) {
      goOn(signal);
      try {
        const { digest, missing } = await this.post("/snapshots", manifest, undefined, signal);
        if (!missing.length) return { digest, sent };
        const wanted = missing.map((sha) => contents.get(sha));
        const total = sent + wanted.reduce((sum, { size }) => sum + size, 0);
        const all = files + wanted.length;
        for (const group of packs(wanted)) {
          told({ sent, total, files, all });
          await this.post("/blobs", packed(group), (n) => told({ sent: sent + n, total, files, all }), signal);
          sent += group.reduce((sum, { size }) => sum + size, 0);
          files += group.length;
          failures = 0;
        }
      } catch (error) {
        if (!(error instanceof Dropped)) throw error;
        await readable(entries);
        const seconds = Math.min(2 ** failures++, MAX_WAIT_S);
        told({ waiting: seconds });
        await online(seconds, signal);
      }
    }
    throw new Refusal("The studio cannot be reached: try again later; nothing is sent twice.");
  }
}

function* packs(entries) {
  let group = [], size = 0;
  for (const entry of entries) {
    if (group.length && (size + entry.size > PACK_BYTES || group.length === PACK_FILES)) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(entry);
    size += entry.size;
  }
  if (group.length) yield group;
}

// As studio/client/pack.py writes it; the files are read by the browser while it sends.
function packed(group) {
  return new Blob(
    group.flatMap(({ sha, size, file }) => {
      const header = new Uint8Array(72);
      new TextEncoder().encodeInto(sha, header);
      new DataView(header.buffer).setBigUint64(64, BigInt(size));
      return [header, file];
    }),
  );
}

// A file that went away looks like a dropped connection, but waiting will not help.
async function readable(entries) {
  for (const { path, file } of entries) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      throw new Refusal(`'${path}' cannot be read any more: choose the files again.`);
    }
  }
}

function online(seconds, signal) {
  return new Promise((done) => {
    setTimeout(done, seconds * 1000);
    window.addEventListener("online", done, { once: true });
    signal?.addEventListener("abort", done, { once: true });
  });
}
