-- Farm survey: one questionnaire in two versions, fieldwork from January to September 2026, described by the warehouse itself
-- (farm-description.sql). Version 2 has `internet`, `climate_worry`, `food_groups__13`, `disability`, `remote_days` and the roster `crops`;
-- it lacks `meals`, `lighting__4`, `signature` and `height`. NULL: not asked. Asked but not answered: -999999999 for numbers and choices, '##N/A##'
-- for texts, the day 9999-12-31 for dates and timestamps.
CREATE TABLE warehouse.survey.questionnaires AS
  SELECT tenant, '74e2d308-5491-4e24-af6b-eae9be64130c'::UUID AS questionnaire_id, version, 'farm_survey' AS variable, 'Farm and Household Survey 2026' AS title,
    imported_at FROM warehouse.main.tenants, (VALUES (1, TIMESTAMP '2026-01-05 09:30:00.123456'), (2, TIMESTAMP '2026-05-28 16:05:09.5')) v(version, imported_at);

-- The answer to a question that is asked, unless it is left open; `blank` is the percentage of open ones.
CREATE MACRO answered(asked, i, salt, blank, answer) AS CASE WHEN asked IS NOT TRUE THEN NULL WHEN chance(i, salt || '?', blank) THEN -999999999 ELSE answer END;
CREATE MACRO worded(asked, i, salt, blank, answer) AS CASE WHEN asked IS NOT TRUE THEN NULL WHEN chance(i, salt || '?', blank) THEN '##N/A##' ELSE answer END;
CREATE MACRO dated(asked, i, salt, blank, answer) AS CASE WHEN asked IS NOT TRUE THEN NULL WHEN chance(i, salt || '?', blank) THEN '9999-12-31'::TIMESTAMP ELSE answer END;
-- One option of a multi-select question: 1 or 0; all options are open together.
CREATE MACRO ticked(asked, i, salt, blank, option, percent) AS answered(asked, i, salt, blank, chance(i, salt || option, percent)::INTEGER)::INTEGER;
CREATE MACRO single(asked, i, salt, blank, codes) AS answered(asked, i, salt, blank, choose(i, salt, codes))::INTEGER;
CREATE MACRO whole(asked, i, salt, blank, least, most) AS answered(asked, i, salt, blank, least + pick(i, salt, 1 + most - least))::INTEGER;
CREATE MACRO amount(asked, i, salt, blank, most) AS answered(asked, i, salt, blank, (pick(i, salt, most * 100) * 0.01)::DECIMAL(14, 2))::DECIMAL(14, 2);

-- An interview: `blank` percent of its questions are open, all of them before it is begun.
CREATE TEMP TABLE farm AS
  SELECT *, status > 40 AND consents AS open, CASE WHEN status > 40 AND consents THEN 1 + pick(i, 'fs', 8) ELSE 0 END AS size, chance(i, 'ff', 70) AS farms,
    CASE WHEN status > 60 AND chance(i, 'fe', 9) THEN 1 + pick(i, 'fe', 3) ELSE 0 END AS errors, CASE status WHEN 40 THEN 100 WHEN 60 THEN 30 ELSE 3 END AS blank,
    created_at + to_microseconds((1 + pick(i, 'fd', 2592000)) * 1000000 + pick(i, 'fu', 1000000)) AS changed_at, 'int' || (1 + pick(i, 'fi', 40)) AS interviewer
  FROM (SELECT i, tenant, 1 + (along >= 0.6)::INTEGER AS version, interview_key((i * 61803399 + 12345678) % 100000000) AS interview__key,
    replace(uuid_of(i, 'farm')::VARCHAR, '-', '') AS interview__id, choose(i, 'ft', [40, 60, 65, 100, 100, 100, 120, 120, 125, 130, 130, 130])::INTEGER AS status,
    NOT chance(i, 'fc', 4) AS consents, moment(i, 'fm', along, '2026-01-12', 230) AS created_at FROM seed(10000));

CREATE TABLE warehouse.survey.farm_interviews AS
  SELECT tenant, version, changed_at, interview__key, interview__id,
    -- The dwelling's place
    1 + pick(i, 'a1', 8)::INTEGER AS region, (1 + pick(i, 'a1', 8)) * 100 + pick(i, 'a2', 3)::INTEGER + 1 AS district, printf('%06d', pick(i, 'a3', 90000)) AS ea_code,
    worded(status > 40, i, 'a4', blank, place(i, 'a4')) AS village, single(status > 40, i, 'a5', blank, [1, 2, 2]) AS urban, 9007199254740993 + i * 7 AS registry_number,
    dated(status > 40, i, 'a6', blank, date_trunc('second', created_at)) AS start_time, dated(status > 40, i, 'a7', blank, date_trunc('day', created_at))::DATE AS visit_date,
    single(status > 40, i, 'a8', blank, [1, 2, 3, 4, 5, 6, 7, 8]) AS language,
    answered(status > 40, i, 'a9', blank, (-12 + pick(i, 'la', 200000000) * 0.0000001)::DOUBLE)::DOUBLE AS gps__Latitude, answered(status > 40, i, 'a9', blank, (-17 + pick(i, 'lo', 300000000) * 0.0000001)::DOUBLE)::DOUBLE AS gps__Longitude,
    answered(status > 40, i, 'a9', blank, (2 + pick(i, 'lc', 300) * 0.1)::DOUBLE)::DOUBLE AS gps__Accuracy, answered(status > 40, i, 'a9', blank, (pick(i, 'lt', 21000) * 0.1 - 20)::DOUBLE)::DOUBLE AS gps__Altitude,
    dated(status > 40, i, 'a9', blank, date_trunc('second', created_at) + to_seconds(pick(i, 'ls', 900))) AS gps__Timestamp,
    worded(status > 40, i, 'aa', blank, 'dwelling_photo__' || pick(i, 'aa', 1000000) || '.png') AS dwelling_photo,
    CASE WHEN status = 40 THEN -999999999 WHEN consents THEN 1 ELSE 2 END::INTEGER AS consent, worded(NOT consents, i, 'ab', blank, prose(i, 'ab')) AS refusal_reason,
    worded(open, i, 'ac', blank, 'greeting__' || pick(i, 'ac', 1000000) || '.wav') AS greeting, worded(open, i, 'ad', blank, given_name(i, 'ad') || ' ' || family_name(i, 'ae')) AS respondent_name,
    worded(open, i, 'af', blank, '0' || (700000000 + pick(i, 'af', 99999999))) AS phone,
    -- The household and its languages
    CASE WHEN open THEN size END::INTEGER AS household_size,
    ticked(open, i, 'b2', blank, 1, 60) AS languages__1, ticked(open, i, 'b2', blank, 2, 40) AS languages__2, ticked(open, i, 'b2', blank, 3, 20) AS languages__3, ticked(open, i, 'b2', blank, 4, 15) AS languages__4,
    ticked(open, i, 'b2', blank, 5, 15) AS languages__5, ticked(open, i, 'b2', blank, 6, 10) AS languages__6, ticked(open, i, 'b2', blank, 7, 5) AS languages__7, ticked(open, i, 'b2', blank, 8, 5) AS languages__8,
    -- The dwelling
    single(open, i, 'c1', blank, [1, 1, 1, 2, 2, 3, 4, 96]) AS dwelling_type, worded(dwelling_type = 96, i, 'c2', blank, prose(i, 'c2')) AS dwelling_other, single(open, i, 'c3', blank, [11, 12, 21, 22, 31]) AS walls,
    single(open, i, 'c4', blank, [11, 12, 21, 31, 32]) AS roof, single(open, i, 'c5', blank, [11, 12, 21, 31]) AS floor, whole(open, i, 'c6', blank, 1, 9) AS rooms,
    single(open, i, 'c7', blank, CASE version WHEN 1 THEN [1, 1, 2, 3, 4] ELSE [1, 1, 2, 3, 4, 5] END) AS tenure, amount(tenure = 2, i, 'c8', blank, 900) AS rent,
    dated(open, i, 'c9', blank, '1948-03-01'::TIMESTAMP + to_days(pick(i, 'c9', 27000)::INTEGER))::DATE AS moved_in, single(open, i, 'ca', blank, [11, 12, 13, 21, 31, 32, 51, 61, 81, 96]) AS water_source,
    whole(water_source BETWEEN 13 AND 81, i, 'cb', blank, 0, 180) AS water_minutes, single(open, i, 'cc', blank, [11, 12, 21, 22, 31, 61]) AS toilet, single(toilet <> 61, i, 'cd', blank, [1, 2, 2]) AS toilet_shared,
    ticked(open, i, 'ce', blank, 1, 60) AS lighting__1, ticked(open, i, 'ce', blank, 2, 40) AS lighting__2, ticked(open, i, 'ce', blank, 3, 20) AS lighting__3, ticked(open AND version = 1, i, 'ce', blank, 4, 20) AS lighting__4,
    ticked(open, i, 'ce', blank, 96, 2) AS lighting__96, single(open, i, 'cf', blank, [1, 2, 3, 4, 5, 6]) AS cooking_fuel, single(open AND version = 2, i, 'cg', blank, [1, 2, 3, 4]) AS internet,
    -- Food, spending and income
    whole(open AND version = 1, i, 'd1', blank, 0, 5) AS meals, ticked(open, i, 'd2', blank, 1, 95) AS food_groups__1, ticked(open, i, 'd2', blank, 2, 40) AS food_groups__2, ticked(open, i, 'd2', blank, 3, 50) AS food_groups__3,
    ticked(open, i, 'd2', blank, 4, 60) AS food_groups__4, ticked(open, i, 'd2', blank, 5, 30) AS food_groups__5, ticked(open, i, 'd2', blank, 6, 25) AS food_groups__6, ticked(open, i, 'd2', blank, 7, 30) AS food_groups__7,
    ticked(open, i, 'd2', blank, 8, 35) AS food_groups__8, ticked(open, i, 'd2', blank, 9, 40) AS food_groups__9, ticked(open, i, 'd2', blank, 10, 70) AS food_groups__10, ticked(open, i, 'd2', blank, 11, 60) AS food_groups__11,
    ticked(open, i, 'd2', blank, 12, 80) AS food_groups__12, ticked(open AND version = 2, i, 'd2', blank, 13, 10) AS food_groups__13, single(open, i, 'd3', blank, [1, 1, 2, 3, 4]) AS food_worry, amount(open, i, 'd4', blank, 400) AS food_spending,
    amount(open, i, 'd5', blank, 3000) AS other_spending, amount(open, i, 'd6', blank, 9000000) AS income, whole(open, i, 'd7', blank, -5000, 250000) AS savings, single(open, i, 'd8', blank, [1, 2]) AS mobile_money,
    single(open, i, 'd9', blank, [1, 2, 2]) AS has_loan, amount(has_loan = 1, i, 'da', blank, 50000) AS loan_amount, dated(has_loan = 1, i, 'db', blank, '2020-01-01'::TIMESTAMP + to_days(pick(i, 'db', 2100)::INTEGER))::DATE AS loan_date,
    answered(has_loan = 1, i, 'dc', blank, (pick(i, 'dc', 40000) * 0.0001)::DECIMAL(14, 4))::DECIMAL(14, 4) AS loan_rate,
    -- Shocks
    ticked(open, i, 'e1', blank, 1, 15) AS shocks__1, ticked(open, i, 'e1', blank, 2, 10) AS shocks__2, ticked(open, i, 'e1', blank, 3, 10) AS shocks__3, ticked(open, i, 'e1', blank, 4, 5) AS shocks__4, ticked(open, i, 'e1', blank, 5, 5) AS shocks__5,
    ticked(open, i, 'e1', blank, 96, 2) AS shocks__96, single(1 IN (shocks__1, shocks__2, shocks__3, shocks__4, shocks__5, shocks__96), i, 'e2', blank, [1, 2, 3, 4, 5, 96]) AS worst_shock,
    single(open AND version = 2, i, 'e3', blank, [1, 2, 3, 4, 5]) AS climate_worry,
    -- The farm
    CASE WHEN open THEN 2 - farms::INTEGER END AS has_farm, answered(has_farm = 1, i, 'f1', blank, (pick(i, 'f1', 400000) * 0.0001)::DECIMAL(14, 4))::DECIMAL(14, 4) AS land_area, single(has_farm = 1, i, 'f2', blank, [1, 1, 2, 3]) AS land_unit,
    ticked(has_farm = 1, i, 'f3', blank, 1, 30) AS livestock__1, ticked(has_farm = 1, i, 'f3', blank, 2, 40) AS livestock__2, ticked(has_farm = 1, i, 'f3', blank, 3, 20) AS livestock__3, ticked(has_farm = 1, i, 'f3', blank, 4, 60) AS livestock__4,
    ticked(has_farm = 1, i, 'f3', blank, 96, 2) AS livestock__96, time '05:00:00' + to_minutes(15 * pick(i, 'f4', 20)) AS field_time, CASE WHEN open THEN farms AND chance(i, 'f5', 80) END AS sells_crops,
    -- The end
    worded(open, i, 'g1', blank, prose(i, 'g1')) AS remarks, worded(open AND version = 1, i, 'g2', blank, 'signature__' || pick(i, 'g2', 1000000) || '.png') AS signature, worded(open, i, 'g3', blank, printf('%013d', pick(i, 'g3', 9999999999999))) AS barcode,
    dated(open, i, 'g4', blank, date_trunc('second', created_at) + to_seconds(1200 + pick(i, 'g4', 7200))) AS end_time, CASE WHEN open THEN 50 + pick(i, 'g5', 90000000) * 0.000001::DOUBLE END AS weight,
    pick(i, 'irnd', 1000000000000000) * 0.000000000000001::DOUBLE AS sssys_irnd, errors::INTEGER AS has__errors, status AS interview__status, (i + 1)::INTEGER AS assignment__id
  FROM farm;

CREATE VIEW warehouse.survey.farm_interviews_1 AS SELECT * EXCLUDE (version, internet, climate_worry, food_groups__13) FROM warehouse.survey.farm_interviews WHERE version = 1;
CREATE VIEW warehouse.survey.farm_interviews_2 AS SELECT * EXCLUDE (version, meals, lighting__4, signature) FROM warehouse.survey.farm_interviews WHERE version = 2;
