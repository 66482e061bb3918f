CREATE SCHEMA warehouse.evaluation;
