-- Rows of a bucket by zone, since it is zones that are flushed, one after the other:
-- each writes pages of its own, one beside the next. By driver first, every row of a
-- zone lay on a page with rows of other zones, and all of these pages were written
-- again for each zone.
DROP VIEW driver_distance_by_day;
ALTER TABLE tracks RENAME TO tracks_by_driver;

CREATE TABLE tracks (
    bucket_start_ms INTEGER NOT NULL, -- first millisecond of the bucket
    zone            TEXT    NOT NULL,
    driver_id       TEXT    NOT NULL,
    part            INTEGER NOT NULL, -- tells late fixes of a bucket from the earlier ones
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
    PRIMARY KEY (bucket_start_ms, zone, driver_id, part)
) STRICT, WITHOUT ROWID;

INSERT INTO tracks
SELECT bucket_start_ms, zone, driver_id, part, first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
       fixes, distance_m, top_speed_mps, mean_accuracy_m, path, times, speeds
FROM tracks_by_driver
ORDER BY bucket_start_ms, zone, driver_id, part;

DROP TABLE tracks_by_driver;

-- In which zones a driver has rows in an hour, by the start of their buckets.
CREATE TABLE driver_hours (
    hour_start_ms INTEGER NOT NULL,
    zone         TEXT    NOT NULL,
    driver_id    TEXT    NOT NULL,
    PRIMARY KEY (hour_start_ms, zone, driver_id)
) STRICT, WITHOUT ROWID;

INSERT INTO driver_hours
SELECT DISTINCT bucket_start_ms - (bucket_start_ms % 3600000 + 3600000) % 3600000 AS hour_start_ms, zone, driver_id
FROM tracks
ORDER BY hour_start_ms, zone, driver_id;

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
