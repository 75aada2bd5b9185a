-- Asked by `freshet up --until-done` when everything is in; or by hand: freshet sql < queries.sql

-- What do users do, and on which device?
SELECT event_type, count() AS events, uniq(user_id) AS users,
       round(100 * countIf(device = 'mobile') / count(), 1) AS mobile_percent
FROM bitpin.events
GROUP BY event_type
ORDER BY events DESC
LIMIT 5;

-- Which airlines flew late out of New York in 2013? (flights joined with airlines)
SELECT a.name AS airline, count() AS flights, round(avg(f.arr_delay), 1) AS mean_delay_minutes
FROM nyc.flights AS f
INNER JOIN nyc.airlines AS a ON a.carrier = f.carrier
GROUP BY airline
ORDER BY mean_delay_minutes DESC
LIMIT 5;

-- The known answers of the flights file: 336776, 2257174, 9430, 8255
SELECT count() AS flights, sum(arr_delay) AS sum_arr_delay,
       countIf(arr_delay IS NULL) AS null_arr_delay, countIf(dep_delay IS NULL) AS null_dep_delay
FROM nyc.flights;
