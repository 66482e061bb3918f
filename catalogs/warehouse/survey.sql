-- Survey: one questionnaire of a household survey, June to December 2016, with a roster of members and in it a roster of
-- each member's jobs. NULL: not asked. Asked but not answered: -999999999 for numbers and choices, '##N/A##' for texts,
-- the day 9999-12-31 for dates.
CREATE SCHEMA warehouse.survey;

CREATE MACRO unanswered(i, salt, answer) AS CASE WHEN chance(i, salt || '?', 7) THEN -999999999 ELSE answer END;
CREATE MACRO unwritten(i, salt, answer) AS CASE WHEN chance(i, salt || '?', 7) THEN '##N/A##' ELSE answer END;
CREATE MACRO interview_key(i) AS printf('%02d-%02d-%02d-%02d', i // 1000000 % 100, i // 10000 % 100, i // 100 % 100, i % 100);
CREATE MACRO interviewed(i, along) AS moment(i, 's-c', along, '2016-06-01', 200);
CREATE MACRO interview_status(i) AS choose(i, 's-s', [40, 60, 65, 100, 120, 125, 130]);

CREATE TABLE warehouse.survey.assignments AS
  SELECT tenant, i + 1 AS assignment__id, 'int' || (1 + pick(i, 'ai', 20)) AS responsible, 1 + pick(i, 'aq', 5) AS quantity, moment(i, 'ac', along, '2016-05-25', 150) AS created_at FROM seed(1000);

CREATE TABLE warehouse.survey.household AS
  SELECT tenant, interview_key(i) AS interview__key, uuid_of(i, 'interview') AS interview__id,
    unanswered(i, 'h1', 1 + pick(i, 'h1', 4)) AS region, unwritten(i, 'h2', place(i, 'h2')) AS village, unanswered(i, 'h3', 1 + pick(i, 'h3', 12)) AS household_size,
    chance(i, 'h4', 50)::INTEGER AS languages__1, chance(i, 'h5', 30)::INTEGER AS languages__2, CASE WHEN chance(i, 'h6', 10) THEN NULL ELSE chance(i, 'h6', 30)::INTEGER END AS languages__3,
    CASE WHEN chance(i, 'h7?', 7) THEN -999999999 ELSE (pick(i, 'h7', 9000000) * 0.01)::DECIMAL(18, 2) END AS income,
    CASE WHEN chance(i, 'h8', 7) THEN DATE '9999-12-31' WHEN NOT chance(i, 'h8', 20) THEN DATE '1948-03-01' + pick(i, 'h9', 24800)::INTEGER END AS moved_in,
    CASE WHEN chance(i, 'ha', 80) THEN -34 + pick(i, 'ha', 7000000) * 0.00001::DOUBLE END AS gps__latitude,
    CASE WHEN chance(i, 'ha', 80) THEN -17 + pick(i, 'hb', 6000000) * 0.00001::DOUBLE END AS gps__longitude,
    unwritten(i, 'hc', prose(i, 'hc')) AS remarks, CASE WHEN chance(i, 'hd', 40) THEN 'house-' || i || '.jpg' END AS photo,
    pick(i, 'irnd', 1000000000) * 0.000000001::DOUBLE AS sssys_irnd, chance(i, 'he', 9)::INTEGER AS has__errors, interview_status(i) AS interview__status,
    1 + parent(i, 'hf', slot, 1000) AS assignment__id, interviewed(i, along) AS created_at, later(i, 'hm', interviewed(i, along)) AS modified_at
  FROM seed(5000);

-- Rosters inherit the interview's moments, so that a window takes a household with all that belongs to it.
CREATE TABLE warehouse.survey.members AS
  SELECT h.tenant, h.interview__key, h.interview__id, m.n AS members__id, i * 100 + m.n AS member_number, given_name(i * 100 + m.n, 'm1') AS member_name,
    unanswered(i * 100 + m.n, 'm2', 1 + pick(i * 100 + m.n, 'm2', 2)) AS sex, unanswered(i * 100 + m.n, 'm3', pick(i * 100 + m.n, 'm3', 99)) AS age,
    CASE WHEN pick(i * 100 + m.n, 'm3', 99) > 5 THEN unanswered(i * 100 + m.n, 'm4', 1 + pick(i * 100 + m.n, 'm4', 5)) END AS education, h.created_at, h.modified_at
  FROM (SELECT *, row_number() OVER (ORDER BY interview__key) - 1 AS i FROM warehouse.survey.household) h, range(1, 8) m(n)
  WHERE m.n <= 1 + pick(i, 'mn', 7) ORDER BY member_number;

CREATE TABLE warehouse.survey.occupations AS
  SELECT tenant, interview__key, interview__id, members__id, o.n AS occupations__id, unwritten(member_number * 10 + o.n, 'o1', topic(member_number * 10 + o.n, 'o1')) AS occupation,
    unanswered(member_number * 10 + o.n, 'o2', pick(member_number * 10 + o.n, 'o2', 80)) AS hours_a_week, created_at, modified_at
  FROM warehouse.survey.members, range(1, 4) o(n) WHERE o.n <= pick(member_number, 'on', 4) ORDER BY member_number, o.n;

-- How the interviews went
CREATE TABLE warehouse.survey.interview_actions AS
  SELECT tenant, interview_key(h) AS interview__key, uuid_of(h, 'interview') AS interview__id, occurred_at::DATE AS date, date_trunc('second', occurred_at)::TIME AS time,
    choose(i, 'x1', [0, 1, 2, 3, 5, 6, 7, 8, 12]) AS action, 'int' || (1 + pick(i, 'x2', 20)) AS originator, 1 + pick(i, 'x3', 4) AS role,
    CASE WHEN chance(i, 'x4', 80) THEN 'sup' || (1 + pick(i, 'x4', 5)) END AS responsible__name, CASE WHEN chance(i, 'x4', 80) THEN 2 END AS responsible__role, occurred_at
  FROM (SELECT *, owner(j, slot, 5000) AS h, moment_exact(i, 'x', along, '2016-06-01', 210) AS occurred_at FROM seed(30000));

CREATE TABLE warehouse.survey.interview_comments AS
  SELECT tenant, interview_key(h) AS interview__key, uuid_of(h, 'interview') AS interview__id, CASE WHEN chance(i, 'c1', 40) THEN 'members' ELSE '' END AS roster,
    CASE WHEN chance(i, 'c1', 40) THEN 1 + pick(i, 'c2', 7) END AS id1, NULL::BIGINT AS id2, choose(i, 'c3', ['region', 'village', 'income', 'age']) AS variable, 1 + pick(i, 'c4', 3) AS "order",
    occurred_at::DATE AS date, date_trunc('second', occurred_at)::TIME AS time, 'int' || (1 + pick(i, 'c5', 20)) AS originator, 1 + pick(i, 'c6', 4) AS role, prose(i, 'c7') AS comment, occurred_at
  FROM (SELECT *, owner(j, slot, 5000) AS h, moment_exact(i, 'c', along, '2016-06-01', 210) AS occurred_at FROM seed(5000));

CREATE TABLE warehouse.survey.interview_diagnostics AS
  SELECT tenant, interview_key(i) AS interview__key, uuid_of(i, 'interview') AS interview__id, interview_status(i) AS interview__status, 'int' || (1 + pick(i, 'd1', 20)) AS responsible,
    1 AS n_of_interviewers, pick(i, 'd2', 3) AS n_rejections_by_supervisor, pick(i, 'd3', 2) AS n_rejections_by_hq, pick(i, 'd4', 5) AS n_entities_with_errors, pick(i, 'd5', 9) AS n_questions_unanswered,
    pick(i, 'd6', 4) AS n_questions_comments, printf('%02d.%02d:%02d:%02d', 0, pick(i, 'd7', 4), pick(i, 'd8', 60), pick(i, 'd9', 60)) AS interview__duration, interviewed(i, along) AS created_at
  FROM seed(5000);

CREATE TABLE warehouse.survey.interview_errors AS
  SELECT tenant, interview_key(h) AS interview__key, uuid_of(h, 'interview') AS interview__id, CASE WHEN chance(i, 'e1', 50) THEN 'members' ELSE '' END AS roster,
    CASE WHEN chance(i, 'e1', 50) THEN 1 + pick(i, 'e2', 7) END AS id1, NULL::BIGINT AS id2, choose(i, 'e3', ['age', 'income', 'household_size']) AS variable, 'Question' AS type,
    1 + pick(i, 'e4', 2) AS message__number, choose(i, 'e5', ['Too high?', 'Age and education do not match', E'Check:\nis this "right"?']) AS message, occurred_at
  FROM (SELECT *, owner(j, slot, 5000) AS h, moment_exact(i, 'e', along, '2016-06-01', 210) AS occurred_at FROM seed(5000));

CREATE TABLE warehouse.survey.assignment_actions AS
  SELECT tenant, 1 + owner(j, slot, 1000) AS assignment__id, occurred_at::DATE AS date, date_trunc('second', occurred_at)::TIME AS time, choose(i, 'g1', [1, 2, 3, 7, 8]) AS action,
    'hq' || (1 + pick(i, 'g2', 3)) AS originator, 3 AS role, 'int' || (1 + pick(i, 'g3', 20)) AS responsible__name, 1 AS responsible__role, CASE WHEN chance(i, 'g4', 40) THEN pick(i, 'g4', 9)::VARCHAR END AS old__value,
    CASE WHEN chance(i, 'g4', 40) THEN pick(i, 'g5', 9)::VARCHAR END AS new__value, prose(i, 'g6') AS comment, occurred_at
  FROM (SELECT *, moment_exact(i, 'g', along, '2016-05-25', 200) AS occurred_at FROM seed(3000));

CREATE TABLE warehouse.survey.paradata AS
  SELECT tenant, uuid_of(owner(j, slot, 5000), 'interview') AS interview__id, 1 + j // rows_of(slot, 5000) AS "order",
    choose(i, 'p1', ['AnswerSet', 'AnswerRemoved', 'VariableSet', 'QuestionDeclaredInvalid', 'Paused', 'Resumed', 'Completed']) AS event, 'int' || (1 + pick(i, 'p2', 20)) AS responsible, 1 AS role,
    moment_exact(i, 'p', along, '2016-06-01', 210) AS timestamp_utc, choose(i, 'p3', ['-05:00:00', '00:00:00', '03:00:00', '05:45:00']) AS tz_offset,
    choose(i, 'p4', ['region', 'age', 'remarks']) || '||' || coalesce(prose(i, 'p5'), '') || '||' || pick(i, 'p6', 7) AS parameters
  FROM seed(200000);
