/*
 * hnsw_point.c
 *		Vectors as the codes of any frame see them. See README, "Frames and entries".
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_point.h"
#include "utils/memutils.h"

/* ----------
 * Points
 * ----------
 */

static PgrHnswView *
make_view(PgrHnswPoint *p, const float *y)
{
	PgrHnswView *view = MemoryContextAllocZero(p->context, sizeof(PgrHnswView));
	int8	   *code = MemoryContextAlloc(p->context, p->ix->meta.padded);

	pgr_code8_encode(y, p->ix->meta.padded, p->aux, code, &view->head);
	view->code = code;
	return view;
}

/* Copies the elements of a detoasted value, dim floats; raises if there are not so many. */
static void
copy_elements(const PgrHnswIndex *ix, const struct varlena *value, float *x)
{
	int			dim;
	const float *elements = ix->cls->floats(value, &dim);

	if (dim != ix->meta.dim)
		pgr_vecclass_error_dim(ix->cls, ix->meta.dim, dim);
	memcpy(x, elements, dim * sizeof(float));
}

bool
pgr_hnsw_vector(const PgrHnswIndex *ix, const struct varlena *value, float *x, float *aux)
{
	copy_elements(ix, value, x);
	return pgr_vecspace_row(&ix->space, x, aux);
}

/* A point of a value that is to come, padded floats in *x. In the current context. */
static void
start_point(const PgrHnswIndex *ix, PgrHnswPoint *p, float **x)
{
	memset(p, 0, sizeof(PgrHnswPoint));
	p->ix = ix;
	p->context = CurrentMemoryContext;
	p->value = *x = palloc(ix->meta.padded * sizeof(float));
	p->floats = palloc(ix->meta.padded * sizeof(float));
}

bool
pgr_hnsw_point_row(const PgrHnswIndex *ix, const struct varlena *value, PgrHnswPoint *p)
{
	float	   *x;

	start_point(ix, p, &x);
	if (!pgr_hnsw_vector(ix, value, x, &p->aux))
		return false;
	pgr_hnsw_point_again(p);
	return true;
}

bool
pgr_hnsw_point_query(PgrHnswIndex *ix, const struct varlena *value, PgrHnswPoint *p)
{
	float	   *x;

	start_point(ix, p, &x);
	copy_elements(ix, value, x);
	if (!pgr_vecspace_query(&ix->space, x))
		return false;
	pgr_hnsw_point_again(p);
	return true;
}

void
pgr_hnsw_point_put(PgrHnswPoint *p, uint32 frame)
{
	memset(p->views, 0, sizeof(p->views));
	p->frame = frame;
	pgr_vecspace_place(&p->ix->space, p->value, pgr_hnsw_frame_origin(p->ix, frame), p->floats);
	p->views[frame] = make_view(p, p->floats);
}

void
pgr_hnsw_point_again(PgrHnswPoint *p)
{
	pgr_hnsw_point_put(p, pgr_hnsw_frame_for(p->ix, p->value));
}

void
pgr_hnsw_point_code(const PgrHnswIndex *ix, uint32 frame, const PgrCode8 *head, const int8 *code,
					PgrHnswPoint *p)
{
	memset(p, 0, sizeof(PgrHnswPoint));
	p->ix = ix;
	p->context = CurrentMemoryContext;
	p->aux = head->aux;
	p->frame = frame;
	p->own = (PgrHnswView) {*head, code};
	p->views[frame] = &p->own;
}

/* The vector of a point, dim floats, in room for padded; of a code about it. */
static void
value_of(const PgrHnswPoint *p, float *x)
{
	if (p->value != NULL)
	{
		memcpy(x, p->value, p->ix->meta.dim * sizeof(float));
		return;
	}
	pgr_vecspace_unplace(&p->ix->space, &p->own.head, p->own.code,
					  pgr_hnsw_frame_origin(p->ix, p->frame), x);
}

void
pgr_hnsw_point_stretch(const PgrHnswPoint *p, PgrHnswPoint *to)
{
	float	   *x;

	start_point(p->ix, to, &x);
	value_of(p, x);
	pgr_vecspace_stretch(&p->ix->space, x);
	pgr_hnsw_point_put(to, p->frame);
}

/* ----------
 * Views
 * ----------
 */

/* What is added to a point's coordinates in one frame to have those in another. */
static float *
shift_between(const PgrHnswIndex *ix, uint32 from, uint32 to)
{
	float	   *shift = palloc(ix->meta.padded * sizeof(float));
	float	   *x = palloc(ix->meta.padded * sizeof(float));
	const float *origin;

	/* each may move the frames */
	pgr_hnsw_frame_origin(ix, Max(from, to));
	origin = pgr_hnsw_frame_origin(ix, from);
	memcpy(x, origin, ix->meta.dim * sizeof(float));
	pgr_vecspace_place(&ix->space, x, pgr_hnsw_frame_origin(ix, to), shift);
	pfree(x);
	return shift;
}

void
pgr_hnsw_view_query(const PgrHnswPoint *p, uint32 frame)
{
	PgrHnswView *view = p->views[frame];

	pgr_edge_query(&view->query, &view->head, view->code, p->ix->meta.padded,
				   p->ix->meta.edge_bits);
}

const PgrHnswView *
pgr_hnsw_view(PgrHnswPoint *p, uint32 frame)
{
	uint32		padded = p->ix->meta.padded;
	MemoryContext old;
	float	   *y;

	if (p->views[frame] != NULL)
		return p->views[frame];
	old = MemoryContextSwitchTo(p->context);
	if (p->floats == NULL)
	{
		p->floats = palloc(padded * sizeof(float));
		pgr_code8_decode(&p->own.head, p->own.code, padded, p->floats);
	}
	y = shift_between(p->ix, p->frame, frame);
	for (uint32 i = 0; i < padded; i++)
		y[i] += p->floats[i];
	pgr_vecspace_shorten(&p->ix->space, y);
	p->views[frame] = make_view(p, y);
	pfree(y);
	p->views[frame]->shift = shift_between(p->ix, frame, p->frame);
	pgr_hnsw_view_query(p, frame);
	MemoryContextSwitchTo(old);
	return p->views[frame];
}

void
pgr_hnsw_bring_home(const PgrHnswPoint *p, uint32 frame, const PgrCode8 *head, const int8 *code,
					float *scratch, PgrCode8 *to_head, int8 *to_code)
{
	uint32		padded = p->ix->meta.padded;
	const float *shift = p->views[frame]->shift;

	if (frame == p->frame)
	{
		*to_head = *head;
		memcpy(to_code, code, padded);
		return;
	}
	pgr_code8_decode(head, code, padded, scratch);
	for (uint32 i = 0; i < padded; i++)
		scratch[i] += shift[i];
	pgr_vecspace_shorten(&p->ix->space, scratch);
	pgr_code8_encode(scratch, padded, head->aux, to_code, to_head);
}

/* ----------
 * Distances from frames, and new frames
 * ----------
 */

double
pgr_hnsw_point_distance(const PgrHnswPoint *p, uint32 frame)
{
	return frame < p->ix->meta.nframes ? pgr_hnsw_frame_distance(p->ix, p->value, frame) : 0;
}

double
pgr_hnsw_near_frame(const PgrHnswPoint *p)
{
	const PgrHnswMeta *meta = &p->ix->meta;
	double		least = INFINITY;

	for (uint32 i = 0; i < meta->entry_pages; i++)
		least = Min(least, pgr_hnsw_point_distance(p, meta->entry_frame[i]));
	return least;
}

void
pgr_hnsw_first_frames(PgrHnswIndex *ix, PgrHnswPoint *p)
{
	while (ix->meta.main_frame == PGR_HNSW_NO_FRAME &&
		   (ix->meta.nframes == 0 || pgr_hnsw_frame_distance(ix, p->value, p->frame) > 0))
	{
		uint32		n = ix->meta.nframes;

		if (!pgr_hnsw_frame_add(ix, p->value) && ix->meta.nframes == n)
			break;
		pgr_hnsw_point_again(p);
	}
}

bool
pgr_hnsw_add_frame(PgrHnswIndex *ix, PgrHnswPoint *p)
{
	uint32		n = ix->meta.nframes;

	pgr_hnsw_frame_add(ix, p->value);
	if (ix->meta.nframes == n)
		return false;
	pgr_hnsw_point_again(p);
	return true;
}
