-- What is, or was, set aside: the units of an open reservation are in the ledger, too,
-- but not until when.
CREATE TABLE reservations (
    store_id       TEXT    NOT NULL,
    reservation_id TEXT    NOT NULL,
    seq            INTEGER NOT NULL, -- of its last movement
    order_id       TEXT    NOT NULL,
    state          TEXT    NOT NULL, -- open, committed, released, expired
    lines_json     TEXT    NOT NULL, -- [{"product_id": …, "units": …}, …]
    created_ts_ms  INTEGER NOT NULL, -- 0: unknown
    expires_ts_ms  INTEGER NOT NULL, -- when it ends by itself
    closed_ts_ms   INTEGER NOT NULL, -- 0: it is open
    PRIMARY KEY (store_id, reservation_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_by_end ON reservations (store_id, closed_ts_ms);

-- What is set aside now, one row per line.
CREATE VIEW open_reservations AS
SELECT store_id,
       reservation_id,
       order_id,
       json_extract(line.value, '$.product_id')      AS product_id,
       json_extract(line.value, '$.units')           AS units,
       datetime(expires_ts_ms / 1000.0, 'unixepoch') AS expires_utc
FROM reservations, json_each(reservations.lines_json) AS line
WHERE closed_ts_ms = 0;
