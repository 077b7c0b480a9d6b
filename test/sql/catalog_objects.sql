-- Every object of the extension as the catalog has it: what is generated from templates
-- is read here, and a change of a definition shows as a change of a line.
-- covers: nothing
\getenv srcdir PG_ABS_SRCDIR
\set file :srcdir '/perl/catalog_objects.sql'
\set ECHO none
\i :file
\set ECHO all
\t on
\a
SELECT line FROM catalog_object;
\a
\t off
DROP VIEW catalog_object;
