-- Learning: people, networks, programs, enrollments, activities, interactions. 2010 to 2016.
CREATE SCHEMA warehouse.learning;

CREATE TABLE warehouse.learning.networks AS
  SELECT tenant, 100 + i AS network_id, place(i, 'nn') || ' ' || choose(i, 'nk', ['campus', 'branch', 'region', 'plant, north', '"pilot"']) AS network_name,
    CASE WHEN j = 0 THEN NULL ELSE 100 + i - pick(i, 'np', least(j, 9)) - 1 END AS parent_network_id,
    choose(i, 'nt', ['company', 'department', 'team']) AS network_type, prose(i, 'nd') AS description,
    NOT chance(i, 'na', 8) AS is_active, pick(i, 'nm', 4000) AS member_count,
    moment(i, 'nc', along, '2010-01-04', 2000) AS created_at, later(i, 'nu', moment(i, 'nc', along, '2010-01-04', 2000)) AS modified_at
  FROM seed(2000);

CREATE TABLE warehouse.learning.users AS
  SELECT u.*, n.network_name, later(u.user_number, 'uu', u.created_at) AS modified_at
  FROM (
    SELECT tenant, i AS user_number, 9007199254740993 + i AS user_id, given_name(i, 'ug') AS first_name,
      CASE WHEN chance(i, 'um', 60) THEN NULL WHEN chance(i, 'ue', 20) THEN '' ELSE given_name(i, 'uh') END AS middle_name,
      family_name(i, 'uf') AS last_name, 100 + parent(i, 'un', slot, 2000) AS network_id,
      choose(i, 'ur', ['Staff', 'Student', 'Alumni', '', NULL, 'Staff, part-time']) AS grouping_name,
      moment(i, 'uc', along, '2010-02-01', 2200) AS created_at,
      CASE WHEN chance(i, 'uk', 15) THEN NULL ELSE moment(i, 'uc', along, '2010-02-01', 2200) + to_microseconds(pick(i, 'ux', 864000000000)) END AS confirmed_at,
      NOT chance(i, 'uk', 15) AS is_confirmed,
      choose(i, 'ul', ['en-US', 'nl-NL', 'fr-CA', 'ar-EG', 'he-IL', 'ja-JP', 'de-DE', NULL]) AS locale,
      CASE WHEN chance(i, 'ub', 30) THEN NULL ELSE 1 + pick(i, 'ud', 28) END AS birth_day,
      CASE WHEN chance(i, 'ub', 30) THEN NULL ELSE 1 + pick(i, 'uo', 12) END AS birth_month,
      (1 + pick(i, 'ua', 400)) || ' ' || place(i, 'us') || ' Street' || CASE WHEN chance(i, 'u2', 5) THEN E'\nUnit ' || pick(i, 'u3', 90) ELSE '' END AS street_address,
      place(i, 'uy') AS city, choose(i, 'ug2', ['North', 'South', 'East', 'West', NULL, '']) AS region,
      CASE WHEN chance(i, 'uz', 50) THEN lpad(pick(i, 'up', 100000)::VARCHAR, 5, '0') ELSE pick(i, 'up', 9000) + 1000 || ' AB' END AS postal_code,
      choose(i, 'ui', ['NL', 'US', 'FR', 'NO', 'NA', 'EG', 'JP', NULL]) AS country_code, choose(i, 'ugd', ['f', 'm', 'x', NULL, '']) AS gender,
      choose(i, 'ulb', ['Main', 'Law', 'Science', NULL]) AS library, lpad(pick(i, 'uid', 100000000)::VARCHAR, 10, '0') AS id_number,
      choose(i, 'uph', ['+31 20 ', '+1 212 ', '020-', '(0)']) || (1000000 + pick(i, 'un2', 8999999)) AS phone, topic(i, 'udp') AS department
    FROM seed(50000)
  ) u JOIN warehouse.learning.networks n USING (tenant, network_id)
  ORDER BY u.user_number;

CREATE TABLE warehouse.learning.programs AS
  SELECT tenant, 'P-' || lpad(i::VARCHAR, 6, '0') AS product_id, i AS program_number,
    topic(i, 'pt') || ' ' || choose(i, 'pl', ['I', 'II', 'for all', '(advanced)', '"in practice"', 'in 10 days, or less']) AS program_name
  FROM seed(500);

CREATE TABLE warehouse.learning.enrollments AS
  SELECT e.*, p.product_id, p.program_name, later(e.enrollment_id, 'eu', e.registered_at) AS modified_at
  FROM (
    SELECT tenant, i AS enrollment_id, 9007199254740993 + parent(i, 'ew', slot, 50000) AS user_id,
      moment(i, 'ec', along, '2010-03-01', 2300) AS registered_at,
      CASE WHEN chance(i, 'ef', 55) THEN moment(i, 'ec', along, '2010-03-01', 2300) + to_microseconds(pick(i, 'el', 15552000000000)) END AS completed_at,
      parent(i, 'ep', slot, 500) AS program_number
    FROM seed(200000)
  ) e JOIN warehouse.learning.programs p USING (tenant, program_number)
  ORDER BY e.enrollment_id;

-- Activity 12345 belongs to dreambuilder at every scale.
CREATE TABLE warehouse.learning.activities AS
  SELECT tenant, 12345 + i AS activity_id, topic(i, 'at') || choose(i, 'ak', [': quiz', ': lecture', ' – essay', ' "live"', ', part 2']) AS activity_name,
    parent(i, 'ap', slot, 500) AS program_number
  FROM seed(4000);

CREATE TABLE warehouse.learning.activity_results AS
  SELECT r.*, p.product_id, p.program_name, a.activity_name, later(r.result_id, 'ru', r.created_at) AS modified_at
  FROM (
    SELECT tenant, i AS result_id, 9007199254740993 + parent(i, 'rw', slot, 50000) AS user_id, 12345 + parent(i, 'ra', slot, 4000) AS activity_id,
      moment(i, 'rc', along, '2010-03-01', 2300) AS created_at,
      -- Clocks that were never set: one in 997 lies before 1970.
      CASE WHEN pick(i, 'rb', 997) = 5 THEN TIMESTAMP '1969-12-31 23:59:59.999999' - to_microseconds(pick(i, 'rv', 9000000000000))
        ELSE moment(i, 'rc', along, '2010-03-01', 2300) - to_seconds(pick(i, 'rd', 7200)) END AS happened_at,
      CASE WHEN chance(i, 'rn', 10) THEN NULL ELSE pick(i, 'rt', 7200) END AS seconds_spent,
      choose(i, 'rs', ['not started', 'in progress', 'completed', 'passed', 'failed']) AS status,
      CASE WHEN chance(i, 'rm', 25) THEN NULL ELSE ((pick(i, 'rp', 1100000) - 100000) * 0.0001)::DECIMAL(9, 4) END AS score
    FROM seed(400000)
  ) r JOIN warehouse.learning.activities a USING (tenant, activity_id) JOIN warehouse.learning.programs p USING (tenant, program_number)
  ORDER BY r.result_id;

-- One in ten belongs to the tenant's first activity, so that one export of it is large.
CREATE TABLE warehouse.learning.interactions AS
  SELECT tenant, uuid_of(i, 'ii') AS interaction_id, 12345 + CASE WHEN chance(i, 'if', 10) THEN first_of(slot, total(4000)) ELSE parent(i, 'ia', slot, 4000) END AS learning_activity_id,
    9007199254740993 + parent(i, 'iw', slot, 50000) AS user_id, moment_exact(i, 'ic', along, '2010-03-01', 2300) AS occurred_at,
    choose(i, 'iv', ['answered', 'attempted', 'commented', 'completed', 'skipped']) AS verb,
    4611686018427387904 + pick(i, 'is', 4611686018427387903) AS session_number,
    ((pick(i, 'ig', 2000000000) - 1000000000) * 142857.1428571429)::DECIMAL(38, 10) AS weight,
    CASE WHEN chance(i, 'in', 5) THEN NULL ELSE [
      {'question': 1, 'answer': prose(i, 'i1'), 'choices': ['a', 'b, c'], 'seconds': pick(i, 'i2', 90000) / 1000},
      {'question': 2, 'answer': prose(i, 'i3'), 'choices': [], 'seconds': NULL}][1:1 + pick(i, 'i4', 2)] END AS answers,
    {'device': choose(i, 'id', ['phone', 'tablet', 'desktop', NULL]), 'screen': {'width': 320 + pick(i, 'ix', 1600), 'height': 480 + pick(i, 'iy', 1200)},
      'tags': CASE WHEN chance(i, 'it', 20) THEN NULL ELSE [topic(i, 'ij'), topic(i, 'ik')] END} AS context,
    json_object('locale', choose(i, 'il', ['nl', 'ar', 'ja']), 'note', prose(i, 'io'), 'attempt', pick(i, 'ip', 5)) AS extension
  FROM seed(150000);
