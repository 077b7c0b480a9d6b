-- What the extension puts into the catalog: all described, costed and marked.
-- Each query lists offenders; none is the right answer.
-- covers: pgretrieve inv_am hnsw_am validate simd_guc
CREATE TEMP VIEW member AS SELECT classid, objid FROM pg_depend
  WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgretrieve');
SELECT count(*) > 200 AS populated FROM member;
-- no comment
SELECT pg_describe_object(classid, objid, 0) FROM member m
WHERE NOT EXISTS (SELECT FROM pg_description d WHERE d.classoid = m.classid AND d.objoid = m.objid AND d.objsubid = 0)
  AND NOT (classid = 'pg_type'::regclass AND (SELECT typelem <> 0 AND typname LIKE '\_%' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind = 'r') FROM pg_type t WHERE t.oid = objid))
ORDER BY 1;
-- functions neither parallel safe nor parallel restricted
SELECT objid::regprocedure FROM member JOIN pg_proc ON oid = objid WHERE classid = 'pg_proc'::regclass AND proparallel = 'u' ORDER BY 1;
-- volatile functions
SELECT objid::regprocedure FROM member JOIN pg_proc ON oid = objid WHERE classid = 'pg_proc'::regclass AND provolatile = 'v' ORDER BY 1;
-- C functions that are called for NULL arguments: only what must see them
SELECT objid::regprocedure FROM member JOIN pg_proc p ON p.oid = objid JOIN pg_language l ON l.oid = prolang WHERE classid = 'pg_proc'::regclass AND NOT proisstrict AND lanname = 'c' ORDER BY objid::regprocedure::text;
-- C symbols without the prefix
SELECT objid::regprocedure FROM member JOIN pg_proc p ON p.oid = objid JOIN pg_language l ON l.oid = prolang WHERE classid = 'pg_proc'::regclass AND lanname = 'c' AND prosrc NOT LIKE 'pgr\_%' ORDER BY 1;
-- distance operators: one same-type form each, so that an untyped parameter resolves
SELECT oprname, array_agg(oprleft::regtype::text || ' ' || oprright::regtype::text ORDER BY oprleft::regtype::text, oprright::regtype::text) FROM member JOIN pg_operator o ON o.oid = objid
WHERE classid = 'pg_operator'::regclass AND oprresult = 'float8'::regtype GROUP BY oprname ORDER BY oprname COLLATE "C";
-- opclasses are whole
SELECT opcname, amname FROM member JOIN pg_opclass c ON c.oid = objid JOIN pg_am a ON a.oid = opcmethod WHERE classid = 'pg_opclass'::regclass AND NOT amvalidate(c.oid) ORDER BY 1, 2;
-- tables, views, materialized views and sequences of the extension: schema tools would drop or dump them
SELECT objid::regclass, relkind FROM member JOIN pg_class c ON c.oid = objid WHERE classid = 'pg_class'::regclass AND relkind <> 'c' ORDER BY 1;
-- and no privileges for everybody but those of new objects, no schema, trigger or rule
SELECT pg_describe_object(classid, objid, 0) FROM member WHERE classid NOT IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_cast'::regclass, 'pg_operator'::regclass,
  'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_am'::regclass, 'pg_class'::regclass) ORDER BY 1;
