import L from "leaflet";
import { get } from "./api.js";
import { h } from "./dom.js";
import { colour, onThemeChange } from "./theme.js";

// Where the map opens if there are no zones to fit: Bengaluru.
const FALLBACK = { lat: 12.9716, lon: 77.5946, zoom: 12 };

// How roads are drawn, by OpenStreetMap's classes; all others like the last.
const ROADS = [
  { kinds: /^(motorway|trunk)/, colour: "--road-major", weight: 2.6 },
  { kinds: /^primary/, colour: "--road-major", weight: 1.9 },
  { kinds: /^/, colour: "--road", weight: 1.1 },
];

// How wards are filled, by the number of partners in them.
const SHADES = [
  { from: 16, colour: "--ward-3" },
  { from: 8, colour: "--ward-2" },
  { from: 3, colour: "--ward-1" },
  { from: 0, colour: "--ward" },
];

const NAMES_ZOOM = 13.5;

/** makeMap returns a map without a background: there is no tile host. */
export function makeMap(element) {
  const map = L.map(element, {
    preferCanvas: true,
    attributionControl: false,
    zoomControl: false,
    zoomSnap: 0.25,
    wheelPxPerZoomLevel: 90,
    minZoom: 9,
    maxZoom: 18,
  });
  L.control.zoom({ position: "bottomright" }).addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false }).addTo(map);
  map.setView([FALLBACK.lat, FALLBACK.lon], FALLBACK.zoom);
  // Stores are at Leaflet's own 600: above partners, below those singled out.
  for (const [pane, z] of Object.entries({ wards: 210, roads: 220, partners: 450, highlights: 620 })) {
    map.createPane(pane).style.zIndex = z;
  }
  return map;
}

/** Wards are the zones' areas, shaded by how many partners are in each. */
export class Wards {
  constructor() {
    this.zones = new Map(); // id → {name, bounds, shape}
    this.shades = new Map(); // id → custom property of its fill
  }

  async load(map) {
    const collection = await get("/v1/zones.geojson");
    if (!collection?.features.length) return;
    const renderer = L.canvas({ pane: "wards", padding: 0.5 });
    const layer = L.geoJSON(collection, {
      style: { renderer, interactive: false, weight: 1, fillOpacity: 1 },
      interactive: false,
      onEachFeature: ({ properties }, shape) => this.zones.set(properties.zone, { name: properties.name, bounds: shape.getBounds(), shape }),
    }).addTo(map);
    this.paint();
    onThemeChange(() => this.paint());
    nameWards(map, this.zones);
    map.fitBounds(layer.getBounds(), { animate: false, ...(isNarrow(map) && besideCards(map)) });
    map.setMaxBounds(layer.getBounds().pad(1.5));
  }

  /** shade takes in the number of partners by zone. */
  shade(counts) {
    for (const [id, zone] of this.zones) {
      const shade = SHADES.find(({ from }) => (counts.get(id) ?? 0) >= from).colour;
      if (this.shades.get(id) === shade) continue;
      this.shades.set(id, shade);
      zone.shape.setStyle({ fillColor: colour(shade) });
    }
  }

  paint() {
    for (const [id, { shape }] of this.zones) shape.setStyle({ color: colour("--ward-line"), fillColor: colour(this.shades.get(id) ?? "--ward") });
  }
}

// The wards' names, where the map is close enough for them.
function nameWards(map, zones) {
  const names = L.layerGroup();
  for (const { name, bounds } of zones.values()) {
    const icon = L.divIcon({ className: "ward-name", html: h("span", {}, name), iconSize: [140, 16] });
    names.addLayer(L.marker(bounds.getCenter(), { icon, pane: "roads", interactive: false, keyboard: false }));
  }
  const update = () => (map.getZoom() >= NAMES_ZOOM ? names.addTo(map) : names.remove());
  map.on("zoomend", update);
  update();
}

/** addRoads draws the main roads, which only the demo has. */
export async function addRoads(map) {
  const collection = await get("/demo/roads.geojson");
  if (!collection) return false;
  const renderer = L.canvas({ pane: "roads", padding: 0.5 });
  const style = (feature) => {
    const road = ROADS.find(({ kinds }) => kinds.test(feature.properties.highway ?? ""));
    return { renderer, interactive: false, color: colour(road.colour), weight: road.weight, opacity: 1 };
  };
  const layer = L.geoJSON(collection, { style, interactive: false }).addTo(map);
  onThemeChange(() => layer.setStyle(style));
  return true;
}

// As in style.css: the cards are a sheet at the bottom.
const isNarrow = (map) => map.getSize().x <= 760;

/** besideCards keeps what is fitted into view from under the cards. */
export function besideCards(map) {
  if (isNarrow(map)) return { paddingTopLeft: [10, 70], paddingBottomRight: [10, 230] };
  return { paddingTopLeft: [20, 70], paddingBottomRight: [370, 30] };
}
