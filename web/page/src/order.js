import L from "leaflet";
import { every, get } from "./api.js";
import { besideCards } from "./basemap.js";
import { byId, h } from "./dom.js";
import { clock, distance, metres } from "./format.js";
import { placeOf } from "./fleet.js";
import { colour } from "./theme.js";

const STEPS = [
  ["placed", "Placed"],
  ["accepted", "Accepted by the store"],
  ["being_prepared", "Being packed"],
  ["picked_up", "Picked up"],
  ["out_for_delivery", "On the way"],
  ["delivered", "Delivered"],
];
// What the partner's place says of an order, behind the step that it belongs to.
const MILESTONES = {
  being_prepared: ["arrived_at_store", "Your partner is at the store"],
  out_for_delivery: ["near_customer", "Nearly there"],
};
const NEXT_ORDER_MS = 5000;
const APPROACH_MS = 250;

/** OrderCard follows one order from placed to delivered. */
export class OrderCard {
  constructor(map, live, fleet, partners, stores) {
    Object.assign(this, { map, live, fleet, partners, stores });
    this.card = byId("order");
    this.order = null;
    this.events = new Map(); // status or milestone → event
    byId("order-show").addEventListener("click", () => this.frame());
    setInterval(() => this.approach(), APPROACH_MS);
  }

  /** start follows the order that the address names, as /?order=56789, or else
   * whatever order the demo is delivering at the time. */
  start() {
    const named = new URLSearchParams(location.search).get("order");
    if (named) {
      this.follow(named).catch((error) => console.info(error.message));
      return;
    }
    const stop = every(NEXT_ORDER_MS, async () => {
      const answer = await get("/demo/order");
      if (!answer) stop(); // this server runs no demo
      else if (answer.order_id && answer.order_id !== this.order?.order_id) await this.follow(answer.order_id);
    });
  }

  async follow(id) {
    const order = await get(`/v1/orders/${encodeURIComponent(id)}`);
    if (!order) return;
    if (this.order) this.live.unfollow(`order:${this.order.order_id}`);
    this.order = order;
    this.events.clear();
    for (const event of order.events) this.events.set(event.status, event);
    this.partners.chosen = order.driver_id ?? null;
    this.card.hidden = false;
    byId("order-id").textContent = order.order_id;
    this.place();
    this.paint();
    this.live.follow(`order:${id}`, String(order.version));
  }

  /** receive takes in a frame of an order's topic. */
  receive(frame) {
    if (frame.topic !== `order:${this.order?.order_id}`) return;
    switch (frame.type) {
      case "status":
        this.step(frame.data);
        break;
      case "milestone":
        this.order.version = frame.data.seq;
        this.events.set(frame.data.milestone, frame.data);
        this.paint();
        break;
      case "position":
        if (frame.data) this.fleet.apply([frame.data]);
        break;
      case "history_gone":
        this.order = null;
        this.follow(frame.data.order_id).catch((error) => console.info(error.message));
    }
  }

  step(event) {
    this.events.set(event.status, event);
    this.order.status = event.status;
    this.order.version = event.seq;
    if (event.driver_id) this.order.driver_id = event.driver_id;
    this.partners.chosen = this.over() ? null : (this.order.driver_id ?? null);
    this.paint();
  }

  over() {
    return this.order.status === "delivered" || this.order.status === "cancelled";
  }

  place() {
    this.layer?.remove();
    const { drop } = this.order;
    this.store = this.stores.byID.get(this.order.store_id);
    this.drop = L.latLng(drop.lat, drop.lon);
    this.line = L.polyline([], { interactive: false, className: "approach", color: colour("--order"), weight: 3, dashArray: "2 8", lineCap: "round" });
    this.layer = L.layerGroup([
      this.line,
      L.marker(this.drop, { interactive: false, keyboard: false, icon: L.divIcon({ className: "drop-marker", iconSize: [30, 38], iconAnchor: [15, 36] }) }),
    ]).addTo(this.map);
    if (this.store) {
      L.circleMarker([this.store.lat, this.store.lon], { interactive: false, radius: 16, color: colour("--order"), weight: 2, fill: false }).addTo(this.layer);
    }
  }

  // Where the partner goes next: to the store, then to the door.
  target() {
    const collected = this.events.has("picked_up");
    if (collected || !this.store) return { place: { lat: this.drop.lat, lon: this.drop.lng }, name: "the door" };
    return { place: this.store, name: "the store" };
  }

  approach() {
    if (!this.order) return;
    const partner = this.order.driver_id && this.fleet.get(this.order.driver_id);
    const note = byId("order-note");
    if (this.over() || !partner) {
      this.line.setLatLngs([]);
      note.textContent = this.order.status === "delivered" ? "At the door. Thank you!" : this.order.driver_id ? "" : "Looking for a partner nearby";
      if (this.order.status === "cancelled") note.textContent = "This order was cancelled.";
      return;
    }
    const here = placeOf(partner, performance.now());
    const { place, name } = this.target();
    this.line.setLatLngs([[here.lat, here.lon], [place.lat, place.lon]]);
    note.textContent = `${this.order.driver_id} is ${metres(distance(here, place))} from ${name}`;
  }

  paint() {
    const { order } = this;
    byId("order-status").textContent = order.status === "cancelled" ? "Cancelled" : STEPS.find(([s]) => s === order.status)[1];
    const lines = order.lines.reduce((n, l) => n + l.units, 0);
    byId("order-what").textContent = `${lines} ${lines === 1 ? "item" : "items"} from ${this.stores.describe(order.store_id)}`;
    const steps = order.status === "cancelled" ? [...STEPS.filter(([s]) => this.events.has(s)), ["cancelled", "Cancelled"]] : STEPS;
    byId("order-steps").replaceChildren(
      ...steps.flatMap(([status, label]) => {
        const event = this.events.get(status);
        const state = status === order.status ? "now" : event ? "done" : "ahead";
        const step = h("li", { class: state, "data-status": status, "aria-current": state === "now" && "step" }, h("span", { class: "grow" }, label), h("time", {}, event ? clock(event.ts) : ""));
        const [milestone, text] = MILESTONES[status] ?? [];
        const reached = this.events.get(milestone);
        if (!reached) return [step];
        return [step, h("li", { class: "milestone", "data-milestone": milestone }, h("span", { class: "grow" }, text), h("time", {}, clock(reached.ts)))];
      }),
    );
  }

  /** frame shows the order's places and its partner. */
  frame() {
    if (!this.order) return;
    const bounds = L.latLngBounds([this.drop, this.drop]);
    if (this.store) bounds.extend([this.store.lat, this.store.lon]);
    const partner = this.order.driver_id && this.fleet.get(this.order.driver_id);
    if (partner) bounds.extend([partner.lat, partner.lon]);
    this.map.fitBounds(bounds.pad(0.3), { maxZoom: 15, ...besideCards(this.map) });
  }
}
