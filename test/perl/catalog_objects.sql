-- The view catalog_object: one line for each object of the extension, with all that its
-- definition has, so that two ways to the same catalog can be compared as text. OIDs are
-- shown as names, objects in schemas by the rules of search_path; columns that no
-- script sets, and array types, are left out. The extension may have the name of its alias. body: of a
-- function with a parsed one, which servers do not all show alike.
CREATE VIEW catalog_object AS
WITH member AS (
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object, c.relname
	FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_class c ON c.oid = d.classid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname IN ('pgretrieve', 'vector')
), line AS (
	SELECT object, concat_ws(' | ',
		'(' || pg_get_function_arguments(p.oid) || ') -> ' || coalesce(pg_get_function_result(p.oid), ''),
		l.lanname || ' ' || regexp_replace(p.prosrc, '\s+', ' ', 'g'),
		CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
		'parallel ' || CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
		CASE WHEN p.proisstrict THEN 'strict' END, CASE WHEN p.proleakproof THEN 'leakproof' END,
		CASE WHEN p.prosecdef THEN 'security definer' END, CASE p.prokind WHEN 'f' THEN NULL ELSE 'kind ' || p.prokind::text END,
		'cost ' || p.procost, CASE WHEN p.proretset THEN 'rows ' || p.prorows END,
		'support ' || nullif(p.prosupport::oid, 0)::regproc, 'acl ' || p.proacl::text, 'set ' || p.proconfig::text,
		(SELECT concat_ws(' ', 'aggregate', a.aggtransfn::regprocedure, a.aggfinalfn::regprocedure, a.aggcombinefn::regprocedure,
			a.aggserialfn::regprocedure, a.aggdeserialfn::regprocedure, a.agginitval, a.aggtranstype::regtype, a.aggfinalextra,
			a.aggfinalmodify, a.aggtransspace, a.aggsortop::regoperator, a.aggkind, a.aggmtransfn::regprocedure)
			FROM pg_aggregate a WHERE a.aggfnoid = p.oid)) AS text, objid, relname
	FROM member JOIN pg_proc p ON p.oid = objid JOIN pg_language l ON l.oid = p.prolang WHERE relname = 'pg_proc'
	UNION ALL
	SELECT object, concat_ws(' ', oprcode::regprocedure, '-> ' || oprresult::regtype, 'restrict ' || nullif(oprrest::oid, 0)::regproc,
		'join ' || nullif(oprjoin::oid, 0)::regproc,
		'commutator ' || nullif(oprcom, 0)::regoperator, 'negator ' || nullif(oprnegate, 0)::regoperator,
		CASE WHEN oprcanmerge THEN 'merges' END, CASE WHEN oprcanhash THEN 'hashes' END), objid, relname
	FROM member JOIN pg_operator o ON o.oid = objid WHERE relname = 'pg_operator'
	UNION ALL
	SELECT object, concat_ws(' ', 'family ' || f.opfname, 'type ' || opcintype::regtype, CASE WHEN opcdefault THEN 'default' END,
		'keys ' || nullif(opckeytype, 0)::regtype), objid, relname
	FROM member JOIN pg_opclass c ON c.oid = objid JOIN pg_opfamily f ON f.oid = c.opcfamily WHERE relname = 'pg_opclass'
	UNION ALL
	SELECT object, concat_ws(' ', 'operator', amopstrategy, amopopr::regoperator, amoplefttype::regtype, amoprighttype::regtype, amoppurpose,
		'by ' || (SELECT opfname FROM pg_opfamily f WHERE f.oid = amopsortfamily), d.refclassid::regclass, d.deptype), NULL, NULL
	FROM member JOIN pg_amop a ON a.amopfamily = objid
		LEFT JOIN pg_depend d ON d.classid = 'pg_amop'::regclass AND d.objid = a.oid AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
	WHERE relname = 'pg_opfamily'
	UNION ALL
	SELECT object, concat_ws(' ', 'function', amprocnum, amproc::regprocedure, amproclefttype::regtype, amprocrighttype::regtype), NULL, NULL
	FROM member JOIN pg_amproc ON amprocfamily = objid WHERE relname = 'pg_opfamily'
	UNION ALL
	SELECT object, 'family', objid, relname FROM member WHERE relname = 'pg_opfamily'
	UNION ALL
	SELECT object, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod), objid, relname
	FROM member JOIN pg_cast c ON c.oid = objid WHERE relname = 'pg_cast'
	UNION ALL
	SELECT object, concat_ws(' ', typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typsubscript, typinput, typoutput, typreceive,
		typsend, typmodin, typmodout, typanalyze, typalign, typstorage, typacl,
		(SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
			FROM pg_attribute WHERE attrelid = typrelid AND typrelid <> 0 AND attnum > 0)), objid, relname
	FROM member JOIN pg_type t ON t.oid = objid WHERE relname = 'pg_type' AND typcategory <> 'A'
	UNION ALL
	SELECT object, concat_ws(' ', amhandler, amtype), objid, relname
	FROM member JOIN pg_am a ON a.oid = objid WHERE relname = 'pg_am'
	UNION ALL
	SELECT object, concat_ws(' ', relkind, relacl), objid, 'pg_class'
	FROM member JOIN pg_class c ON c.oid = objid WHERE member.relname = 'pg_class'
	UNION ALL
	SELECT object, 'of another kind', objid, relname FROM member
	WHERE relname NOT IN ('pg_proc', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_cast', 'pg_type', 'pg_am', 'pg_class')
)
SELECT object || ': ' || text || coalesce(' -- ' || obj_description(objid, relname), '') AS line,
	(SELECT pg_get_functiondef(oid) FROM pg_proc WHERE oid = objid AND relname = 'pg_proc' AND prosqlbody IS NOT NULL) AS body FROM line
ORDER BY (object || ': ' || text) COLLATE "C";
