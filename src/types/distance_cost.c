/*
 * distance_cost.c
 *		Planner support of the distance functions: the cost of a call by the
 *		size of the values, and by whether they lie in line or out of line.
 *
 * A distance costs what reading its operands from memory costs: 3 kB of a row
 * in line take some 400 ns, out of line 3 to 5 us (bench/distance_cost measures
 * both). With a constant COST the planner takes a filter by distance for as cheap
 * as a comparison of integers, and never starts workers for an exact search of
 * tens of thousands of rows. It counts nothing of its own for values out of line.
 *
 * A unit of cpu_operator_cost is taken for 10 ns. A built-in operator takes 4 to
 * 5; but it is parallel_setup_cost that a distance is weighed against, 1000 or
 * 400,000 operators, and starting two workers takes 4 to 6 ms. With 4 ns to the
 * unit, scans of 10 ms became parallel and slower.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "types/distance_cost.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* in units of cpu_operator_cost */
#define CALL_COST 2.0
#define IN_LINE_BYTES 64.0		/* read for one unit */
#define FETCH_COST 250.0		/* finding a value out of line, through an index */
#define FETCH_BYTES 16.0			/* copied together for one unit */

/* The request that asks a support function whether it is of a distance. */
#define DISTANCE_REQUEST "PgrDistanceRequest"

/* A column as the planner knows it. */
typedef struct ColumnSize
{
	int			width;			/* average in the row, from statistics; or 0 */
	bool		may_move;		/* out of line if the row is too long */
} ColumnSize;

/* Zeroes if the expression is no column of a table. */
static ColumnSize
column_size(PlannerInfo *root, Node *expr)
{
	ColumnSize	column = {0, false};
	Var		   *var = (Var *) expr;
	RangeTblEntry *rte;
	HeapTuple	tuple;

	if (root == NULL || !IsA(expr, Var) || var->varlevelsup != 0 ||
		IS_SPECIAL_VARNO(var->varno) || var->varattno <= 0)
		return column;
	rte = planner_rt_fetch(var->varno, root);
	if (rte->rtekind != RTE_RELATION)
		return column;
	column.width = get_attavgwidth(rte->relid, var->varattno);
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(rte->relid),
							Int16GetDatum(var->varattno));
	if (HeapTupleIsValid(tuple))
	{
		char		storage = ((Form_pg_attribute) GETSTRUCT(tuple))->attstorage;

		column.may_move = storage == TYPSTORAGE_EXTERNAL || storage == TYPSTORAGE_EXTENDED;
		ReleaseSysCache(tuple);
	}
	return column;
}

/* Bytes of a whole value, from modifier or constant; 0 if neither tells. */
static int
declared_size(Node *expr, PgrValueSize size)
{
	int32		typmod = exprTypmod(expr);

	if (size.bits_per_dim == 0)
		return 0;
	if (IsA(expr, Const) && !((Const *) expr)->constisnull)
		return VARSIZE_ANY(DatumGetPointer(((Const *) expr)->constvalue));
	return typmod > 0 ? size.header + (int64) typmod * size.bits_per_dim / 8 : 0;
}

/*
 * Cost of reading one argument; a constant is in cache. declared is its size or
 * 0. In the statistics a value out of line is as wide as its pointer.
 */
static double
read_cost(PlannerInfo *root, Node *expr, int declared, int usual)
{
	ColumnSize	column = column_size(root, expr);
	int			bytes = declared;
	bool		moved;

	if (IsA(expr, Const) || IsA(expr, Param))
		return 0;
	if (bytes == 0)
		bytes = column.width > TOAST_POINTER_SIZE ? column.width : usual;
	if (column.width > 0)
		moved = column.width <= TOAST_POINTER_SIZE || column.width < bytes / 2;
	else
		moved = bytes > TOAST_TUPLE_THRESHOLD;
	if (moved && column.may_move)
		return FETCH_COST + bytes / FETCH_BYTES;
	return bytes / IN_LINE_BYTES;
}

/* The arguments of a function call or operator, without relabelling. */
static List *
call_arguments(Node *node)
{
	if (node != NULL && IsA(node, OpExpr))
		return ((OpExpr *) node)->args;
	if (node != NULL && IsA(node, FuncExpr))
		return ((FuncExpr *) node)->args;
	return NIL;
}

bool
pgr_is_distance(Oid function)
{
	ExtensibleNode request = {.type = T_ExtensibleNode,.extnodename = DISTANCE_REQUEST};
	Oid			support = get_func_support(function);

	return OidIsValid(support) &&
		DatumGetPointer(OidFunctionCall1(support, PointerGetDatum(&request))) ==
		(Pointer) &request;
}

Datum
pgr_distance_support(FunctionCallInfo fcinfo, PgrValueSize size)
{
	SupportRequestCost *request = (SupportRequestCost *) PG_GETARG_POINTER(0);
	List	   *args;
	ListCell   *cell;
	int			declared = 0;
	double		units = 0;

	if (IsA(request, ExtensibleNode) &&
		strcmp(((ExtensibleNode *) request)->extnodename, DISTANCE_REQUEST) == 0)
		PG_RETURN_POINTER(request);
	/* of the functions that have this support only within() is a condition */
	if (IsA(request, SupportRequestSelectivity))
	{
		((SupportRequestSelectivity *) request)->selectivity = PGR_WITHIN_SHARE;
		PG_RETURN_POINTER(request);
	}
	if (!IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);

	/* Both operands have one dimension, so one's size is the other's. */
	args = list_truncate(list_copy(call_arguments(request->node)), 2);
	foreach(cell, args)
		declared = Max(declared, declared_size(strip_implicit_coercions(lfirst(cell)), size));
	foreach(cell, args)
		units += read_cost(request->root, strip_implicit_coercions(lfirst(cell)),
						   declared, size.usual);
	/* the arithmetic, where both are in cache */
	units = Max(units, declared / IN_LINE_BYTES / 4);

	request->startup = 0;
	request->per_tuple = cpu_operator_cost * (CALL_COST + units);
	PG_RETURN_POINTER(request);
}
