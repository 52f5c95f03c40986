import L from "leaflet";
import { get } from "./api.js";
import { colour, onThemeChange } from "./theme.js";

// Where the map opens if there are no zones to fit: Bengaluru.
const FALLBACK = { lat: 12.9716, lon: 77.5946, zoom: 12 };

const ROADS = [
  [/^(motorway|trunk)/, "--road-major", 2.6],
  [/^primary/, "--road-major", 1.9],
  [/./, "--road", 1.1],
];

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
  // Wards below roads below everything that is clicked.
  map.createPane("wards").style.zIndex = 210;
  map.createPane("roads").style.zIndex = 220;
  map.createPane("partners").style.zIndex = 450;
  return map;
}

/**
 * addWards draws the zones and returns the bounds of each by its id.
 * @returns {Promise<Map<string, {name: string, bounds: L.LatLngBounds}>>}
 */
export async function addWards(map) {
  const zones = new Map();
  const collection = await get("/v1/zones.geojson");
  if (!collection || collection.features.length === 0) return zones;
  const renderer = L.canvas({ pane: "wards", padding: 0.5 });
  const style = () => ({ renderer, interactive: false, weight: 1, color: colour("--ward-line"), fillColor: colour("--ward"), fillOpacity: 1 });
  const layer = L.geoJSON(collection, {
    style,
    interactive: false,
    onEachFeature: (feature, shape) => zones.set(feature.properties.zone, { name: feature.properties.name, bounds: shape.getBounds() }),
  }).addTo(map);
  onThemeChange(() => layer.setStyle(style));
  map.fitBounds(layer.getBounds(), { animate: false });
  map.setMaxBounds(layer.getBounds().pad(1.5));
  return zones;
}

/** addRoads draws the main roads, which only the demo has. */
export async function addRoads(map) {
  const collection = await get("/demo/roads.geojson");
  if (!collection) return false;
  const renderer = L.canvas({ pane: "roads", padding: 0.5 });
  const style = (feature) => {
    const [, name, weight] = ROADS.find(([kinds]) => kinds.test(feature.properties.highway || ""));
    return { renderer, interactive: false, color: colour(name), weight, opacity: 1 };
  };
  const layer = L.geoJSON(collection, { style, interactive: false }).addTo(map);
  onThemeChange(() => layer.setStyle(style));
  return true;
}
