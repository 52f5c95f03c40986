-- How far each driver drove on each day (UTC). To the way within rows comes that from
-- the last fix of a row to the first of the next on that day, if they are at most two
-- minutes apart: of a longer silence nobody knows. Rows of late fixes lie within others,
-- and nothing is added between those.
DROP VIEW driver_distance_by_day;
CREATE VIEW driver_distance_by_day AS
WITH part AS (
    SELECT date(bucket_start_ms / 1000, 'unixepoch') AS day_utc,
           driver_id, distance_m, top_speed_mps, fixes, mock_fixes,
           first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
           last_ts_ms <= max(last_ts_ms) OVER (PARTITION BY date(bucket_start_ms / 1000, 'unixepoch'), driver_id
                                               ORDER BY first_ts_ms, last_ts_ms DESC, part, zone
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) IS TRUE AS within
    FROM tracks
), step AS (
    SELECT *,
           first_ts_ms - lag(last_ts_ms) OVER before                                AS gap_ms,
           radians(first_lat - lag(last_lat) OVER before)                           AS north,
           radians(first_lon - lag(last_lon) OVER before) * cos(radians(first_lat)) AS east
    FROM part
    WINDOW before AS (PARTITION BY day_utc, driver_id, within ORDER BY first_ts_ms)
)
SELECT day_utc,
       driver_id,
       sum(distance_m) + sum(iif(NOT within AND gap_ms BETWEEN 0 AND 120000, 6371008.8 * sqrt(north * north + east * east), 0.0)) AS distance_m,
       max(top_speed_mps) AS top_speed_mps,
       sum(fixes)         AS fixes,
       min(first_ts_ms)   AS first_ts_ms,
       max(last_ts_ms)    AS last_ts_ms,
       sum(mock_fixes)    AS mock_fixes
FROM step
GROUP BY day_utc, driver_id;

-- The same of yesterday alone, of which it reads no more than the rows.
CREATE VIEW driver_distance_yesterday AS
WITH part AS (
    SELECT date(bucket_start_ms / 1000, 'unixepoch') AS day_utc,
           driver_id, distance_m, top_speed_mps, fixes, mock_fixes,
           first_ts_ms, last_ts_ms, first_lat, first_lon, last_lat, last_lon,
           last_ts_ms <= max(last_ts_ms) OVER (PARTITION BY date(bucket_start_ms / 1000, 'unixepoch'), driver_id
                                               ORDER BY first_ts_ms, last_ts_ms DESC, part, zone
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) IS TRUE AS within
    FROM tracks
    WHERE bucket_start_ms >= strftime('%s', 'now', 'start of day', '-1 day') * 1000
      AND bucket_start_ms < strftime('%s', 'now', 'start of day') * 1000
), step AS (
    SELECT *,
           first_ts_ms - lag(last_ts_ms) OVER before                                AS gap_ms,
           radians(first_lat - lag(last_lat) OVER before)                           AS north,
           radians(first_lon - lag(last_lon) OVER before) * cos(radians(first_lat)) AS east
    FROM part
    WINDOW before AS (PARTITION BY day_utc, driver_id, within ORDER BY first_ts_ms)
)
SELECT day_utc,
       driver_id,
       sum(distance_m) + sum(iif(NOT within AND gap_ms BETWEEN 0 AND 120000, 6371008.8 * sqrt(north * north + east * east), 0.0)) AS distance_m,
       max(top_speed_mps) AS top_speed_mps,
       sum(fixes)         AS fixes,
       min(first_ts_ms)   AS first_ts_ms,
       max(last_ts_ms)    AS last_ts_ms,
       sum(mock_fixes)    AS mock_fixes
FROM step
GROUP BY day_utc, driver_id;
