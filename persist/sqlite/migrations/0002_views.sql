-- Questions people ask with the sqlite3 command.

-- How far each driver drove on each day (UTC). What lies between two buckets,
-- from the last fix of one to the first of the next, is not in it.
CREATE VIEW driver_distance_by_day AS
SELECT date(bucket_start_ms / 1000, 'unixepoch') AS day_utc,
       driver_id,
       sum(distance_m)                           AS distance_m,
       max(top_speed_mps)                        AS top_speed_mps,
       sum(fixes)                                AS fixes,
       min(first_ts_ms)                          AS first_ts_ms,
       max(last_ts_ms)                           AS last_ts_ms
FROM tracks
GROUP BY day_utc, driver_id;

-- What each store has of each product, by the ledger.
CREATE VIEW stock_by_store AS
SELECT store_id,
       product_id,
       sum(available_change) AS units_available,
       sum(reserved_change)  AS units_reserved,
       max(ts_ms)            AS last_movement_ts_ms
FROM movements
GROUP BY store_id, product_id;

-- One row per line of an order.
CREATE VIEW order_lines AS
SELECT order_id,
       json_extract(line.value, '$.product_id') AS product_id,
       json_extract(line.value, '$.units')      AS units
FROM orders, json_each(orders.lines_json) AS line;
