/*
 * bm25_lookup.c
 *		Which index a query on a column or expression uses, which indexes make up a
 *		collection, and which of them may answer for another.
 *
 * Candidates are valid bm25 indexes on the document; partial ones if the conditions
 * of the query imply their predicate. Among candidates of different analysis the
 * first by name is taken, which does not change with REINDEX, dump and pg_upgrade.
 * Among those of its analysis its statistics are those of the first that is not
 * partial; whichever is cheapest is scanned.
 *
 * A collection is what statistics are of: an index; or the leaves of a partitioned
 * one; or, for a table that others inherit from, its index and the like index of
 * each child.
 *
 * Locks: every relation that is looked at is locked with AccessShareLock first;
 * candidates that are not taken are unlocked again, what a collection consists of stays
 * locked to the end of the transaction. Memory is the caller's context.
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/relation.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "inverted/bm25_content.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "tsearch/ts_cache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* --- NOTICEs, each once a session and table --- */

/* Reasons for a NOTICE about which index a query uses. */
typedef enum NoticeKind
{
	NOTICE_NO_INDEX,
	NOTICE_SEVERAL,
	NOTICE_CHILD
} NoticeKind;

/* A NOTICE that has been given in this session, about a table. */
typedef struct Notice
{
	NoticeKind	kind;
	Oid			relid;
} Notice;

#define MAX_NOTICES 256			/* then from the start: some come again */
static Notice notices[MAX_NOTICES];
static int	nnotices = 0;

/*
 * True if this is the first time in the session, and then notes it. Kept in static
 * memory; after MAX_NOTICES it forgets all, so some come again. OIDs may be reused,
 * which costs a NOTICE.
 */
static bool
first_notice(NoticeKind kind, Oid relid)
{
	for (int i = 0; i < nnotices; i++)
	{
		if (notices[i].kind == kind && notices[i].relid == relid)
			return false;
	}
	if (nnotices == MAX_NOTICES)
		nnotices = 0;
	notices[nnotices].kind = kind;
	notices[nnotices++].relid = relid;
	return true;
}

/*
 * The table has bm25 indexes, so somebody will wonder why the query is slow and its
 * scores are bare. table: open.
 */
static void
notice_no_index(Relation table)
{
	if (first_notice(NOTICE_NO_INDEX, RelationGetRelid(table)))
		ereport(NOTICE,
				(errmsg("query is not bound to a bm25 index"),
				 errdetail("No bm25 index of table \"%s\" is on the document as the query has it, with a predicate that the query's conditions imply.",
						   RelationGetRelationName(table)),
				 errhint("Write document and conditions as the index has them, or bind the query with bm25_bind(query, 'index').")));
}

/* Which index was taken depends on names alone, which the user should know. */
static void
notice_several(Relation table, Relation chosen)
{
	if (first_notice(NOTICE_SEVERAL, RelationGetRelid(table)))
		ereport(NOTICE,
				(errmsg("bm25 indexes of table \"%s\" turn its documents into different words",
						RelationGetRelationName(table)),
				 errdetail("Queries use index \"%s\", the first by name.",
						   RelationGetRelationName(chosen)),
				 errhint("Choose one with bm25_bind(query, 'index') or bm25_query('index', words).")));
}

/* The child's rows are matched by the operator; its words do not count. */
static void
notice_child(Oid child, Relation index)
{
	if (first_notice(NOTICE_CHILD, child))
		ereport(NOTICE,
				(errmsg("table \"%s\" has no bm25 index like \"%s\"",
						get_rel_name(child), RelationGetRelationName(index)),
				 errdetail("Its rows are found without an index and do not count in the statistics.")));
}

/* --- indexes on a document --- */

/* True for the types among which casts keep the words: text, varchar and char. */
static bool
is_string(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/* The same for their arrays. */
static bool
is_string_array(Oid type)
{
	return type == TEXTARRAYOID || type == VARCHARARRAYOID || type == BPCHARARRAYOID;
}

/*
 * An expression without the casts among text, varchar and char, and arrays of them,
 * that leave its words alone.
 */
static Node *
without_string_casts(Node *node, void *context)
{
	Node	   *arg = NULL;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, RelabelType))
		arg = (Node *) ((RelabelType *) node)->arg;
	else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_TEXT_BPCHAR)
		arg = linitial(((FuncExpr *) node)->args);
	else if (IsA(node, ArrayCoerceExpr) && ((ArrayCoerceExpr *) node)->resulttype == TEXTARRAYOID)
		arg = (Node *) ((ArrayCoerceExpr *) node)->arg;
	if (arg && ((is_string(exprType(arg)) && is_string(exprType(node))) ||
				(is_string_array(exprType(arg)) && is_string_array(exprType(node)))))
		return without_string_casts(arg, context);
	node = expression_tree_mutator(node, without_string_casts, context);
	if (IsA(node, ArrayExpr) && is_string_array(((ArrayExpr *) node)->array_typeid))
	{
		((ArrayExpr *) node)->array_typeid = TEXTARRAYOID;
		((ArrayExpr *) node)->element_typeid = TEXTOID;
	}
	return node;
}

/*
 * What the index's one column is, over the relation (varno 1), palloc'd in the
 * current memory context. The table must be locked by the caller.
 */
static Node *
index_expression(Relation index)
{
	AttrNumber	attno = index->rd_index->indkey.values[0];
	Form_pg_attribute att;
	Relation	table;
	Var		   *var;

	if (attno == 0)
		return copyObject(linitial(RelationGetIndexExpressions(index)));
	table = table_open(index->rd_index->indrelid, NoLock);
	att = TupleDescAttr(RelationGetDescr(table), attno - 1);
	var = makeVar(1, attno, att->atttypid, att->atttypmod, att->attcollation, 0);
	table_close(table, NoLock);
	return (Node *) var;
}

/*
 * True if the index's column is this expression (varno 1), as the planner sees it:
 * constants folded, implicit coercions stripped.
 */
static bool
same_expression(Relation index, Node *expression)
{
	AttrNumber	attno = index->rd_index->indkey.values[0];
	Node	   *own;

	if (attno != 0)
		return IsA(expression, Var) && ((Var *) expression)->varattno == attno;
	own = linitial(RelationGetIndexExpressions(index));
	if (IsA(own, RelabelType))
		own = (Node *) ((RelabelType *) own)->arg;
	return equal(own, expression);
}

/*
 * True if the index's column is the expression, or one that differs in casts alone;
 * then *written is as the index has it, else NULL. *plain caches the expression
 * without casts from one index to the next.
 */
static bool
matches(Relation index, Node *expression, Node **plain, Node **written)
{
	Node	   *own;

	*written = NULL;
	if (same_expression(index, expression))
		return true;
	if (*plain == NULL)
		*plain = without_string_casts(expression, NULL);
	own = index_expression(index);
	if (!equal(without_string_casts(own, NULL), *plain))
		return false;
	*written = own;
	return true;
}

/*
 * The conditions of a query on the table's rows, once they have been asked for: the
 * first partial index asks, the others use the answer.
 */
typedef struct Asked
{
	PgrIndexSearch *search;
	bool		asked;
	List	   *conditions;
} Asked;

/*
 * Does the query imply the predicate of a partial index? Its conditions, which take
 * work to find, are asked for once for all candidates.
 */
static bool
predicate_holds(Relation index, Asked *a)
{
	List	   *predicate = RelationGetIndexPredicate(index);

	if (predicate == NIL)
		return true;
	if (!a->asked)
		a->conditions = a->search->conditions(a->search->arg);
	a->asked = true;
	return predicate_implied_by(predicate, a->conditions, false);
}

/*
 * An index that a query may use: open, with AccessShareLock. `written`: see
 * PgrIndexSearch.
 */
typedef struct Candidate
{
	Relation	index;
	Node	   *written;
	bool		partial;
} Candidate;

/* list_sort: the order that does not change with dump, REINDEX and pg_upgrade. */
static int
by_name(const ListCell *a, const ListCell *b)
{
	const Candidate *x = lfirst(a);
	const Candidate *y = lfirst(b);

	return strcmp(RelationGetRelationName(x->index), RelationGetRelationName(y->index));
}

/*
 * Candidates, open with AccessShareLock, by name; allocated, with the list, in the
 * current memory context. Others are closed and unlocked again. *any: has the table
 * bm25 indexes at all?
 */
static List *
find_candidates(Relation table, PgrIndexSearch *search, bool *any)
{
	Node	   *expression = strip_implicit_coercions(search->expression);
	Node	   *plain = NULL;
	Asked		asked = {search, false, NIL};
	List	   *found = NIL;
	ListCell   *lc;

	*any = false;
	foreach(lc, RelationGetIndexList(table))
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);
		Node	   *written = NULL;

		*any |= pgr_inv_is_bm25(index);
		if (pgr_inv_is_bm25(index) && index->rd_index->indisvalid &&
			matches(index, expression, &plain, &written) && predicate_holds(index, &asked))
		{
			Candidate  *c = palloc(sizeof(Candidate));

			c->index = index;
			c->written = written;
			c->partial = RelationGetIndexPredicate(index) != NIL;
			found = lappend(found, c);
		}
		else
			relation_close(index, AccessShareLock);
	}
	list_sort(found, by_name);
	return found;
}

/*
 * Of candidates of the first's analysis the first that is not partial, else the first:
 * its statistics are of all rows. Others of another analysis are passed over, with a
 * NOTICE.
 */
static Candidate *
choose(Relation table, List *candidates)
{
	Candidate  *first = linitial(candidates);
	Candidate  *whole = first->partial ? NULL : first;
	bool		several = false;
	ListCell   *lc;

	for_each_from(lc, candidates, 1)
	{
		Candidate  *c = lfirst(lc);

		if (!pgr_content_same(first->index, c->index))
			several = true;
		else if (whole == NULL && !c->partial)
			whole = c;
	}
	if (several)
		notice_several(table, first->index);
	return whole ? whole : first;
}

/*
 * Contract in inverted.h. Locks are let go: the planner locks what it uses, and a
 * bound index may be dropped until then as any index of a query. Runs in the planner;
 * raises only what opening relations raises.
 */
void
pgr_inv_find_index(PgrIndexSearch *search)
{
	Relation	table = relation_open(search->relid, AccessShareLock);
	bool		any;
	List	   *candidates = find_candidates(table, search, &any);
	ListCell   *lc;

	if (candidates != NIL)
	{
		Candidate  *chosen = choose(table, candidates);

		search->index = RelationGetRelid(chosen->index);
		search->written = chosen->written;
		search->type = chosen->index->rd_opcintype[0];
	}
	else if (any)
		notice_no_index(table);
	foreach(lc, candidates)
		relation_close(((Candidate *) lfirst(lc))->index, AccessShareLock);
	relation_close(table, AccessShareLock);
}

/* --- collections --- */

/*
 * Contract in inverted.h. An index being built concurrently has some of the rows
 * only: statistics of it would be wrong, hence 55000.
 */
Relation
pgr_inv_open(Oid oid)
{
	Relation	index = relation_open(oid, AccessShareLock);

	if ((index->rd_rel->relkind != RELKIND_INDEX &&
		 index->rd_rel->relkind != RELKIND_PARTITIONED_INDEX) || !pgr_inv_is_bm25(index))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index of access method bm25",
						RelationGetRelationName(index))));
	if (index->rd_rel->relkind == RELKIND_INDEX && !index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(index)),
				 errhint("It is being built, or its build failed: REINDEX or drop it.")));
	return index;
}

/* 55000: who attached the partition's index meant it to be part of the whole. */
static void
refuse_other_analysis(Relation parent, Relation leaf)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" is part of \"%s\", but turns documents into other words",
					RelationGetRelationName(leaf), RelationGetRelationName(parent)),
			 errhint("Drop \"%s\" and create it again with the same options for all partitions, or REINDEX \"%s\" if its configuration has changed.",
					 RelationGetRelationName(parent), RelationGetRelationName(leaf))));
}

/*
 * Leaves of a partitioned index, which must be of its analysis: OIDs in the current
 * memory context, locked with AccessShareLock. Raises 55000 for another analysis, and
 * what reading the leaf raises.
 */
static List *
partition_indexes(Relation index)
{
	List	   *leaves = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(RelationGetRelid(index), AccessShareLock, NULL))
	{
		Relation	leaf = pgr_inv_open(lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (leaf->rd_rel->relkind == RELKIND_INDEX)
		{
			if (!pgr_content_same(index, leaf))
			{
				PgrContentSource source;

				/* of a leaf that cannot be read, this says why */
				pgr_content_of(leaf, &source);
				refuse_other_analysis(index, leaf);
			}
			leaves = lappend_oid(leaves, RelationGetRelid(leaf));
		}
		relation_close(leaf, NoLock);
	}
	return leaves;
}

/*
 * An expression of a parent in a child's columns, by the map of attribute numbers;
 * NIL stays NIL. Copied.
 */
static Node *
for_child(Node *expression, const AttrMap *map)
{
	bool		whole_row;

	return map_variable_attnos(expression, 1, 0, map, InvalidOid, &whole_row);
}

/*
 * A child's index like the parent's (same expression, predicate and analysis, valid),
 * the first in the order of OIDs, or InvalidOid. Indexes that are looked at are
 * unlocked again, the one that is found as well: whoever opens it locks it.
 */
static Oid
child_index(Relation index, Relation table, Relation child)
{
	AttrMap    *map = pgr_attrmap_by_name(RelationGetDescr(child), RelationGetDescr(table));
	Node	   *expression = for_child(index_expression(index), map);
	List	   *predicate = (List *) for_child((Node *) RelationGetIndexPredicate(index), map);
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(child))
	{
		Relation	other = relation_open(lfirst_oid(lc), AccessShareLock);

		if (!OidIsValid(found) && pgr_inv_is_bm25(other) && other->rd_index->indisvalid &&
			same_expression(other, strip_implicit_coercions(expression)) &&
			equal(RelationGetIndexPredicate(other), predicate) && pgr_content_same(index, other))
			found = RelationGetRelid(other);
		relation_close(other, AccessShareLock);
	}
	return found;
}

/*
 * The index and those like it of the tables that inherit from its own: OIDs in the
 * current memory context. All tables of the tree are locked with AccessShareLock to
 * the end of the transaction. A child without a like index gets a NOTICE; temporary
 * ones of other sessions are passed over.
 */
static List *
inheritance_indexes(Relation index, Relation table)
{
	List	   *found = list_make1_oid(RelationGetRelid(index));
	ListCell   *lc;

	foreach(lc, find_all_inheritors(RelationGetRelid(table), AccessShareLock, NULL))
	{
		Relation	child;
		Oid			other;

		CHECK_FOR_INTERRUPTS();
		if (lfirst_oid(lc) == RelationGetRelid(table))
			continue;
		child = table_open(lfirst_oid(lc), NoLock);
		other = child->rd_rel->relkind == RELKIND_RELATION && !RELATION_IS_OTHER_TEMP(child) ?
			child_index(index, table, child) : InvalidOid;
		if (OidIsValid(other))
			found = lappend_oid(found, other);
		else
			notice_child(RelationGetRelid(child), index);
		table_close(child, NoLock);
	}
	return found;
}

/*
 * Contract in inverted.h. Most tables have no children, which has_subclass tells
 * without a lock or a scan; it may say yes of a table that had some.
 */
List *
pgr_inv_collection(Relation index)
{
	Oid			heap = index->rd_index->indrelid;
	Relation	table;
	List	   *found;

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		return partition_indexes(index);
	if (!has_subclass(heap))
		return list_make1_oid(RelationGetRelid(index));
	table = table_open(heap, AccessShareLock);
	found = inheritance_indexes(index, table);
	table_close(table, NoLock);
	return found;
}

/*
 * Contract in inverted.h. Locks stay to the end of the transaction; one index of the
 * collection is open at a time.
 */
void
pgr_inv_each_index(Oid oid, void (*each) (Relation index, void *arg), void *arg)
{
	Relation	index = pgr_inv_open(oid);
	ListCell   *lc;

	foreach(lc, pgr_inv_collection(index))
	{
		Relation	leaf = pgr_inv_open(lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		each(leaf, arg);
		relation_close(leaf, NoLock);
	}
	relation_close(index, NoLock);
}

/* --- may an index answer? --- */

/*
 * Contract in inverted.h. An index of another analysis answers nothing, silently,
 * unless it is a partition's of the bound one: that one's statistics would be wrong,
 * so it raises 55000. The lock on the bound index stays.
 */
bool
pgr_inv_serves(Relation index, Oid bound)
{
	Relation	other;
	bool		same;

	if (RelationGetRelid(index) == bound)
		return true;
	other = relation_open(bound, AccessShareLock);
	same = pgr_inv_is_bm25(other) && pgr_content_same(index, other);
	if (!same && index->rd_rel->relispartition &&
		other->rd_rel->relkind == RELKIND_PARTITIONED_INDEX &&
		list_member_oid(get_partition_ancestors(RelationGetRelid(index)), bound))
	{
		PgrContentSource source;

		pgr_content_of(index, &source);
		refuse_other_analysis(other, index);
	}
	relation_close(other, NoLock);
	return same;
}

/*
 * Contract in inverted.h. The operator then analyses documents by the words'
 * configuration, or the current one, into as many fields as they have; of an index on
 * text[] the last field may hold several, so there only a plain disjunction is
 * served.
 */
bool
pgr_inv_serves_unbound(Relation index, const PgrQuery *query)
{
	PgrContentSource source;
	Oid			config;

	if (!pgr_content_try(index, &source))
		return false;
	if (source.type == PGR_CONTENT_TSVECTOR)
		return true;
	config = query ? pgr_query_config(query) : InvalidOid;
	if (!OidIsValid(config))
		config = getTSCurrentConfig(true);
	return source.analyzer.config == config &&
		source.analyzer.cjk_bigram == (query != NULL && query->cjk_bigram) &&
		(source.type == PGR_CONTENT_TEXT || query == NULL || query->disjunction);
}
