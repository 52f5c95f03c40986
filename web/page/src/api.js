// The server's clock, as far ahead of this one as its answers say. It keeps the
// age of a fix right on a computer whose clock is wrong.
let skewMs = 0;

export function serverNow() {
  return Date.now() + skewMs;
}

/** get fetches JSON. It returns null for 404 and 204, and throws otherwise. */
export async function get(path, parameters) {
  const url = parameters ? `${path}?${new URLSearchParams(parameters)}` : path;
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  const date = Date.parse(response.headers.get("Date"));
  // The header is whole seconds; less than two are no skew.
  if (date) skewMs = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  if (response.status === 404 || response.status === 204) return null;
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || problem.title || `${path}: ${response.status}`);
  }
  return response.json();
}

/** every calls fn now and then every ms after it has ended; failures wait for
 * the next time. It returns a function that stops it. */
export function every(ms, fn) {
  let timer;
  let stopped = false;
  const turn = async () => {
    try {
      await fn();
    } catch (error) {
      console.info("will try again:", error.message);
    }
    if (!stopped) timer = setTimeout(turn, ms);
  };
  turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
