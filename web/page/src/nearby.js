import L from "leaflet";
import { every, get } from "./api.js";
import { byId, h } from "./dom.js";
import { age, kmh, metres } from "./format.js";
import { colour } from "./theme.js";

const RADIUS_M = 2000;
const LIMIT = 10;
const REFRESH_MS = 3000;

/** Nearby answers a click on the map: who is nearest to this place? */
export class Nearby {
  constructor(map, partners) {
    this.map = map;
    this.partners = partners;
    this.card = byId("nearby");
    this.list = byId("nearby-list");
    this.note = byId("nearby-note");
    this.found = null; // the last answer
    byId("nearby-close").addEventListener("click", () => this.close());
  }

  open(latlng) {
    this.close();
    const near = colour("--near");
    this.mark = L.layerGroup([
      L.circle(latlng, { radius: RADIUS_M, interactive: false, color: near, weight: 1.5, dashArray: "5 6", fillColor: near, fillOpacity: 0.06 }),
      L.circleMarker(latlng, { radius: 5, interactive: false, color: "#fff", weight: 2, fillColor: near, fillOpacity: 1 }),
    ]).addTo(this.map);
    this.list.replaceChildren();
    this.note.textContent = "Looking…";
    this.card.hidden = false;
    this.stop = every(REFRESH_MS, () => this.refresh(latlng, this.mark));
  }

  async refresh(latlng, mark) {
    const answer = await get("/v1/drivers/nearby", {
      lat: latlng.lat.toFixed(6),
      lon: latlng.lng.toFixed(6),
      radius_m: RADIUS_M,
      limit: LIMIT,
    });
    if (mark !== this.mark) return; // another place was clicked meanwhile
    this.found = answer.drivers;
    this.note.textContent = this.found.length === 0 ? "Nobody within 2 km." : "Within 2 km of the place you clicked, nearest first.";
    this.list.replaceChildren(...this.found.map(row));
    this.partners.ringed = new Map(this.found.map((d, i) => [d.driver_id, String(i + 1)]));
  }

  close() {
    if (!this.mark) return;
    this.stop();
    this.mark.remove();
    this.mark = null;
    this.found = null;
    this.partners.ringed = new Map();
    this.card.hidden = true;
  }
}

function row(driver, i) {
  const details = [age(driver.age_ms)];
  if (driver.speed_mps > 0.3) details.unshift(kmh(driver.speed_mps));
  return h(
    "li",
    {},
    h("span", { class: "badge near" }, String(i + 1)),
    h("span", { class: "grow" }, h("b", {}, driver.driver_id), h("small", {}, details.join(" · "))),
    h("span", { class: "figure" }, metres(driver.distance_m)),
  );
}
