const EARTH_RADIUS_M = 6371008.8; // mean radius, IUGG R1

/** distance returns metres between two places by the haversine formula. */
export function distance(a, b) {
  const rad = Math.PI / 180;
  const sLat = Math.sin(((b.lat - a.lat) * rad) / 2);
  const sLon = Math.sin(((b.lon - a.lon) * rad) / 2);
  const x = sLat * sLat + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * sLon * sLon;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(x)));
}

export function metres(m) {
  if (m < 1000) return `${Math.round(m / 10) * 10} m`;
  return `${(m / 1000).toFixed(m < 10000 ? 1 : 0)} km`;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s === 0) return "now";
  return s < 60 ? `${s} s ago` : `${Math.floor(s / 60)} min ago`;
}

const rupees = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", maximumFractionDigits: 2, minimumFractionDigits: 0 });

export function price(paise) {
  return rupees.format(paise / 100);
}

export const count = new Intl.NumberFormat("en-IN");

/** kmh shows a speed given in metres per second. */
export function kmh(mps) {
  return `${Math.round(mps * 3.6)} km/h`;
}
