CREATE SCHEMA warehouse.survey;
