-- cmvigil, knowledge 1, hash f39eaa0addc35b12
-- SQL for bigquery. Compiled only: cmvigil does not run it. Compare it with another engine on your own data
--   before any use.
--
-- It reads snapshot (patient, as_of), the patients and days that are asked for, and the event tables
-- - event_measurement (patient STRING, event STRING, day DATE, time DATETIME, known_on DATE, source STRING,
--   concept STRING, value__low BIGNUMERIC, value__low_open BOOL, value__high BIGNUMERIC, value__high_open BOOL,
--   form STRING, unit STRING, reported STRING, specimen STRING, assay STRING, laboratory STRING, lloq
--   BIGNUMERIC, upper_normal BIGNUMERIC, lower_normal BIGNUMERIC, stream STRING, problem STRING)
-- - event_observation (patient STRING, event STRING, day DATE, time DATETIME, known_on DATE, source STRING,
--   concept STRING, present BOOL, text STRING, site STRING)
-- - event_exposure (patient STRING, event STRING, day DATE, time DATETIME, known_on DATE, source STRING, concept
--   STRING, end DATE, dose BIGNUMERIC, dose_unit STRING, interval_h BIGNUMERIC, route STRING, intent STRING,
--   taken BIGNUMERIC, adequate BOOL, stated_on DATE)
-- - event_condition (patient STRING, event STRING, day DATE, time DATETIME, known_on DATE, source STRING,
--   concept STRING, end DATE, present BOOL, site STRING, text STRING)
--
-- A condition is NULL where it is unknown. A rule applies where its __when is true and its __unless is false.
-- A measured number is a pair of bounds, __low and __high, each open or closed; no __high: no upper bound.

CREATE TEMP TABLE batch AS
SELECT patient, patient AS name, as_of FROM snapshot;

-- ==== What the knowledge knows: its tables.

-- Knowledge table: grades of a count
CREATE TEMP TABLE `band_grades` AS
SELECT CAST(`drug` AS STRING) AS `drug`, CAST(`grade` AS STRING) AS `grade`, CAST(`lower` AS BIGNUMERIC) AS `lower`, CAST(`above` AS BIGNUMERIC) AS `above`, CAST(`upper` AS BIGNUMERIC) AS `upper`, CAST(`to` AS BIGNUMERIC) AS `to`
FROM (
  SELECT 'foscarnet' AS `drug`, 'it\'s low' AS `grade`, NULL AS `lower`, NULL AS `above`, 50 AS `upper`, NULL AS `to` UNION ALL
  SELECT 'foscarnet' AS `drug`, 'not low' AS `grade`, 50 AS `lower`, NULL AS `above`, NULL AS `upper`, NULL AS `to`) AS t;

-- ==== What each snapshot may see, views of it, and what was found for facts.

-- Visible rows of an event table
CREATE TEMP TABLE `visible_measurement` AS
SELECT r.*,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME)), r.event) AS __ord,
  DENSE_RANK() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME))) AS __moment
FROM (
SELECT s.patient, s.as_of,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`value__low` AS `value__low`,
  r.`value__low_open` AS `value__low_open`,
  r.`value__high` AS `value__high`,
  r.`value__high_open` AS `value__high_open`,
  r.`problem` AS `problem`,
  CASE WHEN r.value__low = r.value__high THEN r.value__low END AS `number`
FROM batch AS s
JOIN `event_measurement` AS r
  ON r.patient = s.name AND r.day <= s.as_of AND r.known_on <= s.as_of) AS r;

-- Visible rows of an event table
CREATE TEMP TABLE `visible_observation` AS
SELECT r.*,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME)), r.event) AS __ord
FROM (
SELECT s.patient, s.as_of,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`present` AS `present`,
  r.`text` AS `text`
FROM batch AS s
JOIN `event_observation` AS r
  ON r.patient = s.name AND r.day <= s.as_of AND r.known_on <= s.as_of) AS r;

-- Visible rows of an event table
CREATE TEMP TABLE `visible_exposure` AS
SELECT r.*,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME)), r.event) AS __ord
FROM (
SELECT s.patient, s.as_of,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  CASE WHEN r.`end` <= s.as_of THEN r.`end` END AS `end`
FROM batch AS s
JOIN `event_exposure` AS r
  ON r.patient = s.name AND r.day <= s.as_of AND r.known_on <= s.as_of) AS r;

-- Visible rows of an event table
CREATE TEMP TABLE `visible_condition` AS
SELECT r.*,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME)), r.event) AS __ord
FROM (
SELECT s.patient, s.as_of,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  CASE WHEN r.`end` <= s.as_of THEN r.`end` END AS `end`,
  r.`present` AS `present`
FROM batch AS s
JOIN `event_condition` AS r
  ON r.patient = s.name AND r.day <= s.as_of AND r.known_on <= s.as_of) AS r;

-- View drug_days: each day of a drug, with the highest count of platelets of the week before
-- Because: a drug without an end is seen as still running
CREATE TEMP TABLE `view_drug_days` AS
WITH step1 AS (
SELECT r.patient, r.as_of, r.__ord AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`end` AS `end`
FROM `visible_exposure` AS r), step2 AS (
SELECT r.patient, r.as_of, r.__seq AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`end` AS `end`,
  each_day AS `on`
FROM step1 AS r
CROSS JOIN UNNEST(GENERATE_DATE_ARRAY(r.`day`, (SELECT MIN(part) FROM UNNEST([COALESCE(r.`end`, r.as_of), DATE_ADD(r.`day`, INTERVAL 60 DAY)]) AS part))) AS each_day), step3 AS (
SELECT r.patient, r.as_of, ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.__seq, r.`on`) AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`end` AS `end`,
  r.`on` AS `on`
FROM step2 AS r), step4 AS (
SELECT r.patient, r.as_of, r.__seq AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`on` AS `on`,
  m.`__take_count` AS `count`
FROM step3 AS r
LEFT JOIN (
SELECT r.patient, r.as_of, r.__seq,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of, r.__seq ORDER BY o.`number` DESC, o.__ord DESC) AS __rank,
  o.`number` AS `__take_count`
FROM step3 AS r
JOIN `visible_measurement` AS o ON o.patient = r.patient AND o.as_of = r.as_of AND ((o.`concept` = 'platelets') AND (o.`day` <= r.`on`) AND (o.`day` > DATE_SUB(r.`on`, INTERVAL 7 DAY))) AND o.`number` IS NOT NULL) AS m ON m.patient = r.patient AND m.as_of = r.as_of AND m.__seq = r.__seq AND m.__rank = 1), step5 AS (
SELECT r.patient, r.as_of, r.__seq AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`count` AS `count`
FROM step4 AS r
LEFT JOIN `band_grades` AS b ON (b.`drug` = r.`concept`) AND (b.`lower` IS NULL OR (r.`count` >= CAST(b.`lower` AS BIGNUMERIC))) AND (b.`above` IS NULL OR (r.`count` > CAST(b.`above` AS BIGNUMERIC))) AND (b.`upper` IS NULL OR (r.`count` < CAST(b.`upper` AS BIGNUMERIC))) AND (b.`to` IS NULL OR (r.`count` <= CAST(b.`to` AS BIGNUMERIC)))), step6 AS (
SELECT r.patient, r.as_of, ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, COALESCE(r.time, CAST(r.day AS DATETIME)), r.event, r.__seq) AS __seq,
  r.`event` AS `event`,
  r.`day` AS `day`,
  r.`time` AS `time`,
  r.`concept` AS `concept`,
  r.`count` AS `count`
FROM step5 AS r), step7 AS (
SELECT r.patient, r.as_of, MIN(r.__seq) AS __seq,
  MIN(r.day) AS `day`,
  MIN(r.event) AS `event`,
  r.`concept` AS `concept`,
  CASE WHEN LOGICAL_OR((r.`count` < BIGNUMERIC '50.500000')) = TRUE THEN TRUE WHEN COUNT((r.`count` < BIGNUMERIC '50.500000')) = COUNT(*) THEN FALSE END AS `low`
FROM step6 AS r
GROUP BY r.patient, r.as_of, r.`concept`)
SELECT r.patient, r.as_of,
  r.`day` AS `day`,
  r.`event` AS `event`,
  r.`low` AS `low`,
  ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY r.day, CAST(r.day AS DATETIME), r.event, r.__seq) AS __ord
FROM step7 AS r;

-- What was found for facts
CREATE TEMP TABLE `found_measurement` AS
WITH placed AS (
SELECT r.patient, r.as_of,
  MAX(CASE WHEN (r.`concept` = 'neutrophils') THEN r.__ord END) AS `neutrophils__place`,
  MAX(CASE WHEN (r.`concept` = 'neutrophils') THEN r.__moment END) AS `neutrophils__moment`,
  MAX(CASE WHEN (r.`concept` = 'platelets') THEN r.__ord END) AS `platelets__place`,
  MAX(CASE WHEN (r.`concept` = 'platelets') THEN r.__moment END) AS `platelets__moment`,
  MAX(CASE WHEN (r.`concept` = 'weight') THEN r.__ord END) AS `weight__place`,
  MAX(CASE WHEN (r.`concept` = 'weight') THEN r.__moment END) AS `weight__moment`
FROM `visible_measurement` AS r
GROUP BY r.patient, r.as_of),
marked AS (
SELECT r.*,
  r.__ord = p.`neutrophils__place` AS `neutrophils__here`,
  r.`value__low` IS NOT NULL AND (r.`concept` = 'neutrophils') AND r.__moment = p.`neutrophils__moment` AS `neutrophils__one`,
  r.__ord = p.`platelets__place` AS `platelets__here`,
  r.`value__low` IS NOT NULL AND (r.`concept` = 'platelets') AND r.__moment = p.`platelets__moment` AS `platelets__one`,
  r.__ord = p.`weight__place` AS `weight__here`,
  r.`value__low` IS NOT NULL AND (r.`concept` = 'weight') AND r.__moment = p.`weight__moment` AS `weight__one`
FROM `visible_measurement` AS r
JOIN placed AS p ON p.patient = r.patient AND p.as_of = r.as_of),
taken AS (
SELECT r.patient, r.as_of,
  MAX(CASE WHEN r.`neutrophils__here` THEN r.`value__low` END) AS `neutrophils__low`,
  LOGICAL_OR(CASE WHEN r.`neutrophils__here` THEN r.`value__low_open` END) AS `neutrophils__low_open`,
  MAX(CASE WHEN r.`neutrophils__here` THEN r.`value__high` END) AS `neutrophils__high`,
  LOGICAL_OR(CASE WHEN r.`neutrophils__here` THEN r.`value__high_open` END) AS `neutrophils__high_open`,
  MAX(CASE WHEN r.`neutrophils__here` THEN r.day END) AS `neutrophils__day`,
  COALESCE(MIN(CASE WHEN r.`neutrophils__one` THEN r.`value__low` END) <> MAX(CASE WHEN r.`neutrophils__one` THEN r.`value__low` END) OR LOGICAL_AND(CASE WHEN r.`neutrophils__one` THEN r.`value__low_open` END) <> LOGICAL_OR(CASE WHEN r.`neutrophils__one` THEN r.`value__low_open` END) OR MIN(CASE WHEN r.`neutrophils__one` THEN r.`value__high` END) <> MAX(CASE WHEN r.`neutrophils__one` THEN r.`value__high` END) OR COUNT(CASE WHEN r.`neutrophils__one` THEN r.`value__high` END) NOT IN (0, COUNT(CASE WHEN r.`neutrophils__one` THEN 1 END)) OR LOGICAL_AND(CASE WHEN r.`neutrophils__one` THEN r.`value__high_open` END) <> LOGICAL_OR(CASE WHEN r.`neutrophils__one` THEN r.`value__high_open` END), FALSE) AS `neutrophils__conflict`,
  MAX(CASE WHEN r.`neutrophils__here` AND (r.`problem` <> '') THEN 1 END) AS `neutrophils__problem`,
  MAX(CASE WHEN r.`platelets__here` THEN r.`value__low` END) AS `platelets__low`,
  LOGICAL_OR(CASE WHEN r.`platelets__here` THEN r.`value__low_open` END) AS `platelets__low_open`,
  MAX(CASE WHEN r.`platelets__here` THEN r.`value__high` END) AS `platelets__high`,
  LOGICAL_OR(CASE WHEN r.`platelets__here` THEN r.`value__high_open` END) AS `platelets__high_open`,
  MAX(CASE WHEN r.`platelets__here` THEN r.day END) AS `platelets__day`,
  COALESCE(MIN(CASE WHEN r.`platelets__one` THEN r.`value__low` END) <> MAX(CASE WHEN r.`platelets__one` THEN r.`value__low` END) OR LOGICAL_AND(CASE WHEN r.`platelets__one` THEN r.`value__low_open` END) <> LOGICAL_OR(CASE WHEN r.`platelets__one` THEN r.`value__low_open` END) OR MIN(CASE WHEN r.`platelets__one` THEN r.`value__high` END) <> MAX(CASE WHEN r.`platelets__one` THEN r.`value__high` END) OR COUNT(CASE WHEN r.`platelets__one` THEN r.`value__high` END) NOT IN (0, COUNT(CASE WHEN r.`platelets__one` THEN 1 END)) OR LOGICAL_AND(CASE WHEN r.`platelets__one` THEN r.`value__high_open` END) <> LOGICAL_OR(CASE WHEN r.`platelets__one` THEN r.`value__high_open` END), FALSE) AS `platelets__conflict`,
  MAX(CASE WHEN r.`platelets__here` AND (r.`problem` <> '') THEN 1 END) AS `platelets__problem`,
  MAX(CASE WHEN r.`weight__here` THEN r.`value__low` END) AS `weight__low`,
  LOGICAL_OR(CASE WHEN r.`weight__here` THEN r.`value__low_open` END) AS `weight__low_open`,
  MAX(CASE WHEN r.`weight__here` THEN r.`value__high` END) AS `weight__high`,
  LOGICAL_OR(CASE WHEN r.`weight__here` THEN r.`value__high_open` END) AS `weight__high_open`,
  MAX(CASE WHEN r.`weight__here` THEN r.day END) AS `weight__day`,
  COALESCE(MIN(CASE WHEN r.`weight__one` THEN r.`value__low` END) <> MAX(CASE WHEN r.`weight__one` THEN r.`value__low` END) OR LOGICAL_AND(CASE WHEN r.`weight__one` THEN r.`value__low_open` END) <> LOGICAL_OR(CASE WHEN r.`weight__one` THEN r.`value__low_open` END) OR MIN(CASE WHEN r.`weight__one` THEN r.`value__high` END) <> MAX(CASE WHEN r.`weight__one` THEN r.`value__high` END) OR COUNT(CASE WHEN r.`weight__one` THEN r.`value__high` END) NOT IN (0, COUNT(CASE WHEN r.`weight__one` THEN 1 END)) OR LOGICAL_AND(CASE WHEN r.`weight__one` THEN r.`value__high_open` END) <> LOGICAL_OR(CASE WHEN r.`weight__one` THEN r.`value__high_open` END), FALSE) AS `weight__conflict`,
  MAX(CASE WHEN r.`weight__here` AND (r.`problem` <> '') THEN 1 END) AS `weight__problem`
FROM marked AS r
GROUP BY r.patient, r.as_of)
SELECT p.patient, p.as_of,
  p.`neutrophils__place`,
  p.`neutrophils__moment`,
  p.`platelets__place`,
  p.`platelets__moment`,
  p.`weight__place`,
  p.`weight__moment`,
  t.`neutrophils__low`,
  t.`neutrophils__low_open`,
  t.`neutrophils__high`,
  t.`neutrophils__high_open`,
  t.`neutrophils__day`,
  t.`neutrophils__conflict`,
  t.`neutrophils__problem`,
  t.`platelets__low`,
  t.`platelets__low_open`,
  t.`platelets__high`,
  t.`platelets__high_open`,
  t.`platelets__day`,
  t.`platelets__conflict`,
  t.`platelets__problem`,
  t.`weight__low`,
  t.`weight__low_open`,
  t.`weight__high`,
  t.`weight__high_open`,
  t.`weight__day`,
  t.`weight__conflict`,
  t.`weight__problem`
FROM placed AS p
JOIN taken AS t ON t.patient = p.patient AND t.as_of = p.as_of;

-- What was found for facts
CREATE TEMP TABLE `found_observation` AS
WITH placed AS (
SELECT r.patient, r.as_of,
  MAX(CASE WHEN (r.`concept` = 'fever') THEN r.__ord END) AS `fever__place`,
  MAX(CASE WHEN ((r.`concept` = 'complete') AND (r.`text` = 'symptoms')) THEN r.__ord END) AS `fever__absent_0`,
  MAX(CASE WHEN ((r.`concept` = 'complete') AND (r.`text` = 'symptoms')) THEN r.day END) AS `fever__absent_0__day`,
  MAX(CASE WHEN (r.`concept` = 'severity') THEN r.__ord END) AS `severity__place`,
  MAX(CASE WHEN ((r.`concept` = 'complete') AND (r.`text` = 'conditions')) THEN r.__ord END) AS `hiv__absent_1`,
  MAX(CASE WHEN ((r.`concept` = 'complete') AND (r.`text` = 'conditions')) THEN r.day END) AS `hiv__absent_1__day`,
  MIN(CASE WHEN r.`present` THEN r.__ord END) AS `fever_day__place`
FROM `visible_observation` AS r
GROUP BY r.patient, r.as_of),
marked AS (
SELECT r.*,
  r.__ord = p.`fever__place` AS `fever__here`,
  r.__ord = p.`severity__place` AS `severity__here`,
  r.__ord = p.`fever_day__place` AS `fever_day__here`
FROM `visible_observation` AS r
JOIN placed AS p ON p.patient = r.patient AND p.as_of = r.as_of),
taken AS (
SELECT r.patient, r.as_of,
  LOGICAL_OR(CASE WHEN r.`fever__here` THEN r.`present` END) AS `fever`,
  MAX(CASE WHEN r.`fever__here` THEN r.day END) AS `fever__day`,
  MAX(CASE WHEN r.`severity__here` THEN r.`text` END) AS `severity`,
  MAX(CASE WHEN r.`severity__here` THEN r.day END) AS `severity__day`,
  MAX(CASE WHEN r.`fever_day__here` THEN r.`day` END) AS `fever_day`,
  MAX(CASE WHEN r.`fever_day__here` THEN r.day END) AS `fever_day__day`
FROM marked AS r
GROUP BY r.patient, r.as_of)
SELECT p.patient, p.as_of,
  p.`fever__place`,
  p.`fever__absent_0`,
  p.`fever__absent_0__day`,
  p.`severity__place`,
  p.`hiv__absent_1`,
  p.`hiv__absent_1__day`,
  p.`fever_day__place`,
  t.`fever`,
  t.`fever__day`,
  t.`severity`,
  t.`severity__day`,
  t.`fever_day`,
  t.`fever_day__day`
FROM placed AS p
JOIN taken AS t ON t.patient = p.patient AND t.as_of = p.as_of;

-- What was found for facts
CREATE TEMP TABLE `found_condition` AS
SELECT r.patient, r.as_of,
  MAX(CASE WHEN ((r.`concept` IN ('hiv')) AND r.`present` AND ((NOT r.`end` IS NOT NULL) OR (r.`end` >= r.as_of))) THEN r.__ord END) AS `hiv`,
  MAX(CASE WHEN ((r.`concept` IN ('hiv')) AND r.`present` AND ((NOT r.`end` IS NOT NULL) OR (r.`end` >= r.as_of))) THEN r.day END) AS `hiv__day`,
  MAX(CASE WHEN ((r.`concept` = 'hiv') AND (NOT r.`present`)) THEN r.__ord END) AS `hiv__absent_0`,
  MAX(CASE WHEN ((r.`concept` = 'hiv') AND (NOT r.`present`)) THEN r.day END) AS `hiv__absent_0__day`
FROM `visible_condition` AS r
GROUP BY r.patient, r.as_of;

-- What was found for facts
CREATE TEMP TABLE `found_drug_days` AS
WITH placed AS (
SELECT r.patient, r.as_of,
  MAX(r.__ord) AS `foscarnet_low__place`
FROM `view_drug_days` AS r
GROUP BY r.patient, r.as_of),
marked AS (
SELECT r.*,
  r.__ord = p.`foscarnet_low__place` AS `foscarnet_low__here`
FROM `view_drug_days` AS r
JOIN placed AS p ON p.patient = r.patient AND p.as_of = r.as_of),
taken AS (
SELECT r.patient, r.as_of,
  LOGICAL_OR(CASE WHEN r.`foscarnet_low__here` THEN r.`low` END) AS `foscarnet_low`,
  MAX(CASE WHEN r.`foscarnet_low__here` THEN r.day END) AS `foscarnet_low__day`
FROM marked AS r
GROUP BY r.patient, r.as_of)
SELECT p.patient, p.as_of,
  p.`foscarnet_low__place`,
  t.`foscarnet_low`,
  t.`foscarnet_low__day`
FROM placed AS p
JOIN taken AS t ON t.patient = p.patient AND t.as_of = p.as_of;

-- ==== Facts: state, day and value of each.

-- neutrophils: neutrophil count (10*9/L)
-- platelets: platelet count (10*9/L)
-- weight: body weight (kg)
-- fever: fever
-- severity: severity
-- hiv: HIV infection
-- fever_day: day of the fever
-- foscarnet_low: a low count under foscarnet
CREATE TEMP TABLE `facts_1` AS
WITH found AS (
SELECT s.patient, s.as_of,
  CASE WHEN at_measurement.`neutrophils__place` IS NULL THEN 'missing' WHEN at_measurement.`neutrophils__conflict` THEN 'conflicting' WHEN NOT at_measurement.`neutrophils__low` IS NOT NULL THEN CASE WHEN at_measurement.`neutrophils__problem` = 1 THEN 'unusable' ELSE 'missing' END WHEN at_measurement.`neutrophils__day` <= DATE_SUB(s.as_of, INTERVAL 14 DAY) THEN 'stale' ELSE 'known' END AS `neutrophils__state`,
  at_measurement.`neutrophils__day` AS `neutrophils__day`,
  at_measurement.`neutrophils__low` AS `neutrophils__found__low`,
  at_measurement.`neutrophils__low_open` AS `neutrophils__found__low_open`,
  at_measurement.`neutrophils__high` AS `neutrophils__found__high`,
  at_measurement.`neutrophils__high_open` AS `neutrophils__found__high_open`,
  CASE WHEN at_measurement.`platelets__place` IS NULL THEN 'missing' WHEN at_measurement.`platelets__conflict` THEN 'conflicting' WHEN NOT at_measurement.`platelets__low` IS NOT NULL THEN CASE WHEN at_measurement.`platelets__problem` = 1 THEN 'unusable' ELSE 'missing' END ELSE 'known' END AS `platelets__state`,
  at_measurement.`platelets__day` AS `platelets__day`,
  at_measurement.`platelets__low` AS `platelets__found__low`,
  at_measurement.`platelets__low_open` AS `platelets__found__low_open`,
  at_measurement.`platelets__high` AS `platelets__found__high`,
  at_measurement.`platelets__high_open` AS `platelets__found__high_open`,
  CASE WHEN at_measurement.`weight__place` IS NULL THEN 'missing' WHEN at_measurement.`weight__conflict` THEN 'conflicting' WHEN NOT at_measurement.`weight__low` IS NOT NULL THEN CASE WHEN at_measurement.`weight__problem` = 1 THEN 'unusable' ELSE 'missing' END ELSE 'known' END AS `weight__state`,
  at_measurement.`weight__day` AS `weight__day`,
  at_measurement.`weight__low` AS `weight__found__low`,
  at_measurement.`weight__low_open` AS `weight__found__low_open`,
  at_measurement.`weight__high` AS `weight__found__high`,
  at_measurement.`weight__high_open` AS `weight__found__high_open`,
  CASE WHEN at_observation.`fever__place` IS NULL THEN CASE WHEN at_observation.`fever__absent_0` IS NOT NULL THEN 'absent' ELSE 'missing' END WHEN NOT at_observation.`fever` IS NOT NULL THEN 'missing' ELSE 'known' END AS `fever__state`,
  COALESCE(at_observation.`fever__day`, at_observation.`fever__absent_0__day`) AS `fever__day`,
  at_observation.`fever` AS `fever__found`,
  CASE WHEN at_observation.`severity__place` IS NULL THEN 'missing' WHEN NOT at_observation.`severity` IS NOT NULL THEN 'missing' ELSE 'known' END AS `severity__state`,
  at_observation.`severity__day` AS `severity__day`,
  at_observation.`severity` AS `severity__found`,
  CASE WHEN at_observation.`fever_day__place` IS NULL THEN 'missing' WHEN NOT at_observation.`fever_day` IS NOT NULL THEN 'missing' ELSE 'known' END AS `fever_day__state`,
  at_observation.`fever_day__day` AS `fever_day__day`,
  at_observation.`fever_day` AS `fever_day__found`,
  CASE WHEN at_condition.`hiv` IS NULL THEN CASE WHEN at_condition.`hiv__absent_0` IS NOT NULL THEN 'absent' WHEN at_observation.`hiv__absent_1` IS NOT NULL THEN 'absent' ELSE 'missing' END ELSE 'known' END AS `hiv__state`,
  COALESCE(at_condition.`hiv__day`, at_condition.`hiv__absent_0__day`, at_observation.`hiv__absent_1__day`) AS `hiv__day`,
  TRUE AS `hiv__found`,
  CASE WHEN at_drug_days.`foscarnet_low__place` IS NULL THEN 'missing' WHEN NOT at_drug_days.`foscarnet_low` IS NOT NULL THEN 'missing' ELSE 'known' END AS `foscarnet_low__state`,
  at_drug_days.`foscarnet_low__day` AS `foscarnet_low__day`,
  at_drug_days.`foscarnet_low` AS `foscarnet_low__found`
FROM batch AS s
LEFT JOIN `found_measurement` AS at_measurement ON at_measurement.patient = s.patient AND at_measurement.as_of = s.as_of
LEFT JOIN `found_observation` AS at_observation ON at_observation.patient = s.patient AND at_observation.as_of = s.as_of
LEFT JOIN `found_condition` AS at_condition ON at_condition.patient = s.patient AND at_condition.as_of = s.as_of
LEFT JOIN `found_drug_days` AS at_drug_days ON at_drug_days.patient = s.patient AND at_drug_days.as_of = s.as_of)
SELECT f.patient, f.as_of,
  CASE f.`neutrophils__state` WHEN 'known' THEN f.`neutrophils__found__low` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `neutrophils__low`,
  CASE f.`neutrophils__state` WHEN 'known' THEN f.`neutrophils__found__low_open` WHEN 'absent' THEN FALSE END AS `neutrophils__low_open`,
  CASE f.`neutrophils__state` WHEN 'known' THEN f.`neutrophils__found__high` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `neutrophils__high`,
  CASE f.`neutrophils__state` WHEN 'known' THEN f.`neutrophils__found__high_open` WHEN 'absent' THEN FALSE END AS `neutrophils__high_open`,
  f.`neutrophils__state` AS `neutrophils__state`,
  f.`neutrophils__day` AS `neutrophils__day`,
  CASE f.`platelets__state` WHEN 'known' THEN f.`platelets__found__low` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `platelets__low`,
  CASE f.`platelets__state` WHEN 'known' THEN f.`platelets__found__low_open` WHEN 'absent' THEN FALSE END AS `platelets__low_open`,
  CASE f.`platelets__state` WHEN 'known' THEN f.`platelets__found__high` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `platelets__high`,
  CASE f.`platelets__state` WHEN 'known' THEN f.`platelets__found__high_open` WHEN 'absent' THEN FALSE END AS `platelets__high_open`,
  f.`platelets__state` AS `platelets__state`,
  f.`platelets__day` AS `platelets__day`,
  CASE f.`weight__state` WHEN 'known' THEN f.`weight__found__low` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `weight__low`,
  CASE f.`weight__state` WHEN 'known' THEN f.`weight__found__low_open` WHEN 'absent' THEN FALSE END AS `weight__low_open`,
  CASE f.`weight__state` WHEN 'known' THEN f.`weight__found__high` WHEN 'absent' THEN BIGNUMERIC '0.000000' END AS `weight__high`,
  CASE f.`weight__state` WHEN 'known' THEN f.`weight__found__high_open` WHEN 'absent' THEN FALSE END AS `weight__high_open`,
  f.`weight__state` AS `weight__state`,
  f.`weight__day` AS `weight__day`,
  CASE f.`fever__state` WHEN 'known' THEN f.`fever__found` WHEN 'absent' THEN FALSE END AS `fever`,
  f.`fever__state` AS `fever__state`,
  f.`fever__day` AS `fever__day`,
  CASE WHEN f.`severity__state` = 'known' THEN f.`severity__found` END AS `severity`,
  f.`severity__state` AS `severity__state`,
  f.`severity__day` AS `severity__day`,
  CASE WHEN f.`fever_day__state` = 'known' THEN f.`fever_day__found` END AS `fever_day`,
  f.`fever_day__state` AS `fever_day__state`,
  f.`fever_day__day` AS `fever_day__day`,
  CASE f.`hiv__state` WHEN 'known' THEN f.`hiv__found` WHEN 'absent' THEN FALSE END AS `hiv`,
  f.`hiv__state` AS `hiv__state`,
  f.`hiv__day` AS `hiv__day`,
  CASE f.`foscarnet_low__state` WHEN 'known' THEN f.`foscarnet_low__found` WHEN 'absent' THEN FALSE END AS `foscarnet_low`,
  f.`foscarnet_low__state` AS `foscarnet_low__state`,
  f.`foscarnet_low__day` AS `foscarnet_low__day`
FROM found AS f;

-- ==== Derived facts, definitions, and both halves of each rule.

-- platelets_per_kg: platelets by weight
-- low_on_drug: low platelets for the patient's days of foscarnet
CREATE TEMP TABLE `states_1` AS
WITH layer0 AS (
SELECT s.patient, s.as_of,
  `facts_1`.`platelets__low`,
  `facts_1`.`platelets__low_open`,
  `facts_1`.`platelets__high`,
  `facts_1`.`platelets__high_open`,
  `facts_1`.`weight__low`,
  `facts_1`.`weight__low_open`,
  `facts_1`.`weight__high`,
  `facts_1`.`weight__high_open`,
  `facts_1`.`foscarnet_low`
FROM batch AS s
JOIN `facts_1` ON `facts_1`.patient = s.patient AND `facts_1`.as_of = s.as_of), layer1 AS (
SELECT r.*,
  r.`platelets__low` AS `platelets_per_kg__over__low`,
  r.`platelets__low_open` AS `platelets_per_kg__over__low_open`,
  r.`platelets__high` AS `platelets_per_kg__over__high`,
  r.`platelets__high_open` AS `platelets_per_kg__over__high_open`,
  r.`weight__low` AS `platelets_per_kg__under__low`,
  r.`weight__low_open` AS `platelets_per_kg__under__low_open`,
  r.`weight__high` AS `platelets_per_kg__under__high`,
  r.`weight__high_open` AS `platelets_per_kg__under__high_open`
FROM layer0 AS r)
SELECT r.patient, r.as_of,
  r.`platelets_per_kg__over__low`,
  r.`platelets_per_kg__over__low_open`,
  r.`platelets_per_kg__over__high`,
  r.`platelets_per_kg__over__high_open`,
  r.`platelets_per_kg__under__low`,
  r.`platelets_per_kg__under__low_open`,
  r.`platelets_per_kg__under__high`,
  r.`platelets_per_kg__under__high_open`,
  (r.`foscarnet_low` AND (CASE WHEN (r.`platelets_per_kg__under__low` > BIGNUMERIC '0.000000' OR (r.`platelets_per_kg__under__low` = BIGNUMERIC '0.000000' AND r.`platelets_per_kg__under__low_open`)) THEN (CASE WHEN CAST(r.`platelets_per_kg__over__high` AS BIGNUMERIC) < (CAST(r.`platelets_per_kg__under__low` AS BIGNUMERIC) * BIGNUMERIC '1.5') OR (CAST(r.`platelets_per_kg__over__high` AS BIGNUMERIC) = (CAST(r.`platelets_per_kg__under__low` AS BIGNUMERIC) * BIGNUMERIC '1.5') AND (r.`platelets_per_kg__over__high_open` OR r.`platelets_per_kg__under__low_open`)) THEN TRUE WHEN CAST(r.`platelets_per_kg__over__low` AS BIGNUMERIC) >= (CAST(r.`platelets_per_kg__under__high` AS BIGNUMERIC) * BIGNUMERIC '1.5') THEN FALSE END) END)) AS `low_on_drug`
FROM layer1 AS r;

-- count_again: advice: Count again
CREATE TEMP TABLE `rules_1` AS
WITH layer0 AS (
SELECT s.patient, s.as_of,
  `states_1`.`low_on_drug`,
  `facts_1`.`fever`
FROM batch AS s
JOIN `states_1` ON `states_1`.patient = s.patient AND `states_1`.as_of = s.as_of
JOIN `facts_1` ON `facts_1`.patient = s.patient AND `facts_1`.as_of = s.as_of)
SELECT r.patient, r.as_of,
  r.`low_on_drug` AS `count_again__when`,
  r.`fever` AS `count_again__unless`
FROM layer0 AS r;
