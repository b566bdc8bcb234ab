-- Users, places, concepts and types: what the clinical tables point at. Written from the description of OpenMRS 2.8's tables.
-- Left out: foreign keys to tables that this sample does not have (drug, orders, form, patient_program).
CREATE TABLE users (
  user_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  system_id varchar(50) NOT NULL,
  username varchar(50), password varchar(128), salt varchar(128),
  secret_question varchar(255), secret_answer varchar(255),
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  changed_by int, date_changed datetime,
  person_id int NOT NULL,
  retired tinyint(1) NOT NULL DEFAULT 0,
  retired_by int, date_retired datetime, retire_reason varchar(255),
  uuid char(38) NOT NULL,
  activation_key varchar(255),
  email varchar(255) UNIQUE,
  CONSTRAINT user_creator FOREIGN KEY (creator) REFERENCES users (user_id),
  CONSTRAINT user_who_changed FOREIGN KEY (changed_by) REFERENCES users (user_id) ON DELETE CASCADE,
  CONSTRAINT user_who_retired FOREIGN KEY (retired_by) REFERENCES users (user_id),
  CONSTRAINT user_person FOREIGN KEY (person_id) REFERENCES person (person_id)
) ENGINE=InnoDB;

CREATE TABLE location (
  location_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(255) NOT NULL,
  description varchar(255),
  address1 varchar(255), address2 varchar(255),
  city_village varchar(255), state_province varchar(255), postal_code varchar(50), country varchar(50),
  latitude varchar(50), longitude varchar(50),
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  county_district varchar(255),
  address3 varchar(255), address4 varchar(255), address5 varchar(255), address6 varchar(255),
  retired tinyint(1) NOT NULL DEFAULT 0,
  retired_by int, date_retired datetime, retire_reason varchar(255),
  parent_location int,
  uuid char(38) NOT NULL UNIQUE,
  changed_by int, date_changed datetime,
  address7 varchar(255), address8 varchar(255), address9 varchar(255), address10 varchar(255), address11 varchar(255),
  address12 varchar(255), address13 varchar(255), address14 varchar(255), address15 varchar(255),
  location_type_concept_id int,
  KEY location_name (name), KEY location_retired (retired),
  CONSTRAINT location_creator FOREIGN KEY (creator) REFERENCES users (user_id),
  CONSTRAINT location_who_retired FOREIGN KEY (retired_by) REFERENCES users (user_id),
  CONSTRAINT location_who_changed FOREIGN KEY (changed_by) REFERENCES users (user_id),
  CONSTRAINT location_parent FOREIGN KEY (parent_location) REFERENCES location (location_id),
  CONSTRAINT location_kind FOREIGN KEY (location_type_concept_id) REFERENCES concept (concept_id)
) ENGINE=InnoDB;

CREATE TABLE concept_class (
  concept_class_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(255) NOT NULL,
  description varchar(255),
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  retired tinyint(1) NOT NULL DEFAULT 0,
  uuid char(38) NOT NULL UNIQUE,
  CONSTRAINT concept_class_who_created FOREIGN KEY (creator) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE concept_datatype (
  concept_datatype_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(255) NOT NULL,
  hl7_abbreviation varchar(3),
  description varchar(255),
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  retired tinyint(1) NOT NULL DEFAULT 0,
  uuid char(38) NOT NULL UNIQUE,
  CONSTRAINT concept_datatype_who_created FOREIGN KEY (creator) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE concept (
  concept_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  retired tinyint(1) NOT NULL DEFAULT 0,
  short_name varchar(255),
  description text, form_text text,
  datatype_id int NOT NULL DEFAULT 0,
  class_id int NOT NULL DEFAULT 0,
  is_set tinyint(1) NOT NULL DEFAULT 0,
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  version varchar(50),
  changed_by int, date_changed datetime,
  retired_by int, date_retired datetime, retire_reason varchar(255),
  uuid char(38) NOT NULL UNIQUE,
  CONSTRAINT concept_has_datatype FOREIGN KEY (datatype_id) REFERENCES concept_datatype (concept_datatype_id),
  CONSTRAINT concept_has_class FOREIGN KEY (class_id) REFERENCES concept_class (concept_class_id),
  CONSTRAINT concept_who_created FOREIGN KEY (creator) REFERENCES users (user_id),
  CONSTRAINT concept_who_changed FOREIGN KEY (changed_by) REFERENCES users (user_id),
  CONSTRAINT concept_who_retired FOREIGN KEY (retired_by) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE concept_name (
  concept_name_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  concept_id int,
  name varchar(255) NOT NULL,
  locale varchar(50) NOT NULL,
  locale_preferred tinyint(1) NOT NULL DEFAULT 0,
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  voided tinyint(1) NOT NULL DEFAULT 0,
  uuid char(38) NOT NULL UNIQUE,
  KEY concept_name_text (name),
  CONSTRAINT concept_name_concept FOREIGN KEY (concept_id) REFERENCES concept (concept_id),
  CONSTRAINT concept_name_who_created FOREIGN KEY (creator) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE encounter_type (
  encounter_type_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(50) NOT NULL UNIQUE,
  description text,
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  retired tinyint(1) NOT NULL DEFAULT 0,
  uuid char(38) NOT NULL UNIQUE,
  CONSTRAINT encounter_type_who_created FOREIGN KEY (creator) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE visit_type (
  visit_type_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(255) NOT NULL,
  description varchar(1024),
  creator int NOT NULL,
  date_created datetime NOT NULL,
  retired tinyint(1) NOT NULL DEFAULT 0,
  uuid char(38) NOT NULL UNIQUE,
  CONSTRAINT visit_type_who_created FOREIGN KEY (creator) REFERENCES users (user_id)
) ENGINE=InnoDB;

CREATE TABLE patient_identifier_type (
  patient_identifier_type_id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(50) NOT NULL,
  description text,
  format varchar(255),
  check_digit tinyint(1) NOT NULL DEFAULT 0,
  creator int NOT NULL DEFAULT 0,
  date_created datetime NOT NULL,
  required tinyint(1) NOT NULL DEFAULT 0,
  format_description varchar(255), validator varchar(200), location_behavior varchar(50),
  retired tinyint(1) NOT NULL DEFAULT 0,
  retired_by int, date_retired datetime, retire_reason varchar(255),
  uuid char(38) NOT NULL UNIQUE,
  uniqueness_behavior varchar(50),
  date_changed datetime, changed_by int,
  KEY identifier_type_retired (retired),
  CONSTRAINT identifier_type_creator FOREIGN KEY (creator) REFERENCES users (user_id),
  CONSTRAINT identifier_type_who_retired FOREIGN KEY (retired_by) REFERENCES users (user_id),
  CONSTRAINT identifier_type_who_changed FOREIGN KEY (changed_by) REFERENCES users (user_id)
) ENGINE=InnoDB;
