/*
 * rankquery.c
 *		The stored form of a rankquery: packing a tree and unpacking it.
 *
 * A stored query is in normal form (rankquery_normal.c) and within the limits of
 * rankquery.h, because pgr_query_pack is the only way to make one; text and
 * binary input come through it too.
 *
 * Memory: packed values are palloc'd in one piece, trees in a few arrays, all in the
 * current context; a tree's strings point into the value. No locks. Catalogs are read
 * only to name an index or configuration known by OID. Errors: 54000 for a query
 * beyond the limits, XX001 for a value that is damaged.
 */
#include "postgres.h"

#include <math.h>

#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* --- packing --- */

/*
 * A walk that adds up sizes (to is NULL) or writes. Both walks take the same way, so
 * what is written is what was measured.
 */
typedef struct Packer
{
	char	   *to;				/* NULL while sizes are added up */
	Size		size;
	uint32		nnodes;
	int			deepest;
} Packer;

/*
 * Counts n bytes, or writes them. No overflow: the limit of nodes and of bytes of a
 * term keep size far below SIZE_MAX.
 */
static void
pack_bytes(Packer *p, const void *bytes, Size n)
{
	if (p->to)
		memcpy(p->to + p->size, bytes, n);
	p->size += n;
}

/*
 * Packs a node and those below it, in preorder. Beyond the greatest depth nothing is
 * packed, which bounds the recursion: check_limits raises then. Terms are padded to
 * eight bytes with zeros (the value is zeroed), so that nodes are aligned and equal
 * queries are equal bytes.
 */
static void
pack_node(Packer *p, const PgrQueryNode *node, int depth)
{
	PgrStoredNode stored = {0};

	p->deepest = Max(p->deepest, depth);
	if (depth > PGR_QUERY_MAX_DEPTH)
		return;
	p->nnodes++;
	stored.kind = node->kind;
	stored.prefix = node->prefix;
	stored.fuzzy = node->fuzzy;
	stored.boost = node->boost;
	stored.fields = node->fields;
	stored.given_df = node->given_df;
	stored.place = node->kind == PGR_NODE_TERM ? node->offset : (uint32) node->nchildren;
	stored.number = node->kind == PGR_NODE_TERM ? node->termlen :
		node->kind == PGR_NODE_PHRASE ? node->slop : node->min_match;
	pack_bytes(p, &stored, sizeof(stored));
	if (node->kind == PGR_NODE_TERM)
	{
		pack_bytes(p, node->term, node->termlen);
		p->size = TYPEALIGN(8, p->size);
	}
	for (int i = 0; i < node->nchildren; i++)
		pack_node(p, node->children[i], depth + 1);
}

/*
 * 54000 for a query too deep or too large; softly where there is an escontext, then
 * false.
 */
static bool
check_limits(const Packer *p, struct Node *escontext)
{
	if (p->deepest > PGR_QUERY_MAX_DEPTH)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("rankquery is nested too deeply"),
					 errdetail("The limit is %d levels.", PGR_QUERY_MAX_DEPTH)));
	if (p->nnodes > PGR_QUERY_MAX_NODES || p->size > MaxAllocSize / 2)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("rankquery is too large"),
					 errdetail("The limit is %d words and operators.",
							   PGR_QUERY_MAX_NODES)));
	return true;
}

/*
 * Packs the query after its header: nodes, then the two names, terminated, empty if
 * there is none.
 */
static void
pack_body(Packer *p, const PgrQueryNode *root, const char *index, const char *config)
{
	if (root)
		pack_node(p, root, 1);
	pack_bytes(p, index, strlen(index) + 1);
	pack_bytes(p, config, strlen(config) + 1);
}

/*
 * Contract in rankquery.h. Packs twice: to know the size, then into it. The result is
 * palloc'd and zeroed; the tree is normalized in place, so it is not the caller's any
 * more.
 */
PgrRankQuery *
pgr_query_pack(const PgrQuery *query, struct Node *escontext)
{
	Packer		p = {.size = sizeof(PgrRankQuery)};
	PgrQueryNode *root = query->root ? pgr_node_normalize(query->root) : NULL;
	const char *index = pgr_query_index_name(query);
	const char *config = pgr_query_config_name(query);
	PgrRankQuery *rq;

	pack_body(&p, root, index, config);
	if (!check_limits(&p, escontext))
		return NULL;

	rq = palloc0(p.size);
	SET_VARSIZE(rq, p.size);
	rq->version = PGR_RANKQUERY_VERSION;
	rq->flags = (query->cjk_bigram ? PGR_RQ_CJK : 0) | (index[0] ? PGR_RQ_NAMED : 0);
	rq->top = query->top;
	rq->nnodes = p.nnodes;
	rq->given_ndocs = query->given_ndocs;
	rq->given_avg_length = query->given_avg_length;
	rq->given_k1 = query->given_k1;
	rq->given_b = query->given_b;
	p.to = (char *) rq;
	p.size = sizeof(PgrRankQuery);
	p.nnodes = 0;
	pack_body(&p, root, index, config);
	return rq;
}

/* --- unpacking --- */

/*
 * Where a value is being read, and the arrays that its tree is made in: room for
 * nnodes nodes and pointers, of which next and nchildren are taken.
 */
typedef struct Unpacker
{
	const char *at;
	const char *end;
	PgrQueryNode *nodes;		/* all, in one array */
	uint32		nnodes;
	uint32		next;
	PgrQueryNode **children;	/* room for all pointers */
	uint32		nchildren;
} Unpacker;

PGR_NORETURN static void damaged(void);

/*
 * Raises XX001. Values come through pgr_query_pack, so only damaged storage gets
 * here, or a forged value of a superuser's.
 */
static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED), errmsg("rankquery value is damaged")));
}

/* n bytes that must be there, not copied; raises XX001 if they are not. */
static const char *
unpack_bytes(Unpacker *u, Size n)
{
	const char *bytes = u->at;

	if (n > (Size) (u->end - u->at))
		damaged();
	u->at += n;
	return bytes;
}

/*
 * Reads a node and those below it. Nothing stored is believed: depth, number of nodes
 * and children, and lengths are checked before they are used, so no damage leads out
 * of the value or past the arrays. The tree refers to the value's bytes. Raises
 * XX001.
 */
static PgrQueryNode *
unpack_node(Unpacker *u, int depth)
{
	const PgrStoredNode *stored = (const PgrStoredNode *) unpack_bytes(u, sizeof(PgrStoredNode));
	PgrQueryNode *node;

	if (depth > PGR_QUERY_MAX_DEPTH || u->next == u->nnodes || stored->kind > PGR_NODE_NOT)
		damaged();
	node = &u->nodes[u->next++];
	node->kind = stored->kind;
	node->prefix = stored->prefix;
	node->fuzzy = stored->fuzzy;
	node->boost = stored->boost;
	node->fields = stored->fields;
	node->given_df = stored->given_df;
	node->leaf = -1;
	if (node->kind == PGR_NODE_TERM)
	{
		node->offset = stored->place;
		node->termlen = stored->number;
		node->term = unpack_bytes(u, TYPEALIGN(8, (Size) stored->number));
		return node;
	}
	if (node->kind == PGR_NODE_PHRASE)
		node->slop = stored->number;
	else
		node->min_match = stored->number;
	if (stored->place > u->nnodes - u->nchildren)
		damaged();
	node->nchildren = (int) stored->place;
	node->children = u->children + u->nchildren;
	u->nchildren += stored->place;
	for (int i = 0; i < node->nchildren; i++)
		node->children[i] = unpack_node(u, depth + 1);
	return node;
}

/*
 * Numbers scoring leaves in the order of the query, which is that in which
 * contributions are added: those under NOT do not score.
 */
static void
number_leaves(PgrQuery *query, PgrQueryNode *node)
{
	if (node->kind == PGR_NODE_TERM || node->kind == PGR_NODE_PHRASE)
	{
		node->leaf = query->nleaves;
		query->leaves[query->nleaves++] = node;
	}
	else if (node->kind != PGR_NODE_NOT)
		for (int i = 0; i < node->nchildren; i++)
			number_leaves(query, node->children[i]);
}

/*
 * True for what a disjunction is made of: a term in any field, neither prefix nor
 * fuzzy.
 */
static bool
is_plain_term(const PgrQueryNode *node)
{
	return node->kind == PGR_NODE_TERM && !node->prefix && node->fuzzy == 0 &&
		node->fields == 0;
}

/* True if a search may treat the query as a sum of terms, of which any matches. */
static bool
is_disjunction(const PgrQueryNode *root)
{
	if (root == NULL || root->kind != PGR_NODE_OR)
		return root != NULL && is_plain_term(root);
	for (int i = 0; i < root->nchildren; i++)
		if (!is_plain_term(root->children[i]))
			return false;
	return root->min_match == 1;
}

/*
 * Leaves from which on a document's terms are looked up in the query, not the
 * reverse.
 */
#define LONG_DISJUNCTION 32

/* qsort: by the term. */
static int
compare_leaves(const void *a, const void *b)
{
	const PgrQueryNode *x = *(PgrQueryNode *const *) a;
	const PgrQueryNode *y = *(PgrQueryNode *const *) b;

	return pgr_lex_compare(x->term, x->termlen, y->term, y->termlen);
}

/*
 * The leaves of a long disjunction sorted, for looking terms of a document up:
 * [nleaves], palloc'd; NULL for a query that is short or no disjunction.
 */
static PgrQueryNode **
leaves_by_term(const PgrQuery *query)
{
	Size		size = sizeof(PgrQueryNode *) * query->nleaves;
	PgrQueryNode **sorted;

	if (!query->disjunction || query->nleaves < LONG_DISJUNCTION)
		return NULL;
	sorted = palloc(size);
	memcpy(sorted, query->leaves, size);
	qsort(sorted, query->nleaves, sizeof(PgrQueryNode *), compare_leaves);
	return sorted;
}

/*
 * True if who wrote the query bound it. Version 1 has the OID of an index that was
 * chosen.
 */
bool
pgr_rankquery_chosen(const PgrRankQuery *rq)
{
	return rq->version == 1 ? OidIsValid(rq->bound) && (rq->flags & PGR_RQ_PLANNED) == 0 :
		(rq->flags & PGR_RQ_NAMED) != 0;
}

/* A palloc'd copy, byte by byte. */
static PgrRankQuery *
copy_query(const PgrRankQuery *rq)
{
	PgrRankQuery *copy = palloc(VARSIZE(rq));

	memcpy(copy, rq, VARSIZE(rq));
	return copy;
}

/*
 * Contract in rankquery.h. The copy is one the planner's expression holds; nothing of
 * it can be stored, since output and pgr_query_pack leave the planner's binding out.
 */
PgrRankQuery *
pgr_rankquery_planned(const PgrRankQuery *rq, Oid index)
{
	PgrRankQuery *copy = copy_query(rq);

	if (!pgr_rankquery_chosen(rq))
	{
		copy->flags |= PGR_RQ_PLANNED;
		copy->bound = index;
	}
	return copy;
}

/*
 * What statistics depend on: a palloc'd copy without the binding and LIMIT of one
 * call, which the cache of statistics is looked up by.
 */
PgrRankQuery *
pgr_query_plain(const PgrRankQuery *rq)
{
	PgrRankQuery *plain = copy_query(rq);

	plain->top = 0;
	plain->bound = InvalidOid;
	plain->flags &= ~PGR_RQ_PLANNED;
	return plain;
}

/*
 * The next of the names behind the nodes, in place; NULL for an empty one. XX001 if
 * it does not end within the value.
 */
static const char *
unpack_name(Unpacker *u)
{
	const char *name = u->at;
	const char *end = memchr(name, '\0', u->end - name);

	if (end == NULL)
		damaged();
	u->at = end + 1;
	return name[0] ? name : NULL;
}

/*
 * Reads nnodes (at most PGR_QUERY_MAX_NODES) into one array for all nodes and one for
 * all pointers: a query of a million words needs few pallocs. 1,000,000 nodes take
 * some 100 MB, below the limit of a palloc.
 */
static void
unpack_nodes(PgrQuery *query, Unpacker *u, uint32 nnodes)
{
	u->nnodes = nnodes;
	u->nodes = palloc0(sizeof(PgrQueryNode) * nnodes);
	u->children = palloc(sizeof(PgrQueryNode *) * nnodes);
	query->root = unpack_node(u, 1);
	query->leaves = palloc(sizeof(PgrQueryNode *) * nnodes);
	number_leaves(query, query->root);
	query->disjunction = is_disjunction(query->root);
	query->by_term = leaves_by_term(query);
}

/*
 * Contract in lexical.h. In the current memory context; refers to rq, which must
 * outlive it and not be toasted. Raises XX001 for a value that is damaged or of a
 * later version.
 */
PgrQuery *
pgr_query_unpack(const PgrRankQuery *rq)
{
	PgrQuery   *query = pgr_query_make();
	Unpacker	u = {0};

	if (VARSIZE(rq) < sizeof(PgrRankQuery) || rq->version < 1 ||
		rq->version > PGR_RANKQUERY_VERSION || rq->nnodes > PGR_QUERY_MAX_NODES)
		damaged();
	query->cjk_bigram = (rq->flags & PGR_RQ_CJK) != 0;
	query->planned = (rq->flags & PGR_RQ_PLANNED) != 0;
	query->bound = rq->bound;
	query->top = rq->top;
	query->config = rq->config;
	query->given_ndocs = rq->given_ndocs;
	query->given_avg_length = rq->given_avg_length;
	query->given_k1 = rq->given_k1;
	query->given_b = rq->given_b;

	u.at = (const char *) rq + sizeof(PgrRankQuery);
	u.end = (const char *) rq + VARSIZE(rq);
	if (rq->nnodes > 0)
		unpack_nodes(query, &u, rq->nnodes);
	if (rq->version > 1)
	{
		query->bound_name = unpack_name(&u);
		query->config_name = unpack_name(&u);
	}
	return query;
}

/*
 * pgr_query_fit for a node and those below it. As deep as the query is. A mask of 0
 * stays 0.
 */
static void
fit_fields(PgrQueryNode *node, uint32 fields)
{
	check_stack_depth();
	if ((node->fields & fields) == 0)
		node->fields = 0;
	for (int i = 0; i < node->nchildren; i++)
		fit_fields(node->children[i], fields);
}

/* In place; contract in lexical.h. nfields: 1 to PGR_LEX_MAX_FIELDS. */
void
pgr_query_fit(PgrQuery *query, int nfields)
{
	if (query->root != NULL)
		fit_fields(query->root, (1u << nfields) - 1);
}
