/*
 * hnsw_spool.c
 *		Rows of a build in temporary files, and from there into the graph. See README,
 *		"Build".
 *
 * Rows that the graph in memory has no room for wait in a file of each participant; later
 * each part of the rows has a file. The row at hand is in the build's `row` and `code`.
 */
#include "postgres.h"

#include "commands/progress.h"
#include "hnsw/hnsw_build.h"
#include "miscadmin.h"
#include "pgstat.h"

/* rows that a participant takes from a part at once */
#define TAKE_ROWS 64

/* ----------
 * Files
 * ----------
 */

/*
 * The files of rows by participant. Each writes one, which holds what the graph had no room
 * for when that participant read it.
 */
static PgrSpool
rows_spool(const PgrHnswBuild *b)
{
	return (PgrSpool) {b->parallel == NULL ? NULL : b->parallel->files, "hnsw.rows", b->context};
}

PgrSpool
pgr_hnsw_parts_spool(const PgrHnswBuild *b)
{
	return (PgrSpool) {b->parallel == NULL ? NULL : b->parallel->files, "hnsw.part", b->context};
}

void
pgr_hnsw_spool_write(const PgrHnswBuild *b, BufFile *file, const PgrHnswSpoolRow *row)
{
	BufFileWrite(file, unconstify(PgrHnswSpoolRow *, row), sizeof(PgrHnswSpoolRow));
	BufFileWrite(file, b->row, PGR_HNSW_ROW_SIZE(&b->ix->meta));
	BufFileWrite(file, b->code, b->ix->meta.padded);
}

/* Reads one row to be the row at hand. Raises where the file is shorter than it should be. */
static void
read_row(PgrHnswBuild *b, BufFile *file, PgrHnswSpoolRow *row)
{
	pgr_buffile_read(file, row, sizeof(PgrHnswSpoolRow));
	pgr_buffile_read(file, b->row, PGR_HNSW_ROW_SIZE(&b->ix->meta));
	pgr_buffile_read(file, b->code, b->ix->meta.padded);
}

void
pgr_hnsw_spool_row(PgrHnswBuild *b, const PgrCode8 *head)
{
	PgrHnswSpoolRow row = {*head, 0};
	int			participant = b->parallel == NULL ? 0 : b->parallel->participant;
	PgrSpool	spool = rows_spool(b);

	if (b->spool == NULL)
		b->spool = pgr_spool_create(&spool, participant);
	pgr_hnsw_spool_write(b, b->spool, &row);
	b->shared->spooled[participant]++;
}

void
pgr_hnsw_spool_finish(PgrHnswBuild *b)
{
	PgrSpool	spool = rows_spool(b);

	if (b->spool != NULL)
		b->spool = pgr_spool_finish(&spool, b->spool);
}

/* ----------
 * Reading
 * ----------
 */

/*
 * Calls a function for the rows that had been inserted before the graph was found to be too
 * small, numbered from 0; returns how many. They are copied out, because the graph's memory is
 * used for the first partition afterwards.
 */
static uint32
each_graph_row(PgrHnswBuild *b, PgrHnswRowFn fn, void *arg)
{
	uint32		n = pgr_graph_count(b->graph);

	for (uint32 i = 0; i < n; i++)
	{
		const PgrGraphNode *node = pgr_graph_node(b->graph, i);
		PgrHnswSpoolRow row = {node->head, i};

		CHECK_FOR_INTERRUPTS();
		memcpy(b->row, pgr_graph_extra(b->graph, node), PGR_HNSW_ROW_SIZE(&b->ix->meta));
		memcpy(b->code, pgr_graph_code(b->graph, node), b->ix->meta.padded);
		fn(b, &row, arg);
	}
	return n;
}

void
pgr_hnsw_each_row(PgrHnswBuild *b, PgrHnswRowFn fn, void *arg)
{
	uint32		number = each_graph_row(b, fn, arg);
	PgrSpool	spool = rows_spool(b);

	for (int p = 0; p < PGR_HNSW_MAX_PARTICIPANTS; p++)
	{
		BufFile    *file;

		if (b->shared->spooled[p] == 0)
			continue;
		file = pgr_spool_open(&spool, b->spool, p);
		for (uint64 i = 0; i < b->shared->spooled[p]; i++)
		{
			PgrHnswSpoolRow row;

			CHECK_FOR_INTERRUPTS();
			read_row(b, file, &row);
			row.number = number++;
			fn(b, &row, arg);
		}
		pgr_spool_close(&spool, file);
	}
}

bool
pgr_hnsw_build_insert(PgrHnswBuild *b, const PgrCode8 *head, uint32 number)
{
	uint32		id = pgr_graph_reserve(b->graph);
	PgrGraphNode *node;

	if (id == PGR_GRAPH_NONE)
		return false;
	node = pgr_graph_node(b->graph, id);
	node->head = *head;
	node->number = number;
	memcpy(pgr_graph_code(b->graph, node), b->code, b->ix->meta.padded);
	memcpy(pgr_graph_extra(b->graph, node), b->row, PGR_HNSW_ROW_SIZE(&b->ix->meta));
	pgr_graph_insert(b->graph, b->scratch, id);
	return true;
}

void
pgr_hnsw_insert_part(PgrHnswBuild *b)
{
	PgrHnswBuildShared *shared = b->shared;
	PgrSpool	spool = pgr_hnsw_parts_spool(b);
	BufFile    *file;
	Size		size = sizeof(PgrHnswSpoolRow) + PGR_HNSW_ROW_SIZE(&b->ix->meta) +
		b->ix->meta.padded;
	uint64		from;

	file = pgr_spool_open(&spool, b->parts == NULL ? NULL : b->parts[shared->part], shared->part);
	while ((from = pg_atomic_fetch_add_u64(&shared->tasks.taken, TAKE_ROWS)) < shared->part_rows)
	{
		pgr_spool_seek(file, from, size);
		for (uint64 i = from; i < Min(from + TAKE_ROWS, shared->part_rows); i++)
		{
			PgrHnswSpoolRow row;

			CHECK_FOR_INTERRUPTS();
			read_row(b, file, &row);
			if (!pgr_hnsw_build_insert(b, &row.head, row.number))
				elog(ERROR, "a part has more rows than its graph has room for");
		}
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
									 (int64) (shared->reported + from));
	}
	BufFileClose(file);
}
