CREATE SCHEMA warehouse.engagement;
