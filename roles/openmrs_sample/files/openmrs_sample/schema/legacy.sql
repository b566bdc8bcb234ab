-- What dumps of very old sites still hold: dates that no calendar has, and a table without a primary key.
SET SESSION sql_mode = '';
CREATE TABLE legacy_dates (
  legacy_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  started datetime NOT NULL DEFAULT '0002-11-30 00:00:00',
  stopped datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  born date NOT NULL DEFAULT '0000-00-00'
) ENGINE=InnoDB;
INSERT INTO legacy_dates () VALUES (), ();
INSERT INTO legacy_dates (started, stopped, born) VALUES ('2009-05-06 07:08:09', '1970-01-01 00:00:00', '1900-01-01');
CREATE TABLE concept_name_tag_map (
  concept_name_id int NOT NULL,
  concept_name_tag_id int NOT NULL,
  KEY tag_map_name (concept_name_id)
) ENGINE=InnoDB;
INSERT INTO concept_name_tag_map (concept_name_id, concept_name_tag_id) VALUES (1, 1), (1, 1), (2, 3);
