-- Computing centres: jobs on clusters, virtual machines, storage; 2014 to 2017.
CREATE SCHEMA warehouse.jobs;

CREATE MACRO ended(i, along) AS moment(i, 'j-e', along, '2014-01-02', 1400);

CREATE TABLE warehouse.jobs.jobs AS
  SELECT tenant, i AS job_record_id, 7000000000000000000 + i AS local_job_id, choose(i, 'jr', ['rush', 'lakeeffect', 'graupel', 'mae, west']) AS resource, choose(i, 'jq', ['general', 'gpu', 'largemem', 'debug']) AS queue,
    printf('u%05d', parent(i, 'ju', slot, 2000)) AS username, given_name(parent(i, 'ju', slot, 2000), 'jg') || ' ' || family_name(parent(i, 'ju', slot, 2000), 'jf') AS person,
    given_name(parent(i, 'jp', slot, 300), 'jh') || ' ' || family_name(parent(i, 'jp', slot, 300), 'ji') AS principal_investigator, topic(i, 'jd') AS department,
    choose(i, 'jn', ['run.sh', 'gauss"ian"', 'train, step 2', 'α-helix', '', NULL, '=md']) AS job_name,
    ended(i, along) - to_seconds(60 + pick(i, 'jw', 172800)) - to_seconds(pick(i, 'jx', 86400)) AS submitted_at, ended(i, along) - to_seconds(60 + pick(i, 'jw', 172800)) AS started_at,
    (ended(i, along))::TIMESTAMPTZ AS ended_at, 60 + pick(i, 'jw', 172800) AS wall_seconds, pick(i, 'jx', 86400) AS wait_seconds, 1 + pick(i, 'jo', 16) AS nodes, 1 + pick(i, 'jc', 512) AS cores,
    CASE WHEN chance(i, 'js', 20) THEN 1 + pick(i, 'js', 8) ELSE 0 END AS gpus, ((60 + pick(i, 'jw', 172800)) * (1 + pick(i, 'jc', 512)) * 0.0002777778)::DECIMAL(38, 10) AS cpu_hours,
    choose(i, 'jt', ['COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'NODE_FAIL']) AS exit_state, choose(i, 'jk', [0, 0, 0, 1, 137, -9]) AS exit_code,
    CASE WHEN chance(i, 'jl', 10) THEN NULL ELSE {'cpu_user': pick(i, 'jm', 10000) * 0.0001::DOUBLE, 'memory_gib': pick(i, 'ja', 512000) * 0.001::DOUBLE, 'hosts': ['cpn-' || pick(i, 'jb', 300)]} END AS performance
  FROM seed(300000);

CREATE TABLE warehouse.jobs.cloud AS
  SELECT tenant, uuid_of(i, 'vm') AS instance_id, choose(i, 'vr', ['cirrus', 'nimbus']) AS resource, printf('u%05d', parent(i, 'vu', slot, 2000)) AS username, 'm1.' || choose(i, 'vt', ['small', 'medium', 'large']) AS instance_type,
    ended(i, along) - to_seconds(pick(i, 'vw', 2592000)) AS started_at, ended(i, along) AS ended_at, 1 + pick(i, 'vc', 32) AS cores, (pick(i, 'vm', 256) * 1.5)::DECIMAL(10, 2) AS memory_gib,
    (pick(i, 'vw', 2592000) * 0.0002777778)::DECIMAL(38, 10) AS wall_hours FROM seed(30000);

CREATE TABLE warehouse.jobs.storage AS
  SELECT tenant, i AS reading_id, choose(i, 'sr', ['projects', 'scratch', 'home']) AS resource, '/' || choose(i, 'sr', ['projects', 'scratch', 'home']) || '/' || printf('u%05d', parent(i, 'su', slot, 2000)) AS mountpoint,
    printf('u%05d', parent(i, 'su', slot, 2000)) AS username, ended(i, along) AS measured_at, pick(i, 'sf', 5000000) AS file_count, 4503599627370496 * (1 + pick(i, 'sb', 1000)) AS logical_bytes,
    4503599627370496 * (1 + pick(i, 'sb', 1000)) + pick(i, 'sp', 1000000) AS physical_bytes, CASE WHEN chance(i, 'sq', 70) THEN 9000000000000000000 END AS quota_bytes FROM seed(60000);
