-- The durable record: one row per driver and bucket, stock movements, orders,
-- products and stores. Times are milliseconds since 1970-01-01 UTC (…_ms),
-- distances metres, speeds metres per second, money 1/100 rupee (…_paise).

-- In order of time, so that a flush appends: its rows fill a few pages. By
-- driver first, every row of a flush would lie on a page of its own.
CREATE TABLE tracks (
    bucket_start_ms INTEGER NOT NULL, -- first millisecond of the bucket
    driver_id       TEXT    NOT NULL,
    part            INTEGER NOT NULL, -- tells late fixes of a bucket from the earlier ones
    zone            TEXT    NOT NULL,
    first_ts_ms     INTEGER NOT NULL,
    last_ts_ms      INTEGER NOT NULL,
    first_lat       REAL    NOT NULL,
    first_lon       REAL    NOT NULL,
    last_lat        REAL    NOT NULL,
    last_lon        REAL    NOT NULL,
    fixes           INTEGER NOT NULL,
    distance_m      REAL    NOT NULL,
    top_speed_mps   REAL    NOT NULL,
    mean_accuracy_m REAL    NOT NULL, -- 0: no fix had an accuracy
    path            TEXT    NOT NULL, -- every fix, see docs/track-format.md
    times           TEXT    NOT NULL,
    speeds          TEXT    NOT NULL,
    PRIMARY KEY (bucket_start_ms, driver_id, part, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE movements (
    store_id         TEXT    NOT NULL,
    seq              INTEGER NOT NULL, -- 1, 2, 3, … within a store
    ts_ms            INTEGER NOT NULL,
    kind             TEXT    NOT NULL, -- receive, adjust, count, waste, return, reserve, commit, release, expire
    product_id       TEXT    NOT NULL,
    available_change INTEGER NOT NULL, -- units
    reserved_change  INTEGER NOT NULL, -- units
    reference        TEXT    NOT NULL,
    PRIMARY KEY (store_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    order_id       TEXT    NOT NULL PRIMARY KEY,
    status         TEXT    NOT NULL,
    version        INTEGER NOT NULL, -- seq of the last event
    store_id       TEXT    NOT NULL,
    customer_id    TEXT    NOT NULL,
    driver_id      TEXT    NOT NULL, -- empty until assigned
    reservation_id TEXT    NOT NULL, -- empty if none
    drop_lat       REAL    NOT NULL,
    drop_lon       REAL    NOT NULL,
    lines_json     TEXT    NOT NULL, -- [{"product_id": …, "units": …}, …]
    created_ts_ms  INTEGER NOT NULL,
    updated_ts_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE order_events (
    order_id  TEXT    NOT NULL,
    seq       INTEGER NOT NULL, -- 1, 2, 3, … within an order
    ts_ms     INTEGER NOT NULL,
    status    TEXT    NOT NULL,
    driver_id TEXT    NOT NULL,
    note      TEXT    NOT NULL,
    PRIMARY KEY (order_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    product_id       TEXT    NOT NULL PRIMARY KEY,
    name             TEXT    NOT NULL,
    categories_json  TEXT    NOT NULL, -- ["…", …]
    mrp_paise        INTEGER NOT NULL, -- maximum retail price
    price_paise      INTEGER NOT NULL, -- selling price
    discount_percent INTEGER NOT NULL,
    weight_g         INTEGER NOT NULL, -- 0: unknown
    pack_size        INTEGER NOT NULL  -- 0: unknown
) STRICT, WITHOUT ROWID;

CREATE TABLE dark_stores (
    store_id TEXT    NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    lat      REAL    NOT NULL,
    lon      REAL    NOT NULL,
    is_open  INTEGER NOT NULL -- 0 or 1
) STRICT, WITHOUT ROWID;
