-- The tenants of the sample, one of them without any rows.
CREATE TABLE warehouse.main.tenants AS
  SELECT * FROM (VALUES ('dreambuilder', 'Dreambuilder'), ('acme', 'Acme, Inc.'), ('fjordbank', 'Fjordbank'), ('lumen-school', 'Lumen "School"'), ('vacant', 'Vacant'))
    t(tenant, title);
