-- What every domain's tables are made of. All content follows from row numbers and salts by DuckDB's hash(), so the same
-- scale always gives the same rows. Macros live in the building connection and do not get into the warehouse.

-- A count of rows at this scale; never fewer than 40, so that every tenant that has rows has some in each table.
CREATE MACRO total(n) AS greatest(40, (n * getvariable('scale'))::BIGINT)::BIGINT;

-- Tenants own consecutive rows: the first half is dreambuilder's, and so on. The tenant `vacant` has none.
CREATE MACRO slot(i, n) AS CASE WHEN i < n * 50 // 100 THEN 0 WHEN i < n * 80 // 100 THEN 1 WHEN i < n * 97 // 100 THEN 2 ELSE 3 END;
CREATE MACRO first_of(slot, n) AS CASE slot WHEN 0 THEN 0 WHEN 1 THEN n * 50 // 100 WHEN 2 THEN n * 80 // 100 WHEN 3 THEN n * 97 // 100 ELSE n END;
CREATE MACRO tenant_of(slot) AS CASE slot WHEN 0 THEN 'dreambuilder' WHEN 1 THEN 'acme' WHEN 2 THEN 'fjordbank' ELSE 'lumen-school' END;

-- Rows of a table: i in the table, j within the tenant, `along` from 0 to 1 within the tenant.
CREATE MACRO seed(n) AS TABLE
  SELECT i, slot, tenant_of(slot) AS tenant, i - first_of(slot, total(n)) AS j,
    (i - first_of(slot, total(n)))::DOUBLE / (first_of(slot + 1, total(n)) - first_of(slot, total(n))) AS along
  FROM (SELECT i, slot(i, total(n)) AS slot FROM range(total(n)) r(i));

-- A whole number from 0 to n - 1.
CREATE MACRO pick(i, salt, n) AS (hash(i, salt) % n::UBIGINT)::BIGINT;
CREATE MACRO chance(i, salt, percent) AS pick(i, salt, 100) < percent;
CREATE MACRO choose(i, salt, choices) AS choices[1 + pick(i, salt, len(choices))];
-- The row number of a parent that belongs to the same tenant, in a table of seed(n).
CREATE MACRO parent(i, salt, slot, n) AS
  first_of(slot, total(n)) + pick(i, salt, first_of(slot + 1, total(n)) - first_of(slot, total(n)));
-- A count of the tenant's rows in a table of seed(n).
CREATE MACRO rows_of(slot, n) AS first_of(slot + 1, total(n)) - first_of(slot, total(n));
-- A parent of row j that deals children out evenly, and a child of parent p so dealt: the two agree, so that a row can
-- name a parent and a child of that same parent. There must be at least as many children as parents.
CREATE MACRO owner(j, slot, n) AS first_of(slot, total(n)) + j % rows_of(slot, n);
CREATE MACRO child(i, salt, slot, p, parents, children) AS first_of(slot, total(children)) + p - first_of(slot, total(parents))
  + rows_of(slot, parents) * pick(i, salt, rows_of(slot, children) // rows_of(slot, parents));
-- A partner for row j, which owner() gives to parent p of n parents: the same parent never gets the same partner twice.
CREATE MACRO partner(j, salt, slot, n, partners) AS first_of(slot, total(partners))
  + (pick(owner(j, slot, n), salt, rows_of(slot, partners)) + j // rows_of(slot, n)) % rows_of(slot, partners);

-- A moment to the microsecond that moves through a span of days as `along` goes from 0 to 1. One in 50 is cut to the
-- hour, as a bulk load would, so that some rows share their moment.
CREATE MACRO moment_exact(i, salt, along, since, days) AS
  since::TIMESTAMP + to_microseconds((along * (days - 1) * 86400)::BIGINT * 1000000 + pick(i, salt, 86400000000));
CREATE MACRO moment(i, salt, along, since, days) AS
  CASE WHEN chance(i, 'bulk', 2) THEN date_trunc('hour', moment_exact(i, salt, along, since, days)) ELSE moment_exact(i, salt, along, since, days) END;
-- When a row of that age was last modified: never for a third, up to 400 days later for the others.
CREATE MACRO later(i, salt, created) AS
  CASE WHEN pick(i, salt, 3) = 0 THEN NULL ELSE created + to_microseconds(pick(i, salt || 's', 34560000) * 1000000 + pick(i, salt || 'u', 1000000)) END;

CREATE MACRO given_name(i, salt) AS choose(i, salt, ['Ada', 'Bruno', 'Chloé', 'Dmitri', 'Eun-ji', 'Femke', 'Grace', 'Håkon', 'Ines', 'João',
  'Kenji', 'Łucja', 'Mia', 'Nguyễn', 'Olga', 'Priya', 'Quentin', 'Ruth', 'Søren', 'Tomáš', 'Umar', 'Verónica', 'Wei', 'Xiomara', 'Yusuf', 'Zoë',
  'محمد', 'שרה', '李娜', '𝒜da', 'Anne "Annie"', '=Ada']);
CREATE MACRO family_name(i, salt) AS choose(i, salt, ['Almeida', 'Björk', 'Castillo', 'de Vries', 'Eriksen', 'Fischer', 'García Márquez', 'Hopper',
  'Ivanova', 'Jansen', 'Kowalczyk', 'Lovelace', 'Müller', 'Nakamura', 'O''Brien', 'Petrović', 'Quispe', 'Rossi', 'Smith', 'Taşkın', 'Ueda',
  'van den Berg', 'Wójcik', 'Xu', 'Yılmaz', 'Zhang', 'حسين', 'כהן', '山田', 'Smith, Jr.', '-Dash', '+Plus']);
CREATE MACRO place(i, salt) AS choose(i, salt, ['Amsterdam', 'Bogotá', 'Cork', 'Dakar', 'Espoo', 'Fès', 'Gdańsk', 'Hà Nội', 'İzmir', 'Joensuu',
  'Kraków', 'Łódź', 'München', 'Nürnberg', 'Oslo', 'Praha', 'Québec', 'Reykjavík', 'São Paulo', 'Tromsø', 'القاهرة', 'תל אביב', '東京', 'Zürich']);
CREATE MACRO topic(i, salt) AS choose(i, salt, ['Accounting', 'Biology', 'Calculus', 'Data protection', 'Ethics', 'Fire safety', 'Geometry', 'Hygiene',
  'Induction', 'Journalism', 'Kinetics', 'Leadership', 'Mechanics', 'Négociation', 'Optics', 'Philosophie', 'Quality', 'Rhetoric', 'Statistics',
  'Typography', 'Übersetzung', 'Vectors', 'Writing', '数学']);

-- Texts that break careless writers, among plain ones. One in 2,000 is 20,000 characters long.
CREATE MACRO prose(i, salt) AS CASE WHEN pick(i, salt || 'long', 2000) = 7 THEN repeat('All work and no play. ', 909) || 'é' ELSE choose(i, salt, [
  'Clear and to the point.', 'Please give more examples.', 'Too fast for me', 'The best so far', 'Room was cold; teacher was not.', 'No remarks',
  'I would take it again', 'Learned a lot about tides', 'Good pace, good slides', 'Fine', 'Could be shorter', 'Ran out of time',
  'He said "yes", twice', 'one, two, three', E'first line\nsecond line', E'carriage\rreturn', E'both\r\nends', E'tab\there', '''quoted''', '"',
  'semi;colon|pipe', '', NULL, ' leading and trailing ', '=SUM(A1:A9)', '+31 20 123 4567', '-5.00', '@handle', '-', 'NULL', '\N', '\\server\share',
  'Grüße aus Köln', 'naïve café', '非常好', 'شكرا جزيلا', 'תודה רבה', '👩‍🚀 lift-off 🚀', '𝒜𝒷𝒸 beyond the plane', 'e' || chr(769) || ' combined', chr(65279) || 'mark first',
  'zero' || chr(8203) || 'width', chr(8238) || 'right to left', '<b>bold</b> & "more"', '{"json": [1, 2]}', 'a,"b",c', E'"\n"', '1e5', '007']) END;

CREATE MACRO email(given, family, i) AS lower(strip_accents(regexp_replace(given || '.' || family, '[^\pL.]', '', 'g'))) || i || '@example.com';
CREATE MACRO uuid_of(i, salt) AS (printf('%016x', hash(i, salt)) || printf('%016x', hash(i, salt, 'low')))::UUID;
CREATE MACRO hash_of(i, salt) AS md5(salt || '/' || i);
