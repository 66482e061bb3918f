-- Farm survey: the rosters. Every row has its interview's tenant, status and time of the last change.
CREATE TEMP TABLE farm_members AS
  SELECT * EXCLUDE (n), n AS members__id, i * 10 + n AS m FROM (SELECT *, unnest(range(1, size + 1)) AS n FROM farm);
CREATE TABLE warehouse.survey.farm_members AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, members__id::INTEGER AS members__id, worded(true, m, 'm1', blank, given_name(m, 'm1')) AS member_name,
    CASE WHEN members__id = 1 THEN 1 ELSE single(true, m, 'm2', blank, [2, 3, 3, 3, 4, 5, 6, 96]) END AS relation, single(true, m, 'm3', blank, [1, 2]) AS sex, whole(true, m, 'm4', blank, 0, 98) AS age,
    dated(true, m, 'm5', blank, '1928-01-01'::TIMESTAMP + to_days(pick(m, 'm5', 35800)::INTEGER))::DATE AS birth_date, single(age >= 12, m, 'm6', blank, [1, 2, 2, 3, 4, 5]) AS marital_status, single(age >= 5, m, 'm7', blank, [1, 2]) AS can_read,
    single(age >= 3, m, 'm8', blank, [0, 1, 1, 2, 2, 3, 4, 9]) AS education, ticked(true, m, 'm9', blank, 1, 30) AS illness__1, ticked(true, m, 'm9', blank, 2, 20) AS illness__2, ticked(true, m, 'm9', blank, 3, 10) AS illness__3,
    answered(age BETWEEN 0 AND 4 AND version = 1, m, 'ma', blank, (45 + pick(m, 'ma', 700) * 0.1)::DECIMAL(14, 1))::DECIMAL(14, 1) AS height, single(version = 2, m, 'mb', blank, [1, 1, 1, 2, 3]) AS disability,
    answered(age BETWEEN 0 AND 4, m, 'mc', blank, (2 + pick(m, 'mc', 20000) * 0.001)::DOUBLE)::DOUBLE AS body_weight
  FROM farm_members;
CREATE VIEW warehouse.survey.farm_members_1 AS SELECT * EXCLUDE (version, disability) FROM warehouse.survey.farm_members WHERE version = 1;
CREATE VIEW warehouse.survey.farm_members_2 AS SELECT * EXCLUDE (version, height) FROM warehouse.survey.farm_members WHERE version = 2;

CREATE TABLE warehouse.survey.farm_jobs AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, members__id::INTEGER AS members__id, n::INTEGER AS jobs__id, worded(true, o, 'o1', blank, topic(o, 'o1')) AS occupation,
    single(true, o, 'o2', blank, [1, 2, 3, 4, 5]) AS employment, whole(true, o, 'o3', blank, 1, 90) AS hours_a_week, amount(employment IN (1, 2), o, 'o4', blank, 4000) AS wage,
    dated(true, o, 'o5', blank, '1990-01-01'::TIMESTAMP + to_days(pick(o, 'o5', 13000)::INTEGER))::DATE AS started_on, whole(version = 2, o, 'o6', blank, 0, 5) AS remote_days
  FROM (SELECT *, m * 10 + n AS o FROM (SELECT *, unnest(range(1, pick(m, 'mj', 3) + 1)) AS n FROM farm_members));
CREATE VIEW warehouse.survey.farm_jobs_1 AS SELECT * EXCLUDE (version, remote_days) FROM warehouse.survey.farm_jobs WHERE version = 1;
CREATE VIEW warehouse.survey.farm_jobs_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_jobs WHERE version = 2;

CREATE TEMP TABLE farm_plots AS
  SELECT * EXCLUDE (n), n AS plots__id, i * 10 + n AS p FROM (SELECT *, unnest(range(1, 1 + CASE WHEN open AND farms THEN 1 + pick(i, 'fp', 4) ELSE 0 END)) AS n FROM farm);
CREATE TABLE warehouse.survey.farm_plots AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, plots__id::INTEGER AS plots__id, worded(true, p, 'p1', blank, choose(p, 'p1', ['Jardin', 'Champ du fleuve', 'घर के पास', 'الحقل الكبير', 'River field', '家の裏', 'Ferme "B"', 'Kiwanja'])) AS plot_name,
    answered(true, p, 'p2', blank, (pick(p, 'p2', 90000) * 0.0001)::DECIMAL(14, 4))::DECIMAL(14, 4) AS plot_area, single(true, p, 'p3', blank, [1, 1, 2, 3, 4]) AS soil, ticked(true, p, 'p4', blank, 1, 30) AS inputs__1, ticked(true, p, 'p4', blank, 2, 20) AS inputs__2,
    ticked(true, p, 'p4', blank, 3, 10) AS inputs__3, answered(true, p, 'p5', blank, (-12 + pick(p, 'pa', 200000000) * 0.0000001)::DOUBLE)::DOUBLE AS plot_gps__Latitude, answered(true, p, 'p5', blank, (-17 + pick(p, 'po', 300000000) * 0.0000001)::DOUBLE)::DOUBLE AS plot_gps__Longitude,
    worded(true, p, 'p6', blank, 'plot_photo__' || pick(p, 'p6', 1000000) || '.png') AS plot_photo
  FROM farm_plots;
CREATE VIEW warehouse.survey.farm_plots_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_plots WHERE version = 1;
CREATE VIEW warehouse.survey.farm_plots_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_plots WHERE version = 2;

CREATE TABLE warehouse.survey.farm_crops AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, plots__id::INTEGER AS plots__id, n::INTEGER AS crops__id, single(true, c, 'q1', blank, [11, 12, 13, 21, 31, 41]) AS crop, amount(true, c, 'q2', blank, 9000) AS harvested_kg,
    dated(true, c, 'q3', blank, '2025-06-01'::TIMESTAMP + to_days(pick(c, 'q3', 200)::INTEGER))::DATE AS harvested_on
  FROM (SELECT *, p * 10 + n AS c FROM (SELECT *, unnest(range(1, pick(p, 'pc', 3) + 2)) AS n FROM farm_plots WHERE version = 2));
CREATE VIEW warehouse.survey.farm_crops_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_crops WHERE version = 2;

-- A roster of fixed items: every begun interview has the same five.
CREATE TABLE warehouse.survey.farm_assets AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, n::INTEGER AS assets__id, whole(true, a, 'r1', blank, 0, 4) AS owned, amount(owned > 0, a, 'r2', blank, 30000) AS asset_value, whole(owned > 0, a, 'r3', blank, 1980, 2026) AS bought_in
  FROM (SELECT *, i * 10 + n AS a FROM (SELECT *, unnest(range(1, 6)) AS n FROM farm WHERE open));
CREATE VIEW warehouse.survey.farm_assets_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_assets WHERE version = 1;
CREATE VIEW warehouse.survey.farm_assets_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_assets WHERE version = 2;
