-- Engagement: an intranet's people, sites, content and what people did with it, March 2019 to October 2026. One table an
-- entity, under its internal name.
CREATE SCHEMA warehouse.engagement;

CREATE MACRO created(i, along) AS moment(i, 'g-c', along, '2019-03-01', 2400);
CREATE MACRO stamps(i, along) AS {'created_at': created(i, along), 'modified_at': later(i, 'g-m', created(i, along))};
CREATE MACRO removable(i, along) AS {'created_at': created(i, along), 'modified_at': later(i, 'g-m', created(i, along)),
  'is_deleted': pick(i, 'g-m', 3) > 0 AND chance(i, 'g-d', 12)};

CREATE TABLE warehouse.engagement."user" AS
  SELECT tenant, uuid_of(i, 'user') AS user_id, given_name(i, 'ug') AS first_name, family_name(i, 'uf') AS last_name, email(given_name(i, 'ug'), family_name(i, 'uf'), i) AS email,
    topic(i, 'ud') AS department, place(i, 'ul') AS location, choose(i, 'ut', ['Nurse', 'Engineer', 'Clerk, senior', 'VP "People"', '', NULL]) AS job_title,
    CASE WHEN j > 0 THEN uuid_of(i - 1 - pick(i, 'um', least(j, 20)), 'user') END AS manager_id, DATE '1961-01-01' + pick(i, 'uh', 22000)::INTEGER AS hired_on,
    TIME '06:00:00' + to_minutes(15 * pick(i, 'us', 24)) AS shift_starts, UNNEST(removable(i, along)) FROM seed(20000);
CREATE TABLE warehouse.engagement.user_login_events AS
  SELECT tenant, uuid_of(i, 'login') AS login_id, uuid_of(parent(i, 'lu', slot, 20000), 'user') AS user_id, choose(i, 'lc', ['web', 'ios', 'android']) AS channel,
    printf('203.0.113.%d', pick(i, 'la', 254)) AS ip_address, NOT chance(i, 'lf', 6) AS succeeded, UNNEST(stamps(i, along)) FROM seed(200000);

-- Sites and what stands on them
CREATE TABLE warehouse.engagement.site_category AS
  SELECT tenant, uuid_of(i, 'site category') AS site_category_id, topic(i, 'kc') AS name, prose(i, 'kd') AS description, UNNEST(removable(i, along)) FROM seed(60);
CREATE TABLE warehouse.engagement.site AS
  SELECT tenant, uuid_of(i, 'site') AS site_id, uuid_of(parent(i, 'sk', slot, 60), 'site category') AS site_category_id, topic(i, 'sn') || ' @ ' || place(i, 'sp') AS name,
    choose(i, 'sv', ['public', 'private', 'unlisted']) AS visibility, uuid_of(parent(i, 'so', slot, 20000), 'user') AS owner_id, pick(i, 'sm', 9000) AS member_count,
    UNNEST(removable(i, along)) FROM seed(1500);
CREATE TABLE warehouse.engagement.theme AS
  SELECT tenant, uuid_of(i, 'theme') AS theme_id, topic(i, 'hn') AS name, printf('#%06x', pick(i, 'hc', 16777216)) AS colour, UNNEST(stamps(i, along)) FROM seed(100);
CREATE TABLE warehouse.engagement.content AS
  SELECT tenant, uuid_of(i, 'content') AS content_id, uuid_of(parent(i, 'cs', slot, 1500), 'site') AS site_id, uuid_of(parent(i, 'ca', slot, 20000), 'user') AS author_id,
    choose(i, 'ct', ['page', 'event', 'album', 'blog post']) AS type, topic(i, 'cn') || ': ' || place(i, 'cp') AS title, prose(i, 'cb') AS body,
    CASE WHEN chance(i, 'ck', 30) THEN [] WHEN chance(i, 'ck', 40) THEN NULL ELSE [topic(i, 'c1'), topic(i, 'c2')] END AS topics,
    CASE WHEN NOT chance(i, 'cd', 15) THEN created(i, along) END AS published_at, UNNEST(removable(i, along)) FROM seed(60000);
CREATE TABLE warehouse.engagement.comment AS
  SELECT tenant, uuid_of(i, 'comment') AS comment_id, uuid_of(parent(i, 'oc', slot, 60000), 'content') AS content_id, uuid_of(parent(i, 'ou', slot, 20000), 'user') AS user_id,
    CASE WHEN j > 0 AND chance(i, 'op', 25) THEN uuid_of(i - 1 - pick(i, 'oq', least(j, 9)), 'comment') END AS parent_comment_id, prose(i, 'ob') AS body, UNNEST(removable(i, along)) FROM seed(80000);
CREATE TABLE warehouse.engagement.feed AS
  SELECT tenant, uuid_of(i, 'feed') AS feed_id, uuid_of(parent(i, 'fs', slot, 1500), 'site') AS site_id, uuid_of(parent(i, 'fu', slot, 20000), 'user') AS user_id, prose(i, 'fb') AS body,
    pick(i, 'fr', 50) AS reaction_count, UNNEST(removable(i, along)) FROM seed(40000);
CREATE TABLE warehouse.engagement.file AS
  SELECT tenant, uuid_of(i, 'file') AS file_id, uuid_of(parent(i, 'ic', slot, 60000), 'content') AS content_id, topic(i, 'in') || choose(i, 'ie', ['.pdf', '.docx', ' (1).png', '.tar.gz', '']) AS name,
    choose(i, 'im', ['application/pdf', 'image/png', 'text/plain', NULL]) AS media_type, 9007199254740993 + pick(i, 'ib', 1000000) AS bytes,
    CASE WHEN chance(i, 'ix', 80) THEN unhex(left(hash_of(i, 'file'), 8)) WHEN chance(i, 'iy', 50) THEN ''::BLOB END AS fingerprint, UNNEST(removable(i, along)) FROM seed(20000);
CREATE TABLE warehouse.engagement.section_instance AS
  SELECT tenant, uuid_of(i, 'section') AS section_instance_id, uuid_of(parent(i, 'es', slot, 1500), 'site') AS site_id, uuid_of(parent(i, 'et', slot, 100), 'theme') AS theme_id,
    topic(i, 'en') AS title, j % 8 AS position, {'columns': 1 + pick(i, 'ec', 3), 'dark': chance(i, 'ed', 30)} AS layout, UNNEST(removable(i, along)) FROM seed(5000);

-- What people did
CREATE TABLE warehouse.engagement.interaction AS
  SELECT tenant, uuid_of(i, 'interaction') AS interaction_id, uuid_of(parent(i, 'ac', slot, 60000), 'content') AS content_id, uuid_of(parent(i, 'au', slot, 20000), 'user') AS user_id,
    choose(i, 'aa', ['view', 'like', 'share', 'bookmark', 'download']) AS action, pick(i, 'as', 3600000) * 0.001::DOUBLE AS seconds, UNNEST(stamps(i, along)) FROM seed(300000);
CREATE TABLE warehouse.engagement.content_must_read_marked AS
  SELECT tenant, uuid_of(i, 'must read') AS must_read_id, uuid_of(parent(i, 'mc', slot, 60000), 'content') AS content_id, uuid_of(parent(i, 'mu', slot, 20000), 'user') AS marked_by,
    created(i, along)::DATE + pick(i, 'me', 60)::INTEGER AS expires_on, pick(i, 'mr', 5000) AS audience_count, UNNEST(stamps(i, along)) FROM seed(3000);

-- Newsletters
CREATE TABLE warehouse.engagement.newsletter_category AS
  SELECT tenant, uuid_of(i, 'newsletter category') AS newsletter_category_id, topic(i, 'yn') AS name, UNNEST(stamps(i, along)) FROM seed(60);
CREATE TABLE warehouse.engagement.newsletter AS
  SELECT tenant, uuid_of(i, 'newsletter') AS newsletter_id, uuid_of(parent(i, 'nc', slot, 60), 'newsletter category') AS newsletter_category_id, prose(i, 'ns') AS subject,
    uuid_of(parent(i, 'na', slot, 20000), 'user') AS author_id, choose(i, 'nt', ['draft', 'scheduled', 'sent']) AS status, CASE WHEN chance(i, 'nt2', 66) THEN created(i, along) + INTERVAL 1 DAY END AS sent_at,
    pick(i, 'nr', 20000) AS recipient_count, UNNEST(removable(i, along)) FROM seed(2000);
CREATE TABLE warehouse.engagement.newsletter_interaction AS
  SELECT tenant, uuid_of(i, 'newsletter interaction') AS newsletter_interaction_id, uuid_of(parent(i, 'vn', slot, 2000), 'newsletter') AS newsletter_id,
    uuid_of(parent(i, 'vu', slot, 20000), 'user') AS user_id, choose(i, 'va', ['delivered', 'opened', 'clicked', 'bounced']) AS action, choose(i, 'vl', ['https://example.com/?a=1&b="2"', NULL, '']) AS link,
    UNNEST(stamps(i, along)) FROM seed(100000);

-- Surveys
CREATE TABLE warehouse.engagement.survey_question_bank AS
  SELECT tenant, uuid_of(i, 'bank question') AS question_id, prose(i, 'bq') AS text, choose(i, 'bt', ['rating', 'choice', 'open']) AS type, choose(i, 'bl', ['en', 'fr', 'ar']) AS language,
    UNNEST(removable(i, along)) FROM seed(400);
CREATE TABLE warehouse.engagement.survey_question_answer_bank AS
  SELECT tenant, uuid_of(i, 'bank answer') AS answer_id, uuid_of(owner(j, slot, 400), 'bank question') AS question_id, 1 + j // rows_of(slot, 400) AS value,
    choose(i, 'bx', ['Strongly disagree', 'Disagree', 'Neutral', 'Agree', 'Strongly agree']) AS text, UNNEST(stamps(i, along)) FROM seed(2000);
CREATE TABLE warehouse.engagement.survey_instance AS
  SELECT tenant, uuid_of(i, 'survey') AS survey_id, topic(i, 'wn') || ' pulse' AS name, choose(i, 'ws', ['draft', 'open', 'closed']) AS status, created(i, along) + INTERVAL 2 DAY AS opens_at,
    created(i, along) + INTERVAL 16 DAY AS closes_at, chance(i, 'wa', 70) AS is_anonymous, UNNEST(removable(i, along)) FROM seed(600);
CREATE TABLE warehouse.engagement.survey_instance_question AS
  SELECT tenant, uuid_of(i, 'survey question') AS survey_question_id, uuid_of(owner(j, slot, 600), 'survey') AS survey_id, uuid_of(parent(i, 'wq', slot, 400), 'bank question') AS question_id,
    j // rows_of(slot, 600) AS position, chance(i, 'wr', 60) AS is_required, UNNEST(stamps(i, along)) FROM seed(6000);
CREATE TABLE warehouse.engagement.survey_recipient AS
  SELECT tenant, uuid_of(i, 'recipient') AS recipient_id, uuid_of(owner(j, slot, 600), 'survey') AS survey_id, uuid_of(parent(i, 'ru', slot, 20000), 'user') AS user_id,
    CASE WHEN chance(i, 'rr', 60) THEN created(i, along) + INTERVAL 3 DAY END AS responded_at, pick(i, 'rm', 4) AS reminder_count, UNNEST(stamps(i, along)) FROM seed(60000);
CREATE TABLE warehouse.engagement.survey_response AS
  SELECT tenant, uuid_of(i, 'response') AS response_id, uuid_of(q.p, 'survey question') AS survey_question_id, uuid_of(child(i, 'ra', slot, first_of(slot, total(600)) + (q.p - first_of(slot, total(6000))) % rows_of(slot, 600), 600, 60000), 'recipient') AS recipient_id,
    CASE WHEN NOT chance(i, 'ro', 30) THEN 1 + pick(i, 'rv', 5) END AS value, CASE WHEN chance(i, 'ro', 30) THEN prose(i, 'rt') END AS text, UNNEST(stamps(i, along))
  FROM (SELECT *, {'p': owner(j, slot, 6000)} AS q FROM seed(120000));

-- Checks
CREATE TABLE warehouse.engagement.sentiment_check_configuration AS
  SELECT tenant, uuid_of(i, 'sentiment check') AS sentiment_check_id, prose(i, 'tq') AS question, choose(i, 'tf', ['daily', 'weekly', 'monthly']) AS frequency, chance(i, 'ta', 80) AS is_active,
    UNNEST(stamps(i, along)) FROM seed(60);
CREATE TABLE warehouse.engagement.sentiment_check_response AS
  SELECT tenant, uuid_of(i, 'sentiment') AS sentiment_response_id, uuid_of(parent(i, 'tc', slot, 60), 'sentiment check') AS sentiment_check_id, uuid_of(parent(i, 'tu', slot, 20000), 'user') AS user_id,
    1 + pick(i, 'ts', 5) AS score, ((pick(i, 'tw', 2000001) - 1000000) * 0.000001)::DECIMAL(38, 10) AS polarity, prose(i, 'tr') AS remark, UNNEST(stamps(i, along)) FROM seed(60000);
CREATE TABLE warehouse.engagement.awareness_check_question AS
  SELECT tenant, uuid_of(i, 'awareness question') AS awareness_question_id, uuid_of(parent(i, 'qc', slot, 60000), 'content') AS content_id, prose(i, 'qt') AS text, UNNEST(removable(i, along)) FROM seed(1000);
CREATE TABLE warehouse.engagement.awareness_check_option AS
  SELECT tenant, uuid_of(i, 'awareness option') AS awareness_option_id, uuid_of(owner(j, slot, 1000), 'awareness question') AS awareness_question_id, prose(i, 'pt') AS text,
    j // rows_of(slot, 1000) = 0 AS is_correct, j // rows_of(slot, 1000) AS position, UNNEST(stamps(i, along)) FROM seed(4000);
CREATE TABLE warehouse.engagement.awareness_check_response AS
  SELECT tenant, uuid_of(i, 'awareness response') AS awareness_response_id, uuid_of(q.p, 'awareness question') AS awareness_question_id, uuid_of(child(i, 'zo', slot, q.p, 1000, 4000), 'awareness option') AS awareness_option_id,
    uuid_of(parent(i, 'zu', slot, 20000), 'user') AS user_id, UNNEST(stamps(i, along))
  FROM (SELECT *, {'p': owner(j, slot, 1000)} AS q FROM seed(30000));
