/*
 * compat.h
 *		Differences between PostgreSQL majors. The only file that may test
 *		PG_VERSION_NUM (test/check_layers enforces it).
 *
 * Supported: 15, 16, 17, 18. Older servers are refused at compile time.
 */
#ifndef PGR_COMPAT_H
#define PGR_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "pgretrieve requires PostgreSQL 15 or later"
#endif

/* 16 moved the varlena macros out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Soft input errors arrived in 16: inside an input function,
 * pgr_ereturn(escontext, dummy, (errcode(..), errmsg(..))) reports softly where
 * the caller asked for that, and raises an ordinary error elsewhere.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define PGR_ESCONTEXT(fcinfo) ((fcinfo)->context)
#define pgr_ereturn(escontext, dummy, ...) ereturn(escontext, dummy, __VA_ARGS__)
#else
struct Node;
#define PGR_ESCONTEXT(fcinfo) NULL
#define pgr_ereturn(escontext, dummy, ...) \
	do { \
		(void) (escontext); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy; \
	} while (0)
#endif

/* Before a declaration; 18 has a keyword of its own and rejects the old place. */
#ifdef pg_noreturn
#define PGR_NORETURN pg_noreturn
#else
#define PGR_NORETURN pg_attribute_noreturn()
#endif

/* Exactly size bytes from a BufFile, or an error; a function of core's from 16 on. */
#include "storage/buffile.h"
#if PG_VERSION_NUM >= 160000
#define pgr_buffile_read(file, ptr, size) BufFileReadExact(file, ptr, size)
#else
#define pgr_buffile_read(file, ptr, size) \
	do { \
		if (BufFileRead(file, ptr, size) != (size)) \
			elog(ERROR, "could not read a temporary file"); \
	} while (0)
#endif

/* A qualified name's parts; 16 added an escontext. */
#if PG_VERSION_NUM >= 160000
#define pgr_name_list(str) stringToQualifiedNameList(str, NULL)
#else
#define pgr_name_list(str) stringToQualifiedNameList(str)
#endif

/* The number of a relation's file, which a rewrite changes; renamed in 16. */
#if PG_VERSION_NUM >= 160000
#define pgr_relfilenumber(rel) ((rel)->rd_locator.relNumber)
#else
#define pgr_relfilenumber(rel) ((rel)->rd_node.relNode)
#endif

/* This backend's local transaction id; moved in 17. */
#if PG_VERSION_NUM >= 170000
#define pgr_my_lxid() (MyProc->vxid.lxid)
#else
#define pgr_my_lxid() (MyProc->lxid)
#endif

/* 18 counts index searches for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define pgr_count_index_search(scan) \
	do { \
		if ((scan)->instrument) \
			(scan)->instrument->nsearches++; \
	} while (0)
#define pgr_vacuum_delay() vacuum_delay_point(false)
#else
#define pgr_count_index_search(scan) ((void) (scan))
#define pgr_vacuum_delay() vacuum_delay_point()
#endif

/* 18 lets an extension add lines to the nodes that EXPLAIN prints. */
#if PG_VERSION_NUM >= 180000
#define PGR_EXPLAIN_HOOKS
#endif

/*
 * In amcostestimate: this path is not to be used. From 18 on a path is disabled
 * by count, and costs, however high, only decide among equally disabled ones.
 */
#if PG_VERSION_NUM >= 180000
#define pgr_disable_path(indexpath) ((indexpath)->path.disabled_nodes = 2)
#else
#define pgr_disable_path(indexpath) ((void) (indexpath))
#endif

/*
 * Members of an equivalence class, those of a child relation included, which 18 keeps
 * apart. Needs nodes/pathnodes.h and optimizer/paths.h. And a path key's direction.
 */
#if PG_VERSION_NUM >= 180000
#define PgrMemberIterator EquivalenceMemberIterator
#define pgr_members_begin(it, ec, relids) setup_eclass_member_iterator(it, ec, relids)
#define pgr_members_next(it) eclass_member_iterator_next(it)
#define PGR_PATHKEY_ASCENDING(key) ((key)->pk_cmptype == COMPARE_LT)
#else
typedef struct PgrMemberIterator
{
	struct List *members;
	int			next;
} PgrMemberIterator;
#define pgr_members_begin(it, ec, relids) \
	((it)->members = (ec)->ec_members, (it)->next = 0)
#define pgr_members_next(it) \
	((it)->next < list_length((it)->members) ? list_nth((it)->members, (it)->next++) : NULL)
#define PGR_PATHKEY_ASCENDING(key) ((key)->pk_strategy == BTLessStrategyNumber)
#endif

/*
 * Appends up to n blocks to a relation whose extension lock is held; *extended of them, in
 * buffers, pinned. One by one before 16. Needs storage/bufmgr.h.
 */
#if PG_VERSION_NUM >= 160000
#define pgr_extend_relation(rel, fork, n, buffers, extended) \
	((void) ExtendBufferedRelBy(BMR_REL(rel), fork, NULL, EB_SKIP_EXTENSION_LOCK, n, buffers, \
								extended))
#else
#define pgr_extend_relation(rel, fork, n, buffers, extended) \
	((buffers)[0] = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL), *(extended) = 1)
#endif

/* What names a relation's files, for ReadRecentBuffer. */
#if PG_VERSION_NUM >= 160000
#define PGR_RELATION_FILE(rel) ((rel)->rd_locator)
#else
#define PGR_RELATION_FILE(rel) ((rel)->rd_node)
#endif

/*
 * ReadRecentBuffer leaves it to the caller to count the hit of a relation that is not
 * temporary (it does count it for EXPLAIN). Needs pgstat.h.
 */
#if PG_VERSION_NUM >= 180000
#define PGR_COUNT_IO_HIT() \
	pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, 1, 0)
#elif PG_VERSION_NUM >= 160000
#define PGR_COUNT_IO_HIT() pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT)
#else
#define PGR_COUNT_IO_HIT() ((void) 0)
#endif
#define pgr_count_buffer_hit(rel) \
	do { \
		pgstat_count_buffer_read(rel); \
		pgstat_count_buffer_hit(rel); \
		PGR_COUNT_IO_HIT(); \
	} while (0)

/* Ownership and privilege checks became one function each in 16. */
#if PG_VERSION_NUM >= 160000
#define pgr_owns_relation(oid, user) object_ownercheck(RelationRelationId, oid, user)
#define pgr_schema_aclcheck(oid, user, mode) \
	object_aclcheck(NamespaceRelationId, oid, user, mode)
#else
#define pgr_schema_aclcheck(oid, user, mode) pg_namespace_aclcheck(oid, user, mode)
#define pgr_owns_relation(oid, user) pg_class_ownercheck(oid, user)
#endif

/* make_range can report softly since 16. Needs utils/rangetypes.h. */
#if PG_VERSION_NUM >= 160000
#define pgr_make_range(type, lower, upper) make_range(type, lower, upper, false, NULL)
#else
#define pgr_make_range(type, lower, upper) make_range(type, lower, upper, false)
#endif

/* 18: variables above GROUP BY name an entry that lists grouping expressions. */
#if PG_VERSION_NUM >= 180000
#define PGR_RTE_GROUP_EXPRS(rte) ((rte)->rtekind == RTE_GROUP ? (rte)->groupexprs : NIL)
#else
#define PGR_RTE_GROUP_EXPRS(rte) NIL
#endif

/*
 * 17: an index path with an order takes column = ANY (array) on any column of an
 * index that can evaluate it.
 */
#if PG_VERSION_NUM < 170000
#define PGR_PLANNER_SPLITS_ARRAYS
#endif

/* Attribute numbers of outdesc in indesc, by name; 16 added missing_ok. Needs access/attmap.h. */
#if PG_VERSION_NUM >= 160000
#define pgr_attrmap_by_name(indesc, outdesc) build_attrmap_by_name(indesc, outdesc, false)
#else
#define pgr_attrmap_by_name(indesc, outdesc) build_attrmap_by_name(indesc, outdesc)
#endif

/*
 * The snapshot that values out of line are read with, perhaps in data; raises if there is no
 * active or registered one. To be asked for at each value. Needs access/toast_internals.h.
 */
#if PG_VERSION_NUM >= 180000
#define pgr_toast_snapshot(data) ((void) (data), get_toast_snapshot())
#else
#define pgr_toast_snapshot(data) (init_toast_snapshot(data), (Snapshot) (data))
#endif

/* 18 counts an index scan's searches where it is told to. Needs access/genam.h. */
#if PG_VERSION_NUM >= 180000
#define pgr_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, norderbys)
#else
#define pgr_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, nkeys, norderbys)
#endif

#endif							/* PGR_COMPAT_H */
