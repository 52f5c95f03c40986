-- How many of a row's fixes an app made up, by the phone's word. Nothing is known of the
-- rows that are there.
ALTER TABLE tracks ADD COLUMN mock_fixes INTEGER NOT NULL DEFAULT 0;

DROP VIEW driver_distance_by_day;

CREATE VIEW driver_distance_by_day AS
SELECT date(bucket_start_ms / 1000, 'unixepoch') AS day_utc,
       driver_id,
       sum(distance_m)                           AS distance_m,
       max(top_speed_mps)                        AS top_speed_mps,
       sum(fixes)                                AS fixes,
       min(first_ts_ms)                          AS first_ts_ms,
       max(last_ts_ms)                           AS last_ts_ms,
       sum(mock_fixes)                           AS mock_fixes
FROM tracks
GROUP BY day_utc, driver_id;
