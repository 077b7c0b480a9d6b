/*
 * nearest_plan.c
 *		When exact search may be one node instead of a scan, a projection and a
 *		sort; its paths and plan. See README.
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "exact/nearest.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "types/distance_cost.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

/* more rows than this are PostgreSQL's: its sort can go to disk */
#define MOST_ROWS 100000

/* what a distance costs here, where the next row is on its way into the cache, of what
 * its function says (types/distance_cost.c); measured, bench/exact_scan */
#define READ_AHEAD 0.5

static bool enabled = true;
static set_rel_pathlist_hook_type next_hook = NULL;

static Plan *make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
					   List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = PGR_NEAREST_NAME,
	.PlanCustomPath = make_plan,
};

/* ----------
 * The expression
 * ----------
 */

bool
pgr_nearest_split(Node *distance, Index rel, PgrNearestCall *call)
{
	List	   *args;

	if (IsA(distance, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) distance;

		args = op->args;
		call->function = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
		call->collation = op->inputcollid;
	}
	else if (IsA(distance, FuncExpr))
	{
		args = ((FuncExpr *) distance)->args;
		call->function = ((FuncExpr *) distance)->funcid;
		call->collation = ((FuncExpr *) distance)->inputcollid;
	}
	else
		return false;
	if (list_length(args) != 2)
		return false;
	for (int side = 0; side < 2; side++)
	{
		Var		   *var = (Var *) list_nth(args, side);

		if (!IsA(var, Var) || var->varno != rel || var->varlevelsup != 0 ||
			var->varattno <= 0)
			continue;
		call->column = var->varattno;
		call->column_first = side == 0;
		call->other = list_nth(args, 1 - side);
		return true;
	}
	return false;
}

static bool
is_distance(Node *expr, Index rel)
{
	PgrNearestCall call;

	return exprType(expr) == FLOAT8OID && pgr_nearest_split(expr, rel, &call) &&
		pgr_is_distance(call.function) && func_strict(call.function) &&
		get_typlen(exprType(call.other)) == -1 &&
		!contain_var_clause(call.other) && !contain_subplans(call.other) &&
		!contain_volatile_functions(expr);
}

/* What the query is ordered by, if it is one distance of this relation; else NULL. */
static Node *
ordering_distance(PlannerInfo *root, RelOptInfo *rel)
{
	PathKey    *key;
	EquivalenceMember *member;
	PgrMemberIterator members;

	if (list_length(root->query_pathkeys) != 1)
		return NULL;
	key = linitial(root->query_pathkeys);
	if (!PGR_PATHKEY_ASCENDING(key) || key->pk_nulls_first || key->pk_eclass->ec_has_volatile ||
		key->pk_opfamily != lookup_type_cache(FLOAT8OID, TYPECACHE_BTREE_OPFAMILY)->btree_opf)
		return NULL;
	pgr_members_begin(&members, key->pk_eclass, rel->relids);
	while ((member = pgr_members_next(&members)) != NULL)
		if (bms_equal(member->em_relids, rel->relids) &&
			is_distance((Node *) member->em_expr, rel->relid))
			return (Node *) member->em_expr;
	return NULL;
}

/* ----------
 * The query
 * ----------
 */

/* LIMIT and OFFSET together, if they are constants; else 0. */
static int64
limit_rows(const Query *parse)
{
	const Const *count = (const Const *) parse->limitCount;
	const Const *offset = (const Const *) parse->limitOffset;
	int64		rows;

	if (count == NULL || !IsA(count, Const) || count->constisnull ||
		parse->limitOption != LIMIT_OPTION_COUNT)
		return 0;
	rows = DatumGetInt64(count->constvalue);
	if (offset != NULL && !IsA(offset, Const))
		return 0;
	if (rows > MOST_ROWS || rows <= 0)
		return 0;
	if (offset != NULL && !offset->constisnull && DatumGetInt64(offset->constvalue) > 0)
	{
		if (DatumGetInt64(offset->constvalue) > MOST_ROWS - rows)
			return 0;
		rows += DatumGetInt64(offset->constvalue);
	}
	return rows;
}

/* A table of PostgreSQL's own access method, or a child that is one. */
static bool
is_heap(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	Relation	table;
	bool		heap;

	if (!IS_SIMPLE_REL(rel) || rel->rtekind != RTE_RELATION || rte->inh ||
		rte->tablesample != NULL)
		return false;
	table = table_open(rte->relid, NoLock);
	heap = table->rd_tableam == GetHeapamTableAmRoutine();
	table_close(table, NoLock);
	return heap;
}

/* True if all the query does is to order the rows of this table, or of its children. */
static bool
may_be_nearest(const PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	return enabled && enable_seqscan && root->limit_tuples > 0 &&
		root->parse->commandType == CMD_SELECT && root->parse->rowMarks == NIL &&
		root->rowMarks == NIL && bms_membership(root->all_baserels) == BMS_SINGLETON &&
		rel->lateral_relids == NULL && is_heap(rel, rte);
}

/* ----------
 * Paths
 * ----------
 */

static QualCost
distance_cost(PlannerInfo *root, Node *distance)
{
	QualCost	cost;

	cost_qual_eval_node(&cost, distance, root);
	cost.per_tuple *= READ_AHEAD;
	return cost;
}

/*
 * How many workers are worth their start. PostgreSQL counts pages, of which a table
 * has few when its vectors are out of line; here distances that cost as much as reading
 * a page count as one.
 */
static int
choose_workers(PlannerInfo *root, RelOptInfo *rel, Node *distance)
{
	double		pages = rel->rows * distance_cost(root, distance).per_tuple /
		Max(seq_page_cost, cpu_tuple_cost);

	return compute_parallel_worker(rel, Max(rel->pages, pages), -1,
								   max_parallel_workers_per_gather);
}

/*
 * A sequential scan with the distance of each row that passes and a comparison
 * with the farthest kept; no projection, no sort.
 */
static void
set_cost(PlannerInfo *root, CustomPath *path, Node *distance, double k)
{
	RelOptInfo *rel = path->path.parent;
	double		divisor = 1;
	QualCost	cost;
	double		tuples;

	if (path->path.parallel_workers > 0)
	{
		divisor = path->path.parallel_workers;
		if (parallel_leader_participation)
			divisor += Max(0, 1.0 - 0.3 * path->path.parallel_workers);
	}
	cost = distance_cost(root, distance);
	tuples = rel->tuples / divisor;
	path->path.rows = clamp_row_est(Min(k, rel->rows / divisor));
	path->path.startup_cost = rel->baserestrictcost.startup + cost.startup +
		seq_page_cost * rel->pages +
		tuples * (cpu_tuple_cost + rel->baserestrictcost.per_tuple) +
		rel->rows / divisor * (cost.per_tuple + cpu_operator_cost) +
		path->path.rows * cpu_operator_cost * log2(k + 1);
	path->path.total_cost = path->path.startup_cost +
		path->path.rows * (cpu_tuple_cost + path->path.pathtarget->cost.per_tuple);
}

static Path *
make_path(PlannerInfo *root, RelOptInfo *rel, Node *distance, int64 k, int workers)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.pathkeys = root->query_pathkeys;
	path->path.parallel_safe = rel->consider_parallel && is_parallel_safe(root, distance);
	path->path.parallel_aware = workers > 0;
	path->path.parallel_workers = workers;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = list_make2(distance, makeInteger((int) k));
	path->methods = &path_methods;
	set_cost(root, path, distance, k);
	return &path->path;
}

static void
add_nearest_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Node	   *distance;
	int64		k;

	if (next_hook != NULL)
		next_hook(root, rel, rti, rte);
	if (!may_be_nearest(root, rel, rte) || (k = limit_rows(root->parse)) == 0 ||
		(distance = ordering_distance(root, rel)) == NULL)
		return;
	add_path(rel, make_path(root, rel, distance, k, 0));
	if (rel->consider_parallel && is_parallel_safe(root, distance))
	{
		int			workers = choose_workers(root, rel, distance);

		if (workers > 0)
			add_partial_path(rel, make_path(root, rel, distance, k, workers));
	}
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
		  List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	scan->custom_exprs = list_make1(linitial(path->custom_private));
	scan->custom_private = list_make1(lsecond(path->custom_private));
	scan->methods = &pgr_nearest_scan_methods;
	return &scan->scan.plan;
}

void
pgr_exact_init(void)
{
	DefineCustomBoolVariable("pgretrieve.enable_nearest",
							 "Lets the planner use one node for exact search.",
							 "Off: a sequential scan and a sort, as PostgreSQL plans by itself.",
							 &enabled, true, PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	RegisterCustomScanMethods(&pgr_nearest_scan_methods);
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_nearest_paths;
}
