-- The answer through an index against the answer without it.
CREATE SCHEMA same;

-- Rows (id, score) of a statement with index scans or without; without, the operators
-- look up nothing that the index knows either.
CREATE FUNCTION same.rows(statement text, with_index boolean, OUT id int, OUT score float8) RETURNS SETOF record
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_seqscan', CASE WHEN with_index THEN 'off' ELSE 'on' END, true),
		set_config('enable_indexscan', CASE WHEN with_index THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE WHEN with_index THEN 'on' ELSE 'off' END, true),
		set_config('bm25.reuse_scores', CASE WHEN with_index THEN 'on' ELSE 'off' END, true);
	RETURN QUERY EXECUTE statement;
END $$;

CREATE FUNCTION same.plan(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP plan := plan || line || E'\n'; END LOOP;
	RETURN plan;
END $$;

-- Compares the two answers of a statement that returns (id, score): the scores
-- in order, bit for bit, and the ids, except those that tie with the last row,
-- which a LIMIT may cut in either way. Tells whether the index was used.
CREATE FUNCTION same.answer(statement text, index text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	with_ids int[]; without_ids int[]; with_scores float8[]; without_scores float8[]; used boolean; last float8;
BEGIN
	SELECT array_agg(id), array_agg(score) INTO without_ids, without_scores FROM same.rows(statement, false);
	SELECT array_agg(id), array_agg(score) INTO with_ids, with_scores FROM same.rows(statement, true);
	used := same.plan(statement) ~ ('(using|Scan on) ' || index);
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'on', true),
		set_config('enable_bitmapscan', 'on', true), set_config('bm25.reuse_scores', 'on', true);
	IF NOT used THEN RETURN 'the index is not used'; END IF;
	IF with_scores IS DISTINCT FROM without_scores THEN
		RETURN format('other scores: %s, without the index %s', with_scores[1:20], without_scores[1:20]);
	END IF;
	last := without_scores[cardinality(without_scores)];
	IF (SELECT array_agg(i ORDER BY i) FROM unnest(with_ids, with_scores) u (i, s) WHERE s <> last) IS DISTINCT FROM
		(SELECT array_agg(i ORDER BY i) FROM unnest(without_ids, without_scores) u (i, s) WHERE s <> last) THEN
		RETURN format('other rows: %s, without the index %s', with_ids[1:20], without_ids[1:20]);
	END IF;
	RETURN format('same, %s rows', coalesce(cardinality(with_ids), 0));
END $$;

-- Rows of a table that the index does not return exactly once, and the reverse:
-- '' if none. query: an operand of the index's ordering operator.
CREATE FUNCTION same.completeness(tab regclass, index text, ordering text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT id, NULL::float8 FROM %s ORDER BY %s', tab, ordering);
	lost int[]; extra int[];
BEGIN
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
	IF same.plan(statement) !~ ('using ' || index) THEN RETURN 'the index is not used: ' || same.plan(statement); END IF;
	CREATE TEMP TABLE with_index ON COMMIT DROP AS SELECT id FROM same.rows(statement, true);
	PERFORM set_config('enable_sort', 'on', true);
	CREATE TEMP TABLE without_index ON COMMIT DROP AS SELECT id FROM same.rows(format('SELECT id, NULL::float8 FROM %s', tab), false);
	SELECT array_agg(id) INTO lost FROM (TABLE without_index EXCEPT ALL TABLE with_index) l;
	SELECT array_agg(id) INTO extra FROM (TABLE with_index EXCEPT ALL TABLE without_index) l;
	DROP TABLE with_index, without_index;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'on', true),
		set_config('enable_bitmapscan', 'on', true), set_config('bm25.reuse_scores', 'on', true);
	RETURN concat_ws(', ', 'lost ' || nullif(cardinality(lost), 0) || ' such as ' || lost[1]::text,
		'too many ' || nullif(cardinality(extra), 0) || ' such as ' || extra[1]::text);
END $$;
