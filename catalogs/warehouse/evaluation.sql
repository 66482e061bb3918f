-- Evaluation: subjects, teachers, questions, evaluations and their answers, 2018 to 2025. Every file of the service's data
-- model is a table of the same name; many codes and many labels belong to one evaluation.
CREATE SCHEMA warehouse.evaluation;

-- The five columns that most records carry.
CREATE MACRO audit(i, slot, along) AS {
  'createdAt': moment(i, 'e-c', along, '2018-01-08', 2700), 'createdBy': 500000 + parent(i, 'e-cb', slot, 6000),
  'updatedAt': later(i, 'e-u', moment(i, 'e-c', along, '2018-01-08', 2700)),
  'modifiedBy': CASE WHEN pick(i, 'e-u', 3) > 0 THEN 500000 + parent(i, 'e-mb', slot, 6000) END, 'deleted': chance(i, 'e-d', 4)};

-- People and places
CREATE TABLE warehouse.evaluation.organisation AS
  SELECT tenant, 1000 + i AS id, CASE WHEN j > 0 THEN 1000 + i - 1 - pick(i, 'op', least(j, 5)) END AS parent, 1000 + i - j AS topOrganisation,
    place(i, 'on') || ' ' || choose(i, 'ot', ['University', 'College', 'Faculty of "Letters"', 'School']) AS name, 'ORG-' || i AS code,
    choose(i, 'oy', ['institute', 'faculty', 'programme']) AS type, CASE WHEN chance(i, 'ox', 70) THEN 'ext:' || i END AS externalId,
    ['evaluation', 'feedback', 'grades'] AS availableModules, ['evaluation', 'feedback', 'grades'][1:1 + pick(i, 'om', 3)] AS modules,
    UNNEST(audit(i, slot, along)) FROM seed(400);

CREATE TABLE warehouse.evaluation."user" AS
  SELECT tenant, 500000 + i AS id, given_name(i, 'xg') || ' ' || family_name(i, 'xf') AS name, choose(i, 'xt', ['dr.', 'prof.', 'prof. dr.', NULL, '']) AS title,
    given_name(i, 'xg') AS firstName, choose(i, 'xp', ['van', 'de', 'von', NULL, NULL, '']) AS prefix, family_name(i, 'xf') AS lastName,
    email(given_name(i, 'xg'), family_name(i, 'xf'), i) AS email, CASE WHEN chance(i, 'xx', 70) THEN lpad(i::VARCHAR, 9, '0') END AS externalId,
    chance(i, 'xa', 85) AS activated, CASE WHEN chance(i, 'xm', 60) THEN moment(i, 'xl', along, '2018-01-08', 2700) END AS lastActivationMail,
    CASE WHEN chance(i, 'xn', 10) THEN true WHEN chance(i, 'xo', 50) THEN false END AS noSurf
  FROM seed(6000);

CREATE TABLE warehouse.evaluation.teacher AS
  SELECT tenant, 700000 + i AS id, 1000 + parent(i, 'to', slot, 400) AS organisationId, 500000 + parent(i, 'tu', slot, 6000) AS userId,
    given_name(i, 'tg') || ' ' || family_name(i, 'tf') AS name, given_name(i, 'tg') AS firstName, choose(i, 'tp', ['van', 'de', NULL, '']) AS prefix,
    family_name(i, 'tf') AS lastName, email(given_name(i, 'tg'), family_name(i, 'tf'), i) AS email, 'T' || lpad(i::VARCHAR, 6, '0') AS externalId,
    chance(i, 'ta', 10) AS archived FROM seed(3000);

-- The calendar
CREATE TABLE warehouse.evaluation.year AS
  SELECT tenant, 2000 + i AS id, 1000 + parent(i, 'yo', slot, 400) AS organisationId, (2017 + j % 9) || '/' || (2018 + j % 9) AS name,
    make_date(2017 + j % 9, 9, 1) AS startDate, make_date(2018 + j % 9, 8, 31) AS endDate FROM seed(200);

CREATE TABLE warehouse.evaluation.period AS
  SELECT tenant, 3000 + i AS id, 2000 + owner(j, slot, 200) AS yearId, 'Block ' || (1 + j % 4) AS name, make_date(2017 + j % 9, 9, 1) + (j % 4 * 70)::INTEGER AS startDate,
    make_date(2017 + j % 9, 9, 1) + (j % 4 * 70 + 69)::INTEGER AS endDate FROM seed(800);

-- Subjects and topics
CREATE TABLE warehouse.evaluation.subject AS
  SELECT tenant, 10000 + i AS id, 1000 + parent(i, 'so', slot, 400) AS organisationId, topic(i, 'sn') || choose(i, 'sk', ['', ' 2', ' (minor)', ', intro']) AS name,
    'VU-' || upper(left(hash_of(i, 's'), 4)) || '-S-' || lpad((j % 99)::VARCHAR, 2, '0') AS code, prose(i, 'sd') AS description,
    CASE WHEN chance(i, 'sx', 60) THEN 'S' || i END AS externalId, chance(i, 'sa', 10) AS archived, UNNEST(audit(i, slot, along)) FROM seed(4000);

CREATE TABLE warehouse.evaluation.subjectPeriod AS
  SELECT tenant, 20000 + i AS id, 10000 + owner(j, slot, 4000) AS subjectId, 3000 + parent(i, 'spp', slot, 800) AS periodId FROM seed(8000);

CREATE TABLE warehouse.evaluation.subjectGrade AS
  SELECT tenant, 30000 + i AS id, 10000 + owner(j, slot, 4000) AS subjectId, 2000 + parent(i, 'sgy', slot, 200) AS yearId,
    ((100 + pick(i, 'sgg', 900)) * 0.01)::DECIMAL(4, 2) AS grade, pick(i, 'sgp', 400) AS participants FROM seed(8000);

CREATE TABLE warehouse.evaluation.subjectGradePeriod AS
  SELECT tenant, 30000 + owner(j, slot, 8000) AS subjectGradeId, 40000 + i AS id, 3000 + parent(i, 'sqp', slot, 800) AS periodId,
    ((100 + pick(i, 'sqg', 900)) * 0.01)::DECIMAL(4, 2) AS grade FROM seed(16000);

CREATE TABLE warehouse.evaluation.subjectLabel AS SELECT tenant, 50000 + i AS id, topic(i, 'sl') || ' label' AS name FROM seed(100);
CREATE TABLE warehouse.evaluation.subjectToLabel AS
  SELECT tenant, 10000 + owner(j, slot, 4000) AS subjectId, 50000 + partner(j, 'st', slot, 4000, 100) AS subjectLabelId FROM seed(5000);

CREATE TABLE warehouse.evaluation.topicType AS
  SELECT tenant, 60000 + i AS id, choose(i, 'tt', ['Lecture', 'Seminar', 'Laboratory', 'Exam', 'Placement', 'Teacher']) AS name, 'TT' || i AS code,
    choose(i, 'ty', ['subject', 'teacher', 'generic']) AS type FROM seed(60);

CREATE TABLE warehouse.evaluation.subjectTopicType AS
  SELECT tenant, 61000 + i AS id, 10000 + owner(j, slot, 4000) AS subjectId, 60000 + parent(i, 'stt', slot, 60) AS topicTypeId FROM seed(8000);
-- None to some for each subjectTopicType.
CREATE TABLE warehouse.evaluation.subjectTopicTypeTeacher AS
  SELECT tenant, 61000 + parent(i, 'sv', slot, 8000) AS subjectTopicTypeId, 80000 + i AS id, 700000 + parent(i, 'sw', slot, 3000) AS teacherId FROM seed(10000);

CREATE TABLE warehouse.evaluation.genericTopic AS
  SELECT tenant, 90000 + i AS id, choose(i, 'gn', ['Library', 'Canteen', 'Housing', 'Wi-Fi', 'Reception']) || ' ' || place(i, 'gp') AS name, prose(i, 'gd') AS description,
    CASE WHEN chance(i, 'gx', 50) THEN 'G' || i END AS externalId, 'GT-' || i AS code, 1000 + parent(i, 'go', slot, 400) AS organisation,
    1000 + first_of(slot, total(400)) AS topOrganisation, chance(i, 'ga', 12) AS archived, UNNEST(audit(i, slot, along)) FROM seed(600);
CREATE TABLE warehouse.evaluation.genericTopicLabel AS SELECT tenant, 91000 + i AS id, topic(i, 'gl') AS name FROM seed(60);
CREATE TABLE warehouse.evaluation.genericTopicToLabel AS
  SELECT tenant, 90000 + owner(j, slot, 600) AS genericTopicId, 91000 + partner(j, 'gt', slot, 600, 60) AS genericTopicLabelId FROM seed(900);
CREATE TABLE warehouse.evaluation.genericTopicTopicType AS
  SELECT tenant, 92000 + i AS id, 90000 + owner(j, slot, 600) AS genericTopicId, 60000 + parent(i, 'gy', slot, 60) AS topicTypeId, j % 5 AS "index" FROM seed(900);

-- Questions, keyed by hash
CREATE TABLE warehouse.evaluation.questionScale AS
  SELECT tenant, hash_of(i, 'scale') AS hash, choose(i, 'qn', ['Agreement', 'Frequency', 'Grade', 'Yes/no']) || ' ' || j AS name, choose(i, 'qt', ['ordinal', 'interval', 'nominal']) AS type FROM seed(60);
CREATE TABLE warehouse.evaluation.questionScaleValue AS
  SELECT tenant, 100000 + i AS id, hash_of(owner(j, slot, 60), 'scale') AS questionScaleHash, 1 + j // rows_of(slot, 60) AS value,
    choose(i, 'ql', ['totally disagree', 'disagree', 'neutral', 'agree', 'totally agree', 'n/a']) AS label, j // rows_of(slot, 60) AS "index" FROM seed(300);
CREATE TABLE warehouse.evaluation.question AS
  SELECT tenant, hash_of(i, 'question') AS hash, 'VU-' || upper(left(hash_of(i, 'qc'), 4)) || '-S-' || lpad((j % 99)::VARCHAR, 2, '0') AS code,
    choose(i, 'qq', ['The teacher explains well', 'The pace was right', 'What would you change?', E'Two lines:\nyes?', 'How "useful" was it?']) || ' (' || topic(i, 'qr') || ')' AS text,
    CASE WHEN chance(i, 'qo', 25) THEN 'open' ELSE 'closed' END AS type, CASE WHEN NOT chance(i, 'qo', 25) THEN hash_of(parent(i, 'qs', slot, 60), 'scale') END AS questionScaleHash,
    1000 + parent(i, 'qg', slot, 400) AS organisationId FROM seed(1000);
CREATE TABLE warehouse.evaluation.questionLabel AS SELECT tenant, 110000 + i AS id, topic(i, 'qb') AS name FROM seed(60);
CREATE TABLE warehouse.evaluation.questionToLabel AS
  SELECT tenant, hash_of(owner(j, slot, 1000), 'question') AS questionHash, 110000 + partner(j, 'qd', slot, 1000, 60) AS questionLabelId FROM seed(1500);

-- Evaluations
CREATE TABLE warehouse.evaluation.evaluation AS
  SELECT tenant, 200000 + i AS id, 1000 + parent(i, 'vo', slot, 400) AS organisationId, topic(i, 'vn') || ' ' || (2018 + (along * 7)::INTEGER) AS name, prose(i, 'vd') AS description,
    moment(i, 'e-c', along, '2018-01-08', 2700)::DATE + 7 AS startDate, moment(i, 'e-c', along, '2018-01-08', 2700)::DATE + (21 + pick(i, 've', 30))::INTEGER AS endDate,
    choose(i, 'vs', ['draft', 'open', 'closed', 'reported']) AS status, 20000 + parent(i, 'vp', slot, 8000) AS subjectPeriodId,
    CASE WHEN chance(i, 'vx', 30) THEN 'EV' || i END AS externalId, UNNEST(audit(i, slot, along)) FROM seed(6000);
CREATE TABLE warehouse.evaluation.evaluationLabel AS
  SELECT tenant, 210000 + i AS id, choose(i, 'vl', ['bachelor', 'master', 'pilot', 'honours, full-time']) || ' ' || j AS name, 1000 + parent(i, 'vg', slot, 400) AS organisationId FROM seed(60);
CREATE TABLE warehouse.evaluation.evaluationToLabel AS
  SELECT tenant, 200000 + owner(j, slot, 6000) AS evaluationId, 210000 + partner(j, 'vt', slot, 6000, 60) AS evaluationLabelId FROM seed(9000);
CREATE TABLE warehouse.evaluation.evaluationBlock AS
  SELECT tenant, 220000 + i AS id, 200000 + owner(j, slot, 6000) AS evaluationId, 60000 + parent(i, 'bt', slot, 60) AS topicTypeId,
    CASE WHEN NOT chance(i, 'bg', 20) THEN 10000 + parent(i, 'bs', slot, 4000) END AS subjectId, CASE WHEN chance(i, 'bg', 20) THEN 90000 + parent(i, 'bu', slot, 600) END AS genericTopicId,
    'About ' || topic(i, 'bn') AS title, j // rows_of(slot, 6000) AS "index" FROM seed(12000);
CREATE TABLE warehouse.evaluation.evaluationBlockTeacher AS
  SELECT tenant, 250000 + i AS id, 220000 + parent(i, 'bb', slot, 12000) AS evaluationBlockId, 700000 + parent(i, 'bw', slot, 3000) AS teacherId FROM seed(12000);
CREATE TABLE warehouse.evaluation.evaluationBlockQuestionSet AS
  SELECT tenant, 280000 + i AS id, 220000 + owner(j, slot, 12000) AS evaluationBlockId, 1 + pick(i, 'bq', 50) AS questionSetId, topic(i, 'bz') || ' set' AS name, 0 AS "index" FROM seed(12000);
CREATE TABLE warehouse.evaluation.evaluationBlockQuestion AS
  SELECT tenant, 310000 + i AS id, 220000 + owner(j, slot, 12000) AS evaluationBlockId, 280000 + owner(j, slot, 12000) AS evaluationBlockQuestionSetId,
    hash_of(parent(i, 'bh', slot, 1000), 'question') AS questionHash, j // rows_of(slot, 12000) AS "index", chance(i, 'br', 60) AS required FROM seed(48000);
CREATE TABLE warehouse.evaluation.evaluationCode AS
  SELECT tenant, 600000 + i AS id, 200000 + owner(j, slot, 6000) AS evaluationId, choose(i, 'cg', ['Group A', 'Group B', 'Group "C"', NULL, '']) AS groupName,
    CASE WHEN chance(i, 'cu', 60) THEN moment_exact(i, 'cm', along, '2018-02-01', 2690) END AS usedAt,
    CASE WHEN chance(i, 'cu', 45) THEN moment_exact(i, 'cm', along, '2018-02-01', 2690) + to_microseconds(60000000 + pick(i, 'cd', 1800000000)) END AS completedAt FROM seed(90000);
CREATE TABLE warehouse.evaluation.evaluationFeedback AS
  SELECT tenant, 120000 + i AS id, 200000 + owner(j, slot, 6000) AS evaluationId, 500000 + parent(i, 'fu', slot, 6000) AS userId,
    CASE WHEN chance(i, 'fs', 70) THEN moment_exact(i, 'fm', along, '2018-03-01', 2690) END AS submittedAt, CASE WHEN chance(i, 'fs', 70) THEN 'submitted' ELSE 'open' END AS status,
    UNNEST(audit(i, slot, along)) FROM seed(6000);
CREATE TABLE warehouse.evaluation.evaluationFeedbackField AS
  SELECT tenant, 130000 + i AS id, 120000 + owner(j, slot, 6000) AS evaluationFeedbackId, choose(i, 'ff', ['strengths', 'improvements', 'actions']) AS name, prose(i, 'fv') AS value,
    j // rows_of(slot, 6000) AS "index" FROM seed(12000);
CREATE TABLE warehouse.evaluation.evaluationFeedbackTask AS
  SELECT tenant, 150000 + i AS id, 120000 + owner(j, slot, 6000) AS evaluationFeedbackId, 500000 + parent(i, 'fk', slot, 6000) AS userId, prose(i, 'fd') AS description,
    DATE '2018-06-01' + (along * 2600)::INTEGER AS dueDate, chance(i, 'fc', 50) AS completed FROM seed(6000);

-- Answers: question, block, evaluation and code belong together.
CREATE MACRO answers(n, salt) AS TABLE
  SELECT s.tenant, s.i, q.evaluationBlockId, q.id AS evaluationBlockQuestionId, b.evaluationId, q.questionHash,
    600000 + child(s.i, salt || 'c', s.slot, b.evaluationId - 200000, 6000, 90000) AS evaluationCodeId,
    CASE WHEN chance(s.i, salt || 't', 40) THEN 700000 + parent(s.i, salt || 'w', s.slot, 3000) END AS teacherId,
    moment_exact(s.i, salt || 'm', s.along, '2018-02-01', 2690) AS createdAt
  FROM (SELECT *, 310000 + parent(i, salt || 'q', slot, 48000) AS questionId FROM seed(n)) s
  JOIN warehouse.evaluation.evaluationBlockQuestion q ON q.id = s.questionId
  JOIN warehouse.evaluation.evaluationBlock b ON b.id = q.evaluationBlockId;

CREATE TABLE warehouse.evaluation.answerSetResult AS
  SELECT tenant, 10000000 + i AS id, evaluationId, evaluationBlockId, evaluationBlockQuestionId, evaluationCodeId, teacherId, questionHash,
    CASE WHEN NOT chance(i, 'zn', 5) THEN 100000 + pick(i, 'zs', total(300)) END AS questionScaleValueId,
    CASE WHEN NOT chance(i, 'zn', 5) THEN ((10 + pick(i, 'zv', 91)) * 0.1)::DECIMAL(38, 10) END AS value, createdAt
  FROM answers(300000, 'z') ORDER BY id;
CREATE TABLE warehouse.evaluation.answerSetTextResult AS
  SELECT tenant, 20000000 + i AS id, evaluationId, evaluationBlockId, evaluationBlockQuestionId, evaluationCodeId, teacherId, questionHash, prose(i, 'wt') AS text, createdAt
  FROM answers(60000, 'w') ORDER BY id;
