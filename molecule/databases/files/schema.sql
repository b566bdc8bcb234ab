-- A small OpenMRS: what the tests write into. One row stands there before anything reads it.
CREATE DATABASE IF NOT EXISTS openmrs CHARACTER SET utf8mb4;
USE openmrs;
CREATE TABLE IF NOT EXISTS person (
  person_id int PRIMARY KEY, gender varchar(50), birthdate date, date_created datetime NOT NULL
) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS person_name (
  person_name_id int PRIMARY KEY, person_id int NOT NULL, given_name varchar(50), family_name varchar(50)
) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS person_attribute (
  person_attribute_id int PRIMARY KEY, person_id int NOT NULL, value varchar(50),
  CONSTRAINT attribute_of_person FOREIGN KEY (person_id) REFERENCES person (person_id) ON DELETE CASCADE
) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS obs (obs_id int PRIMARY KEY, person_id int NOT NULL, value_text longtext) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS note (note_id int PRIMARY KEY, value_text longtext) ENGINE=InnoDB;
INSERT IGNORE INTO person VALUES (1, 'F', '1984-02-29', '2024-05-06 07:08:09');
