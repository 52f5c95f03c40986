import L from "leaflet";
import { get } from "./api.js";
import { byId, h } from "./dom.js";
import { metres, price } from "./format.js";

const PRODUCTS = 50;
const LOW = 5;

/** Stores are the markers of dark stores, and the panel with one's stock. */
export class Stores {
  constructor(map, live) {
    this.map = map;
    this.live = live;
    this.byID = new Map();
    this.markers = new Map();
    this.card = byId("store");
    this.onShow = () => {}; // called when the panel opens
    this.open = null; // id of the store in the panel
    this.stock = new Map(); // product → units
    this.rows = new Map(); // product → {units: element, row: element}
    byId("store-close").addEventListener("click", () => this.close());
  }

  async load() {
    const answer = await get("/v1/stores");
    for (const store of answer?.stores ?? []) this.add(store);
    return this.byID.size;
  }

  add(store) {
    if (this.byID.has(store.store_id)) return;
    this.byID.set(store.store_id, store);
    const marker = L.marker([store.lat, store.lon], {
      icon: L.divIcon({ className: store.open ? "store-marker" : "store-marker closed", iconSize: [20, 20] }),
      title: store.name,
      alt: store.name,
    });
    marker.on("click", () => this.show(store.store_id));
    this.markers.set(store.store_id, marker.addTo(this.map));
  }

  async show(id) {
    this.close();
    this.onShow();
    const store = this.byID.get(id);
    this.open = id;
    this.markers.get(id).getElement()?.classList.add("chosen");
    byId("store-name").textContent = store.name;
    byId("store-note").textContent = "Reading the shelves…";
    byId("store-list").replaceChildren();
    this.card.hidden = false;
    this.products ??= get("/v1/products", { limit: PRODUCTS });
    const page = await this.products.catch((error) => {
      this.products = undefined;
      throw error;
    });
    if (this.open !== id) return;
    this.fill(page.products);
    this.live.follow(`store:${id}`); // its acknowledgement makes us read the stock
  }

  fill(products) {
    this.rows.clear();
    const rows = products.map((p) => {
      const units = h("span", { class: "units" }, "–");
      const discount = p.discount_percent > 0 ? h("s", {}, price(p.mrp_paise)) : null;
      const row = h("li", {}, h("span", { class: "grow" }, h("b", {}, p.name), h("small", {}, price(p.price_paise), discount)), units);
      this.rows.set(p.product_id, { row, units });
      return row;
    });
    byId("store-list").replaceChildren(...rows);
  }

  /** receive takes in a frame of a store's topic. */
  receive(frame) {
    if (frame.topic !== `store:${this.open}`) return;
    switch (frame.type) {
      case "subscribed":
      case "history_gone":
        this.read(this.open).catch((error) => (byId("store-note").textContent = error.message));
        break;
      case "stock":
        this.change(frame.data, true);
    }
  }

  // Changes that come while the answer is under way are applied after it, being
  // newer or the same.
  async read(id) {
    const parameters = [...this.rows.keys()].map((p) => ["product", p]);
    if (parameters.length === 0) {
      byId("store-note").textContent = "The catalogue is empty.";
      return;
    }
    this.early = [];
    const answer = await get(`/v1/stores/${encodeURIComponent(id)}/stock`, parameters);
    if (this.open !== id || !answer) return;
    const early = this.early;
    this.early = null;
    this.change(answer.stock, false);
    for (const change of early) this.change(change, true);
  }

  change(stock, flash) {
    if (this.early) {
      this.early.push(stock);
      return;
    }
    for (const [product, units] of Object.entries(stock)) {
      const row = this.rows.get(product);
      if (!row) continue;
      const before = this.stock.get(product);
      this.stock.set(product, units);
      row.units.textContent = units === 0 ? "sold out" : String(units);
      row.units.className = `units ${units === 0 ? "none" : units <= LOW ? "low" : ""}`;
      if (flash && before !== units) this.flash(row.row, units - before);
    }
    const there = [...this.stock.values()].filter((u) => u > 0).length;
    byId("store-note").textContent = `${there} of ${this.rows.size} products on the shelf, updating live`;
  }

  flash(row, difference) {
    const name = difference < 0 ? "sold" : "received";
    row.classList.remove("sold", "received");
    void row.offsetWidth; // starts the animation again
    row.classList.add(name);
  }

  close() {
    if (!this.open) return;
    this.live.unfollow(`store:${this.open}`);
    this.markers.get(this.open)?.getElement()?.classList.remove("chosen");
    this.open = null;
    this.early = null;
    this.stock.clear();
    this.rows.clear();
    this.card.hidden = true;
  }

  /** describe names a store and how far it is from a place. */
  describe(id, away) {
    const store = this.byID.get(id);
    if (!store) return id;
    return away === undefined ? store.name : `${store.name}, ${metres(away)} away`;
  }
}
