// The live map: everything on it comes from this server, over the same public
// calls that any client has.

import { every, get } from "./api.js";
import { addRoads, makeMap, Wards } from "./basemap.js";
import { byId } from "./dom.js";
import { count } from "./format.js";
import { Fleet } from "./fleet.js";
import { Live } from "./live.js";
import { Nearby } from "./nearby.js";
import { OrderCard } from "./order.js";
import { PartnersLayer } from "./partners.js";
import { Stores } from "./stores.js";
import { ZonesInView } from "./zones.js";

const COUNTS_MS = 4000;
const RATE_MS = 2000;

const CONNECTION = {
  connecting: "Connecting…",
  live: "Live",
  waiting: "Connection lost, coming back…",
  refused: "The server refuses this page",
};

const map = makeMap("map");
const fleet = new Fleet();
const partners = new PartnersLayer(fleet).addTo(map);

const live = new Live(receive, (state) => {
  const badge = byId("connection");
  badge.dataset.state = state;
  badge.textContent = CONNECTION[state];
});
const stores = new Stores(map, live);
const nearby = new Nearby(map, partners);
const order = new OrderCard(map, live, fleet, partners, stores);
const wards = new Wards();
const zones = new ZonesInView(map, live, wards.zones);

function receive(frame) {
  const kind = frame.topic?.split(":", 1)[0];
  if (kind === "zone" && frame.type !== "error") fleet.apply(frame.data);
  else if (kind === "store") stores.receive(frame);
  else if (kind === "order") order.receive(frame);
  if (frame.type === "error") console.info("refused:", frame.topic ?? "", frame.data.detail);
}

// One question at a time: the two cards share a place.
map.on("click", (event) => {
  stores.close();
  nearby.open(event.latlng);
});
stores.onShow = () => nearby.close();

setInterval(() => fleet.expire(), 1000);

let updatesBefore = 0;
setInterval(() => {
  byId("count-updates").textContent = count.format(Math.round((fleet.updates - updatesBefore) / (RATE_MS / 1000)));
  updatesBefore = fleet.updates;
}, RATE_MS);

async function start() {
  await wards.load(map);
  zones.update();
  addRoads(map).catch((error) => console.info("no roads:", error.message));
  every(COUNTS_MS, async () => {
    const answer = await get("/v1/zones");
    byId("count-drivers").textContent = count.format(answer.zones.reduce((n, z) => n + z.drivers, 0));
    wards.shade(new Map(answer.zones.map((z) => [z.zone, z.drivers])));
    zones.outside = answer.zones.filter((z) => z.drivers > 0 && !wards.zones.has(z.zone)).map((z) => z.zone);
    zones.update();
  });
  byId("count-stores").textContent = count.format(await stores.load());
  order.start();
}

start().catch((error) => {
  byId("connection").textContent = error.message;
  console.error(error);
});

// What tests, and whoever has the console open, may look at.
window.hyperlocal = {
  get drawn() {
    return partners.drawn;
  },
  get partners() {
    return fleet.partners.size;
  },
  get moves() {
    return fleet.moves;
  },
  get connection() {
    return byId("connection").dataset.state;
  },
  get connections() {
    return live.connections;
  },
  get topics() {
    return [...live.topics.keys()];
  },
  get nearby() {
    return nearby.found;
  },
  get order() {
    return order.order && { id: order.order.order_id, status: order.order.status, seq: order.order.version };
  },
  get store() {
    return stores.open && { id: stores.open, stock: Object.fromEntries(stores.stock) };
  },
  /** partner returns where a partner is known to be. */
  partner: (id) => fleet.get(id),
  /** pointOf returns where a place is on the screen, in pixels. */
  pointOf(lat, lon) {
    const p = map.latLngToContainerPoint([lat, lon]);
    return { x: p.x, y: p.y };
  },
};
