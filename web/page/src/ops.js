// What the server is doing, out of /metrics. Counters become rates by their
// difference from one reading to the next.

import { byId, h } from "./dom.js";

const EVERY_MS = 2000;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

const bytes = (n) => (n < 1 << 20 ? `${whole.format(n / 1024)} KiB` : `${tenths.format(n / (1 << 20))} MiB`);
const seconds = (n) => `${tenths.format(n)} s`;
const rate = (n) => `${tenths.format(n)}/s`;
const ago = (at) => (at === 0 ? "never" : `${whole.format(Math.max(0, Date.now() / 1000 - at))} s ago`);

const verdict = (name) => ({ title: name, of: `hyperlocal_pings_total{verdict="${name}"}`, as: rate, change: true });

// bad says from which value on a figure is coloured.
const GROUPS = [
  ["Pings", [
    ...["accepted", "stationary", "late", "duplicate", "future", "implausible", "invalid", "limited", "waiting"].map(verdict),
    { title: "requests refused", of: "hyperlocal_ping_requests_refused_total", as: rate, change: true, bad: 0.1 },
  ]],
  ["Durable record", [
    { title: "write reduction", of: "hyperlocal_flush_write_reduction", as: (n) => `${tenths.format(n)} : 1` },
    { title: "fixes in", of: "hyperlocal_flush_fixes_total", as: rate, change: true },
    { title: "rows out", of: "hyperlocal_flush_rows_total", as: rate, change: true },
    { title: "last success", of: "hyperlocal_flush_last_success_timestamp_seconds", as: ago },
    { title: "lag", of: "hyperlocal_flush_lag_seconds", as: seconds, bad: 60 },
    { title: "retries", of: "hyperlocal_flush_failures_total", as: whole.format },
    { title: "waiting", of: "hyperlocal_flush_waiting_bytes", as: bytes },
    { title: "spilled to files", of: "hyperlocal_flush_spill_bytes", as: bytes, bad: 1 },
    { title: "rows set aside", of: "hyperlocal_flush_set_aside_rows_total", as: whole.format, bad: 1 },
  ]],
  ["Stock and orders", [
    { title: "movements written", of: "hyperlocal_movements_drained_total", as: rate, change: true },
    { title: "movements' lag", of: "hyperlocal_movements_lag_seconds", as: seconds, bad: 60 },
    { title: "orders' lag", of: "hyperlocal_orders_lag_seconds", as: seconds, bad: 60 },
    { title: "reservations expired", of: "hyperlocal_reservations_expired_total", as: whole.format },
  ]],
  ["Live", [
    { title: "followers", of: "hyperlocal_subscribers", as: whole.format },
    { title: "ping streams", of: "hyperlocal_streams", as: whole.format },
    { title: "topics", of: "hyperlocal_topics", as: whole.format },
    { title: "frames", of: "hyperlocal_live_frames_total", as: rate, change: true },
    { title: "closed as too slow", of: "hyperlocal_live_closed_slow_total", as: whole.format },
  ]],
  ["Engine and process", [
    { title: "keys", of: "hyperlocal_engine_keys", as: whole.format },
    { title: "engine's data", of: "hyperlocal_engine_bytes", as: bytes },
    { title: "memory", of: "process_resident_memory_bytes", as: bytes },
    { title: "CPU", of: "process_cpu_seconds_total", as: (n) => `${tenths.format(100 * n)} %`, change: true },
    { title: "engine out", of: "hyperlocal_engine_out", as: (n) => (n ? "yes" : "no"), bad: 1 },
  ]],
];

/** parse reads the text format of Prometheus: names with labels, and values. */
function parse(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    const gap = line.lastIndexOf(" ");
    if (gap > 0 && line[0] !== "#") values.set(line.slice(0, gap), Number(line.slice(gap + 1)));
  }
  return values;
}

const figures = [];
for (const [title, rows] of GROUPS) {
  const list = h("dl");
  for (const row of rows) {
    const value = h("dd", { "data-figure": row.of }, "–");
    figures.push({ ...row, value });
    list.append(h("dt", {}, row.title), value);
  }
  byId("groups").append(h("section", {}, h("h2", {}, title), list));
}

let before = null;

function show(values, at) {
  for (const f of figures) {
    let n = values.get(f.of);
    if (f.change) {
      const old = before?.values.get(f.of);
      n = n === undefined || old === undefined ? undefined : Math.max(0, n - old) / ((at - before.at) / 1000);
    }
    f.value.textContent = n === undefined ? "–" : f.as(n);
    f.value.className = f.bad !== undefined && n >= f.bad ? "bad" : "";
  }
  before = { values, at };
}

async function read() {
  const state = byId("state");
  try {
    const answer = await fetch("/metrics", { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(parse(await answer.text()), performance.now());
    state.textContent = "Live";
    state.dataset.state = "live";
  } catch (e) {
    state.textContent = `Connection lost (${e.message}), coming back…`;
    state.dataset.state = "lost";
  }
  setTimeout(read, EVERY_MS);
}

read();
