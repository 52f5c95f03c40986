import { serverNow } from "./api.js";
import { distance } from "./format.js";

/** A partner without a fix for so long is not shown; the server's default. */
export const STALE_MS = 60000;
const FRESH_MS = 10000;
const AGEING_MS = 25000;

const SHORTEST_GLIDE_MS = 400;
const LONGEST_GLIDE_MS = 7000;
// Further than this between two fixes is shown as a jump.
const JUMP_M = 800;

/**
 * Fleet knows where partners are. A fix says where one was a moment ago, so a
 * partner glides from where it is drawn to its newest fix in the time between
 * its last two fixes: smooth, and one interval behind.
 */
export class Fleet {
  constructor() {
    this.partners = new Map();
    this.moves = 0; // newer fixes at another place
    this.updates = 0; // newer fixes
  }

  /** apply takes positions in; those not newer than what is known are dropped. */
  apply(positions) {
    const now = performance.now();
    for (const p of positions) {
      const known = this.partners.get(p.driver_id);
      if (!known) {
        this.partners.set(p.driver_id, { ...p, from: p, start: now, glide: 0 });
        this.updates++;
      } else if (p.ts > known.ts) {
        this.advance(known, p, now);
      }
    }
  }

  advance(known, p, now) {
    const here = placeOf(known, now);
    const jump = distance(here, p) > JUMP_M;
    if (known.lat !== p.lat || known.lon !== p.lon) this.moves++;
    this.updates++;
    const glide = jump ? 0 : clamp(p.ts - known.ts, SHORTEST_GLIDE_MS, LONGEST_GLIDE_MS);
    delete known.speed_mps; // a fix without them must not keep the last ones
    delete known.bearing_deg;
    Object.assign(known, p, { from: here, start: now, glide });
  }

  get(id) {
    return this.partners.get(id);
  }

  /** expire forgets partners without a recent fix. */
  expire() {
    const oldest = serverNow() - STALE_MS;
    for (const [id, p] of this.partners) if (p.ts < oldest) this.partners.delete(id);
  }
}

/** placeOf returns where a partner is drawn at a time of performance.now. */
export function placeOf(p, now) {
  const part = p.glide > 0 ? Math.min(1, (now - p.start) / p.glide) : 1;
  return { lat: p.from.lat + (p.lat - p.from.lat) * part, lon: p.from.lon + (p.lon - p.from.lon) * part };
}

/** freshness classes a fix by its age: 0 fresh, 1 ageing, 2 old. */
export function freshness(p, now) {
  const ms = now - p.ts;
  return ms < FRESH_MS ? 0 : ms < AGEING_MS ? 1 : 2;
}

function clamp(v, least, most) {
  return Math.min(most, Math.max(least, v));
}
