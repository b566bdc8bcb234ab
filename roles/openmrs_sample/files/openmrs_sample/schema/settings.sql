-- OpenMRS's own settings; the sample remembers here how far its filling has come.
CREATE TABLE global_property (
  property varchar(255) NOT NULL PRIMARY KEY,
  property_value mediumtext,
  description text,
  uuid char(38) NOT NULL UNIQUE
) ENGINE=InnoDB;
