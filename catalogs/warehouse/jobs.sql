CREATE SCHEMA warehouse.jobs;
