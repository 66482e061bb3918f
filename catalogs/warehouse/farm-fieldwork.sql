-- Farm survey: how the interviews went, and the files that belong to them.
CREATE MACRO farm_answers() AS ['region', 'village', 'consent', 'household_size', 'languages', 'rooms', 'income', 'food_groups', 'tenure', 'remarks', 'shocks', 'gps'];

-- An interview's actions follow its status, evenly from its creation to its last change.
CREATE TEMP TABLE farm_actions AS
  SELECT *, date_trunc('second', created_at + (changed_at - created_at) * (step::DOUBLE / len(actions))) AS occurred_at, actions[step] AS action
  FROM (SELECT *, unnest(range(1, len(actions) + 1)) AS step FROM (SELECT *, [12, 0] || CASE WHEN status > 40 THEN [1, 2] ELSE [] END || CASE WHEN status > 60 THEN [3] ELSE [] END
    || CASE status WHEN 65 THEN [7] WHEN 120 THEN [5] WHEN 125 THEN [5, 8] WHEN 130 THEN [5, 6] ELSE [] END AS actions FROM farm));
CREATE TABLE warehouse.survey.farm_interview_actions AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, occurred_at::DATE AS date, occurred_at::TIME AS time, action::INTEGER AS action,
    CASE WHEN action IN (6, 8) THEN 'hq1' WHEN action IN (5, 7) THEN 'sup' || (1 + pick(i, 'y1', 5)) ELSE interviewer END AS originator, CASE WHEN action IN (6, 8) THEN 3 WHEN action IN (5, 7) THEN 2 ELSE 1 END::INTEGER AS role,
    CASE WHEN action NOT IN (0, 12) THEN CASE WHEN action IN (3, 5) THEN 'sup' || (1 + pick(i, 'y1', 5)) ELSE interviewer END END AS responsible__name, CASE WHEN action NOT IN (0, 12) THEN CASE WHEN action IN (3, 5) THEN 2 ELSE 1 END END::INTEGER AS responsible__role
  FROM farm_actions;

CREATE TABLE warehouse.survey.farm_interview_comments AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, CASE WHEN of_member THEN 'members' END AS roster, CASE WHEN of_member THEN 1 + pick(k, 'z2', size) END::INTEGER AS id1, NULL::INTEGER AS id2,
    CASE WHEN of_member THEN choose(k, 'z3', ['age', 'education', 'birth_date']) ELSE choose(k, 'z3', farm_answers()) END AS variable, n::INTEGER AS "order", occurred_at::DATE AS date, date_trunc('second', occurred_at)::TIME AS time,
    CASE WHEN chance(k, 'z4', 30) THEN 'sup' || (1 + pick(i, 'y1', 5)) ELSE interviewer END AS originator, CASE WHEN chance(k, 'z4', 30) THEN 2 ELSE 1 END::INTEGER AS role, coalesce(prose(k, 'z5'), 'ok') AS comment
  FROM (SELECT *, i * 10 + n AS k, size > 0 AND chance(i * 10 + n, 'z1', 40) AS of_member, created_at + (changed_at - created_at) * (n / 4.0) AS occurred_at
    FROM (SELECT *, unnest(range(1, greatest(1, pick(i, 'z0', 5) - 1))) AS n FROM farm WHERE status > 40));

CREATE TABLE warehouse.survey.farm_interview_errors AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__key, interview__id, CASE WHEN of_member THEN 'members' END AS roster, CASE WHEN of_member THEN 1 + pick(k, 'w2', size) END::INTEGER AS id1, NULL::INTEGER AS id2,
    CASE WHEN of_member THEN choose(k, 'w3', ['age', 'education', 'birth_date']) ELSE choose(k, 'w3', farm_answers()) END AS variable, 2::INTEGER AS type, (1 + pick(k, 'w4', 2))::INTEGER AS message__number,
    choose(k, 'w5', ['Too high?', 'Age and education do not match', E'Check:\nis this "right"?', 'Вы уверены?', '请检查']) AS message
  FROM (SELECT *, i * 10 + n AS k, size > 0 AND chance(i * 10 + n, 'w1', 50) AS of_member FROM (SELECT *, unnest(range(1, errors + 1)) AS n FROM farm));

CREATE TABLE warehouse.survey.farm_interview_diagnostics AS
  SELECT f.tenant, f.version, f.changed_at, f.interview__key, f.interview__id, f.status AS interview__status, f.interviewer AS responsible, 1::INTEGER AS interviewers, (status = 65)::INTEGER AS rejections__sup, (status = 125)::INTEGER AS rejections__hq,
    errors::INTEGER AS entities__errors, coalesce(c.comments, 0)::INTEGER AS questions__comments, printf('%02d.%02d:%02d:%02d', 0, pick(i, 'v1', 3), pick(i, 'v2', 60), pick(i, 'v3', 60)) AS interview__duration, (pick(i, 'v4', 9) + blank)::INTEGER AS n_questions_unanswered
  FROM farm f LEFT JOIN (SELECT interview__id, count(*) AS comments FROM warehouse.survey.farm_interview_comments GROUP BY 1) c USING (interview__id) ORDER BY i;

CREATE TABLE warehouse.survey.farm_assignment_actions AS
  SELECT tenant, version, changed_at, status AS interview__status, (i + 1)::INTEGER AS assignment__id, occurred_at::DATE AS date, occurred_at::TIME AS time, action::INTEGER AS action, CASE WHEN action = 4 THEN interviewer ELSE 'hq1' END AS originator,
    CASE WHEN action = 4 THEN 1 ELSE 3 END::INTEGER AS role, interviewer AS responsible__name, 1::INTEGER AS responsible__role, CASE WHEN action = 8 THEN '2' END AS old__value, CASE WHEN action = 8 THEN '1' END AS new__value, CASE WHEN action = 1 THEN prose(i, 'u1') END AS comment
  FROM (SELECT *, date_trunc('second', created_at - to_hours(72 - 9 * step)) AS occurred_at, actions[step] AS action
    FROM (SELECT *, unnest(range(1, len(actions) + 1)) AS step FROM (SELECT *, [1] || CASE WHEN chance(i, 'u2', 5) THEN [8] ELSE [] END || CASE WHEN status > 40 THEN [4] ELSE [] END AS actions FROM farm)));

-- Events in the order of each interview.
CREATE TABLE warehouse.survey.farm_paradata AS
  SELECT tenant, version, changed_at, status AS interview__status, interview__id, n::INTEGER AS "order",
    CASE n WHEN 1 THEN 'InterviewCreated' WHEN 2 THEN 'SupervisorAssigned' WHEN 3 THEN 'InterviewerAssigned' WHEN 4 THEN 'KeyAssigned' WHEN 5 THEN 'Resumed' WHEN events THEN CASE WHEN status > 60 THEN 'Completed' ELSE 'Paused' END ELSE event END AS event,
    interviewer AS responsible, 1::INTEGER AS role, created_at + to_milliseconds(n * 40000 + pick(e, 't1', 40000)) AS timestamp_utc, choose(i, 't2', ['-05:00:00', '00:00:00', '03:00:00', '05:45:00']) AS tz_offset,
    CASE WHEN n = 1 THEN (i + 1)::VARCHAR WHEN n = 3 THEN interviewer WHEN n = 4 THEN interview__key WHEN n IN (2, 5) OR n = events OR event IN ('Paused', 'Resumed') THEN ''
      WHEN event = 'AnswerSet' THEN choose(e, 't3', farm_answers()) || '||' || coalesce(CASE WHEN chance(e, 't4', 20) THEN prose(e, 't5') ELSE pick(e, 't6', 99)::VARCHAR END, '') || '||'
      ELSE choose(e, 't3', farm_answers()) || '||' END AS parameters
  FROM (SELECT *, i * 100 + n AS e, choose(i * 100 + n, 't0', ['AnswerSet', 'AnswerSet', 'AnswerSet', 'AnswerSet', 'AnswerSet', 'AnswerRemoved', 'QuestionDeclaredInvalid', 'QuestionDeclaredValid', 'Paused', 'Resumed']) AS event
    FROM (SELECT *, unnest(range(1, events + 1)) AS n FROM (SELECT *, CASE WHEN status = 40 THEN 4 ELSE 12 + pick(i, 't7', 48) END AS events FROM farm)));

CREATE VIEW warehouse.survey.farm_interview_actions_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_actions WHERE version = 1;
CREATE VIEW warehouse.survey.farm_interview_actions_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_actions WHERE version = 2;
CREATE VIEW warehouse.survey.farm_interview_comments_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_comments WHERE version = 1;
CREATE VIEW warehouse.survey.farm_interview_comments_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_comments WHERE version = 2;
CREATE VIEW warehouse.survey.farm_interview_errors_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_errors WHERE version = 1;
CREATE VIEW warehouse.survey.farm_interview_errors_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_errors WHERE version = 2;
CREATE VIEW warehouse.survey.farm_interview_diagnostics_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_diagnostics WHERE version = 1;
CREATE VIEW warehouse.survey.farm_interview_diagnostics_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_interview_diagnostics WHERE version = 2;
CREATE VIEW warehouse.survey.farm_assignment_actions_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_assignment_actions WHERE version = 1;
CREATE VIEW warehouse.survey.farm_assignment_actions_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_assignment_actions WHERE version = 2;
CREATE VIEW warehouse.survey.farm_paradata_1 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_paradata WHERE version = 1;
CREATE VIEW warehouse.survey.farm_paradata_2 AS SELECT * EXCLUDE (version) FROM warehouse.survey.farm_paradata WHERE version = 2;

-- Pictures and recordings. Many share an object, so that the local stack has few to make (attachments.ts).
CREATE TABLE warehouse.survey.attachments AS
  SELECT tenant, '74e2d308-5491-4e24-af6b-eae9be64130c'::UUID AS questionnaire_id, version, interview__status, changed_at, interview__key, file_name,
    'farm-survey/' || CASE kind WHEN 'picture' THEN 'picture-' || pick(s, 's1', 12) || '.png' WHEN 'audio' THEN 'recording-' || pick(s, 's1', 4) || '.wav' ELSE 'audit-' || pick(s, 's1', 2) || '.m4a' END AS object_key, kind
  FROM (
    SELECT rowid * 10 + 1 AS s, tenant, version, interview__status, changed_at, interview__key, dwelling_photo AS file_name, 'picture' AS kind FROM warehouse.survey.farm_interviews WHERE dwelling_photo <> '##N/A##'
    UNION ALL SELECT rowid * 10 + 2, tenant, version, interview__status, changed_at, interview__key, signature, 'picture' FROM warehouse.survey.farm_interviews WHERE signature <> '##N/A##'
    UNION ALL SELECT rowid * 10 + 3, tenant, version, interview__status, changed_at, interview__key, greeting, 'audio' FROM warehouse.survey.farm_interviews WHERE greeting <> '##N/A##'
    UNION ALL SELECT rowid * 10 + 4, tenant, version, interview__status, changed_at, interview__key, interview__id || strftime(changed_at, '_%Y%m%d_%H%M%S') || '.m4a', 'audio-audit' FROM warehouse.survey.farm_interviews WHERE interview__status > 60 AND hash(rowid, 's2') % 5 = 0)
  ORDER BY s;
