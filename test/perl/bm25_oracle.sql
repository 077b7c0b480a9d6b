-- An independent BM25 in plain SQL, and nDCG as trec_eval defines it: what the
-- answers of a bm25 index are compared with. Uses no function of the extension
-- except, in oracle.index_stats, the statistics that the index reports.
--
-- Works on tables docs (id int, body text), queries (id text, body text) and
-- qrels (query text, doc int, grade int). oracle.refresh() tokenises documents
-- that it has not seen yet; rows are recognised by id and content.
CREATE SCHEMA oracle;

CREATE TABLE oracle.doc (id int PRIMARY KEY, content text, length int, lexemes int);
CREATE TABLE oracle.posting (term text COLLATE "C", doc int, tf int);
CREATE INDEX ON oracle.posting (doc);
CREATE INDEX ON oracle.posting (term);
CREATE TABLE oracle.query (query text, term text COLLATE "C", qtf int);
CREATE TABLE oracle.stats (ndocs float8, avg_length float8, k1 float8 DEFAULT 1.2, b float8 DEFAULT .75);
CREATE TABLE oracle.df (term text COLLATE "C", df float8);

-- Lucene's SmallFloat: lengths up to 39 exactly, above with four significant bits.
CREATE FUNCTION oracle.quantise(length int) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN length < 40 THEN length
	ELSE (((length - 24) >> (floor(log(2, (length - 24)::numeric))::int - 3))
		<< (floor(log(2, (length - 24)::numeric))::int - 3)) + 24 END;

-- Words of a text by term: positions of its tsvector.
CREATE FUNCTION oracle.words(config regconfig, body text, OUT term text, OUT tf int) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector(config, body));
END;

CREATE FUNCTION oracle.refresh(config regconfig DEFAULT 'english') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT o.id FROM oracle.doc o
		WHERE NOT EXISTS (SELECT FROM docs d WHERE d.id = o.id AND md5(d.body) = o.content);
	DELETE FROM oracle.posting USING gone WHERE doc = gone.id;
	DELETE FROM oracle.doc USING gone WHERE doc.id = gone.id;
	DROP TABLE gone;
	CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT d.id, d.body FROM docs d
		WHERE d.body IS NOT NULL AND NOT EXISTS (SELECT FROM oracle.doc o WHERE o.id = d.id);
	INSERT INTO oracle.posting SELECT w.term, f.id, w.tf FROM fresh f, oracle.words(config, f.body) w;
	INSERT INTO oracle.doc SELECT f.id, md5(f.body), coalesce(sum(p.tf), 0), count(p.tf)
		FROM fresh f LEFT JOIN oracle.posting p ON p.doc = f.id GROUP BY f.id, f.body;
	DROP TABLE fresh;
	DELETE FROM oracle.query;
	INSERT INTO oracle.query SELECT q.id, w.term, w.tf FROM queries q, oracle.words(config, q.body) w;
	ANALYZE oracle.posting, oracle.doc, oracle.query;
END $$;

-- Statistics of the live rows.
CREATE FUNCTION oracle.live_stats() RETURNS void
LANGUAGE sql
BEGIN ATOMIC
	DELETE FROM oracle.stats;
	INSERT INTO oracle.stats SELECT count(*), avg(length) FROM oracle.doc;
	DELETE FROM oracle.df;
	INSERT INTO oracle.df SELECT term, count(*) FROM oracle.posting GROUP BY term;
END;

-- All scores > 0; exact: lengths as they are, else quantised.
CREATE FUNCTION oracle.scores(exact boolean, OUT query text, OUT doc int, OUT score float8) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT q.query, p.doc, sum(q.qtf * ln(1 + (s.ndocs - f.df + .5) / (f.df + .5)) *
		p.tf / (p.tf + s.k1 * (1 - s.b + s.b * l.length / s.avg_length)))
	FROM oracle.query q
		JOIN oracle.df f USING (term)
		JOIN oracle.posting p USING (term)
		JOIN (SELECT id, CASE WHEN exact THEN length ELSE oracle.quantise(length) END AS length
			FROM oracle.doc OFFSET 0) l ON l.id = p.doc
		CROSS JOIN oracle.stats s
	GROUP BY 1, 2;
END;

-- Mean nDCG@k over all judged queries of a table (query, doc, score): gain is
-- the grade, discount log2(rank + 1), ties by document.
CREATE FUNCTION oracle.ndcg(run regclass, k int) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE result numeric;
BEGIN
	EXECUTE format($q$
		WITH ideal AS (
			SELECT query, sum(grade / log(2, rank + 1)) AS idcg FROM (
				SELECT query, grade, row_number() OVER (PARTITION BY query ORDER BY grade DESC) AS rank
				FROM qrels WHERE grade > 0) i
			WHERE rank <= $1 GROUP BY query),
		got AS (
			SELECT query, sum(grade / log(2, rank + 1)) AS dcg FROM (
				SELECT query, doc, row_number() OVER (PARTITION BY query ORDER BY score DESC, doc) AS rank FROM %s) r
			JOIN qrels USING (query, doc)
			WHERE rank <= $1 AND grade > 0 GROUP BY query)
		SELECT round(avg(coalesce(dcg / idcg, 0)), 4)
		FROM ideal LEFT JOIN got USING (query) $q$, run)
	INTO result USING k;
	RETURN result;
END $$;

-- --- comparing an index with it -----------------------------------------------

-- Statistics as an index reports them.
CREATE FUNCTION oracle.index_stats(index regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM oracle.stats;
	INSERT INTO oracle.stats (ndocs, avg_length) SELECT s.documents, s.avg_length FROM bm25_stats(index) s;
	DELETE FROM oracle.df;
	INSERT INTO oracle.df SELECT t.term, t.df FROM bm25_terms(index, '') t;
END $$;

-- How the index's statistics differ from those of the live rows: '' if not.
-- Dead rows may still count, so "at least" is all that holds before a merge.
CREATE FUNCTION oracle.stats_faults(index regclass, merged boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE live record; wrong bigint; s record;
BEGIN
	SELECT count(*) AS ndocs, avg(length) AS avg_length INTO live FROM oracle.doc;
	SELECT * INTO s FROM oracle.stats;
	IF s.ndocs < live.ndocs OR (merged AND s.ndocs <> live.ndocs) THEN
		RETURN format('ndocs %s instead of %s', s.ndocs, live.ndocs);
	END IF;
	IF merged AND abs(s.avg_length - live.avg_length) > 1e-9 * live.avg_length THEN
		RETURN format('avg_length %s instead of %s', s.avg_length, live.avg_length);
	END IF;
	SELECT count(*) INTO wrong
	FROM (SELECT term, count(*) AS df FROM oracle.posting GROUP BY term) l FULL JOIN oracle.df i USING (term)
	WHERE coalesce(i.df, 0) < coalesce(l.df, 0) OR (merged AND i.df IS DISTINCT FROM l.df);
	RETURN CASE WHEN wrong = 0 THEN '' ELSE wrong || ' terms with a wrong df' END;
END $$;

-- The top k of every query by ORDER BY body <@> query, through the index; of the
-- rows without any of its words only five, since the operator analyses those.
CREATE FUNCTION oracle.run(k int, OUT query text, OUT doc int, OUT score float8, OUT rank bigint) RETURNS SETOF record
LANGUAGE sql STABLE
SET enable_seqscan = off
BEGIN ATOMIC
	SELECT q.id, r.doc, r.score, r.rank
	FROM queries q, LATERAL (
		SELECT o.doc, o.score, row_number() OVER () AS rank
		FROM (SELECT d.id AS doc, -(d.body <@> q.body) AS score FROM docs d ORDER BY d.body <@> q.body
				LIMIT least(k, 5 + (SELECT count(DISTINCT p.doc) FROM oracle.query w JOIN oracle.posting p USING (term) WHERE w.query = q.id))) o) r;
END;

-- The top 1,000 of every query against the oracle; '' if every score is right to
-- 1e-6 and the same scores are there. Runs where nothing can be written.
CREATE FUNCTION oracle.faults(k int DEFAULT 1000) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH run AS MATERIALIZED (SELECT * FROM oracle.run(k)),
	truth AS MATERIALIZED (
		SELECT query, doc, score, row_number() OVER (PARTITION BY query ORDER BY score DESC) AS rank
		FROM oracle.scores(false) s),
	report AS (
		SELECT (SELECT sum(least(k, (SELECT count(*) FROM docs), 5 + (SELECT count(*) FROM truth t WHERE t.query = q.id))) FROM queries q) - count(*) AS missing,
			count(*) - count(DISTINCT (r.query, r.doc)) AS doubled,
			count(*) FILTER (WHERE abs(coalesce(r.score, 0) - coalesce(t.score, 0)) > 1e-6) AS wrong,
			count(*) FILTER (WHERE abs(coalesce(r.score, 0) - coalesce(a.score, 0)) > 1e-6) AS misranked,
			count(*) FILTER (WHERE r.score > p.score) AS misordered,
			max(abs(coalesce(r.score, 0) - coalesce(t.score, 0))) AS worst
		FROM run r
			LEFT JOIN truth t USING (query, doc)
			LEFT JOIN truth a ON a.query = r.query AND a.rank = r.rank
			LEFT JOIN run p ON p.query = r.query AND p.rank = r.rank - 1)
	SELECT CASE WHEN missing = 0 AND doubled = 0 AND wrong = 0 AND misranked = 0 AND misordered = 0 THEN ''
		ELSE format('%s missing, %s doubled, %s with a wrong score (by up to %s), %s at a wrong rank, %s out of order',
			missing, doubled, wrong, worst, misranked, misordered) END
	FROM report;
END;
