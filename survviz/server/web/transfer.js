// One file on its way to the server, in parts that can be taken up again where they stopped, also by another tab.

const SMALLEST_PART = 2 ** 20;
const LARGEST_PART = 32 * 2 ** 20;
const PART_SECONDS = 1; // so that progress is told every second, however slow the line
const TRIES = 6;
const SAMPLE = 2 ** 20;

// Names a file by what it is called, how long and old it is, and its first and last megabyte. Not a secret and no proof:
// it only has to tell the files of one person apart. (crypto.subtle would not be there over plain http.)
export async function identify(file) {
  const ends = [file.slice(0, SAMPLE), file.slice(Math.max(SAMPLE, file.size - SAMPLE))];
  const head = new TextEncoder().encode(`${file.name}\0${file.size}\0${file.lastModified}\0`);
  const parts = [head, ...(await Promise.all(ends.map(async (blob) => new Uint8Array(await blob.arrayBuffer()))))];
  return [1, 2].map((seed) => hash(parts, seed)).join("");
}

// cyrb53 (public domain), as 16 hexadecimal digits.
function hash(parts, seed) {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (const bytes of parts) {
    for (const byte of bytes) {
      a = Math.imul(a ^ byte, 2654435761);
      b = Math.imul(b ^ byte, 1597334677);
    }
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

// How many bytes of an upload are on the server.
export async function received(root, id, signal) {
  const answer = await fetch(`${root}/upload/${id}`, { signal, cache: "no-store" });
  return answer.ok ? (await answer.json()).received : 0;
}

export const discard = (root, id) => fetch(`${root}/upload/${id}`, { method: "DELETE" });

// Sends what is missing; resolves to the name under which the file is kept.
// tell({received, speed}) is called after each part, tell({note}) when the line is lost; speed in bytes per second.
export async function transfer(file, { root, id, signal, tell }) {
  const query = (offset) => new URLSearchParams({ name: file.name, size: file.size, offset });
  let offset = await received(root, id, signal);
  let speed = 0;
  tell({ received: offset, speed });
  for (let failures = 0; ; ) {
    const part = Math.min(Math.max(speed * PART_SECONDS, SMALLEST_PART), LARGEST_PART);
    const began = performance.now();
    let answer;
    try {
      const body = file.slice(offset, offset + part);
      answer = await fetch(`${root}/upload/${id}?${query(offset)}`, { method: "PUT", body, signal });
    } catch (error) {
      if (error.name === "AbortError" || ++failures > TRIES) throw error;
      tell({ note: `The connection was lost; trying again (${failures} of ${TRIES}).` });
      await pause(250 * 2 ** failures, signal);
      offset = await received(root, id, signal).catch(() => offset);
      continue;
    }
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      // 409: another place was expected. 423: the tab that was closed has not quite let go of it, or sends it still.
      if (![409, 423].includes(answer.status) || ++failures > TRIES) {
        throw new Error(content.error ?? `The server answered ${answer.status}. Choose the file again to go on.`);
      }
      if (answer.status === 423) await pause(100 * 2 ** failures, signal);
      offset = content.received;
      continue;
    }
    failures = 0;
    const now = (content.received - offset) / Math.max((performance.now() - began) / 1000, 0.001);
    speed = speed ? 0.7 * speed + 0.3 * now : now;
    offset = content.received;
    tell({ received: offset, speed });
    if (content.name) return content.name;
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
