// A worker of its own thread: {id, file} -> {id, sha} or {id, error}.
import { Sha256 } from "./sha256.js";

const WHOLE = 16 << 20; // up to here the browser's own function gets all bytes at once
const PIECE = 4 << 20;

async function sha(file) {
  if (file.size <= WHOLE && self.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const seen = new Sha256();
  for (let at = 0; at < file.size; at += PIECE)
    seen.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
  return seen.hex();
}

self.addEventListener("message", async ({ data: { id, file } }) => {
  try {
    self.postMessage({ id, sha: await sha(file) });
  } catch (error) {
    self.postMessage({ id, error: error.name });
  }
});
