-- Hybrid search: several searches of one relation, fused, reranked, in one call.
-- docs/fusion.md tells how to use it, src/fusion/README how it works.

CREATE TYPE hybrid_leg AS (
	target text,
	is_expression boolean,
	operator text,
	value text,
	value_type regtype,
	weight float8,
	depth integer,
	floor float8
);
COMMENT ON TYPE hybrid_leg IS 'one search of a hybrid search; made by leg() and leg_expr()';

