/*
 * test_graph.c
 *		The build graph in memory: recall against exact search, selection rule,
 *		duplicates, a full graph, insertion by several threads at once.
 */
/* covers: graph_insert graph_mem graph_search graph_select */
#include <math.h>
#include <pthread.h>

#include "graph/graph.h"
#include "tap.h"

#define MAX_DIM 512
#define LATENT 16
#define DEGREE 32
#define EF 64
#define QUERIES 200

/* of the codes; from 384 on distances are first told from a part of the coordinates */
static uint32_t dim = 64;

static double
gaussian(uint64_t *state)
{
	double		u = ((double) (pgr_random(state) >> 11) + 1) / 9007199254740993.0;
	double		v = (double) (pgr_random(state) >> 11) / 9007199254740992.0;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/*
 * Point i of a mixture of clusters; sorted by cluster, the worst order there is. Beyond
 * 64 dimensions it lies in LATENT of them, rotated, as vectors of a model do more or less.
 */
static void
make_point(uint32_t i, uint32_t n, uint32_t clusters, int8_t *code, PgrCode8 *head)
{
	uint64_t	state = (uint64_t) i * n / n + 1000;
	uint64_t	centre = (uint64_t) i * clusters / n + 1;
	uint32_t	latent = dim > 64 ? LATENT : dim;
	float		x[MAX_DIM] = {0};

	for (uint32_t d = 0; d < latent; d++)
		x[d] = (float) (2 * gaussian(&centre) + gaussian(&state));
	if (latent < dim)
	{
		uint8_t		signs[MAX_DIM / 8 * PGR_ROTATION_ROUNDS];
		PgrRotation r;

		pgr_rotation_init(&r, dim, 1, signs);
		pgr_rotate(&r, x);
	}
	pgr_code8_encode(x, dim, 0, code, head);
}

typedef struct Job
{
	PgrGraph   *g;
	uint32_t	n;
	uint32_t	clusters;
	uint32_t   *next;
	uint32_t	lost;
} Job;

static void *
work(void *arg)
{
	Job		   *job = arg;
	PgrGraphScratch *s = pgr_graph_scratch_init(job->g, malloc(pgr_graph_scratch_size(job->g)));
	uint32_t	i;

	while ((i = __atomic_fetch_add(job->next, 1, __ATOMIC_RELAXED)) < job->n)
	{
		uint32_t	id = pgr_graph_reserve(job->g);
		PgrGraphNode *node;

		if (id == PGR_GRAPH_NONE)
		{
			job->lost++;
			continue;
		}
		node = pgr_graph_node(job->g, id);
		make_point(i, job->n, job->clusters, pgr_graph_code(job->g, node), &node->head);
		pgr_graph_insert(job->g, s, id);
	}
	free(s);
	return NULL;
}

static PgrGraph *
build(uint32_t n, uint32_t clusters, uint32_t capacity, int threads, uint32_t *lost)
{
	PgrGraph   *g = aligned_alloc(64, pgr_graph_size(dim, DEGREE, 8, capacity));
	uint32_t	next = 0;
	pthread_t	thread[8];
	Job			job[8];

	pgr_graph_init(g, dim, DEGREE, 8, EF, 0, capacity);
	*lost = 0;
	for (int t = 0; t < threads; t++)
	{
		job[t] = (Job) {g, n, clusters, &next, 0};
		pthread_create(&thread[t], NULL, work, &job[t]);
	}
	for (int t = 0; t < threads; t++)
	{
		pthread_join(thread[t], NULL);
		*lost += job[t].lost;
	}
	return g;
}

/* Share of the exact ten nearest that a search with the build's ef finds. */
static double
recall(PgrGraph *g, uint32_t n, uint32_t clusters)
{
	PgrGraphScratch *s = pgr_graph_scratch_init(g, malloc(pgr_graph_scratch_size(g)));
	float	   *all = malloc(n * sizeof(float));
	uint32_t	found = 0;

	for (int q = 0; q < QUERIES; q++)
	{
		int8_t		code[MAX_DIM];
		PgrCode8	head;
		PgrGraphLink out[EF];
		float		tenth[10];
		uint32_t	nout;

		make_point((uint32_t) (pgr_random(&tap_seed) % n) * 7919u % n, n, clusters, code, &head);
		code[q % dim] = (int8_t) (code[q % dim] / 2);	/* near a point, not on it */
		for (uint32_t i = 0; i < n; i++)
		{
			PgrGraphNode *node = pgr_graph_node(g, i);

			all[i] = (float) pgr_code8_pair_distance(&head, code, &node->head,
													 pgr_graph_code(g, node), dim, 0);
		}
		/* the ten smallest, by insertion */
		for (int k = 0; k < 10; k++)
			tenth[k] = INFINITY;
		for (uint32_t i = 0; i < n; i++)
			for (int k = 9; k >= 0 && all[i] < tenth[k]; k--)
			{
				if (k < 9)
					tenth[k + 1] = tenth[k];
				tenth[k] = all[i];
			}
		nout = pgr_graph_search(g, s, &head, code, EF, out);
		for (uint32_t i = 0; i < nout && i < 10; i++)
			found += out[i].distance <= tenth[9] * 1.000001f;
	}
	free(s);
	free(all);
	return found / (10.0 * QUERIES);
}

/* Nodes sorted, without repeats, links sorted and below the degree. */
static bool
well_formed(PgrGraph *g, char *detail)
{
	for (uint32_t i = 0; i < pgr_graph_count(g); i++)
	{
		PgrGraphNode *node = pgr_graph_node(g, i);
		PgrGraphLink *links = pgr_graph_links(g, node);

		if (node->sequence % 2 != 0 || node->state == PGR_GRAPH_EMPTY || node->nlinks > g->degree)
		{
			sprintf(detail, "node %u: sequence %u, state %u, %u links", i, node->sequence,
					node->state, node->nlinks);
			return false;
		}
		for (uint32_t j = 0; j < node->nlinks; j++)
		{
			uint32_t	to = PGR_GRAPH_ID(links[j]);
			bool		ok = to != i && to < pgr_graph_count(g) &&
				pgr_graph_node(g, to)->state == PGR_GRAPH_NODE &&
				(j == 0 || links[j - 1].distance <= links[j].distance);

			for (uint32_t k = 0; k < j; k++)
				ok &= PGR_GRAPH_ID(links[k]) != to;
			if (!ok)
			{
				sprintf(detail, "node %u, link %u to %u", i, j, to);
				return false;
			}
		}
	}
	return true;
}

static void
test_recall(uint32_t n, uint32_t clusters, int threads, double least)
{
	uint32_t	lost;
	PgrGraph   *g = build(n, clusters, n, threads, &lost);
	char		detail[200] = "";
	char		name[100];
	double		r;

	sprintf(name, "graph of %u of %u dimensions in %u clusters, %d threads, well formed", n, dim,
			clusters, threads);
	tap_ok(well_formed(g, detail) && lost == 0 && pgr_graph_count(g) == n, name, detail);
	r = recall(g, n, clusters);
	sprintf(name, "graph of %u of %u dimensions in %u clusters, %d threads, recall", n, dim,
			clusters, threads);
	sprintf(detail, "recall@10 %.4f, at least %.3f wanted", r, least);
	tap_ok(r >= least, name, detail);
	printf("# recall %.4f\n", r);
	free(g);
}

static void
test_full(void)
{
	uint32_t	lost;
	PgrGraph   *g = build(1000, 5, 300, 4, &lost);
	size_t		size = pgr_graph_size(dim, DEGREE, 8, 777);

	tap_ok(lost == 700 && pgr_graph_count(g) == 300, "a full graph takes no more", "count is wrong");
	free(g);
	tap_ok(pgr_graph_fit(dim, DEGREE, 8, size, UINT32_MAX) == 777 &&
		   pgr_graph_fit(dim, DEGREE, 8, size - 1, UINT32_MAX) == 776 &&
		   pgr_graph_fit(dim, DEGREE, 8, 0, UINT32_MAX) == 0 &&
		   pgr_graph_size(UINT32_MAX, 256, 8, UINT32_MAX) == 0,
		   "sizes", "fit and size disagree");
}

static void
test_duplicates(void)
{
	PgrGraph   *g = aligned_alloc(64, pgr_graph_size(dim, DEGREE, 8, 1000));
	PgrGraphScratch *s;
	uint32_t	heads = 0;
	uint32_t	chained = 0;

	pgr_graph_init(g, dim, DEGREE, 8, EF, 0, 1000);
	s = pgr_graph_scratch_init(g, malloc(pgr_graph_scratch_size(g)));
	for (uint32_t i = 0; i < 1000; i++)
	{
		uint32_t	id = pgr_graph_reserve(g);
		PgrGraphNode *node = pgr_graph_node(g, id);

		make_point(i % 10, 10, 1, pgr_graph_code(g, node), &node->head);
		pgr_graph_insert(g, s, id);
	}
	for (uint32_t i = 0; i < 1000; i++)
		if (pgr_graph_node(g, i)->state == PGR_GRAPH_NODE)
		{
			heads++;
			for (uint32_t j = pgr_graph_node(g, i)->next_equal; j != PGR_GRAPH_NONE;
				 j = pgr_graph_node(g, j)->next_equal)
				chained++;
		}
	tap_ok(heads == 10 && chained == 990, "equal values share a node", "they do not");
	free(s);
	free(g);
}

static double
line_pair(const void *arg, uint32_t a, uint32_t b, float bound)
{
	const float *at = arg;

	return fabs(at[a] - at[b]);
}

static void
test_select(void)
{
	/* a node at 0 and others on a line, on both sides */
	float		at[] = {1, -1.5f, 1.9f, 2.5f, -4, 5};
	float		distances[6];
	uint32_t	chosen[6];
	uint32_t	n;

	for (int i = 0; i < 6; i++)
		distances[i] = fabsf(at[i]);
	n = pgr_graph_select(distances, 6, 4, line_pair, at, chosen);
	/* 1 and -1.5 see nothing nearer; the rest is nearer to one of them */
	tap_ok(n == 4 && chosen[0] == (0 | PGR_GRAPH_DIVERSE) && chosen[1] == (1 | PGR_GRAPH_DIVERSE) &&
		   chosen[2] == 2 && chosen[3] == 3, "selection: diverse first, then the nearest",
		   "other neighbours");
	n = pgr_graph_select(distances, 6, 1, line_pair, at, chosen);
	tap_ok(n == 1 && chosen[0] == (0 | PGR_GRAPH_DIVERSE), "selection of one", "other neighbours");
	tap_ok(pgr_graph_select(distances, 0, 4, line_pair, at, chosen) == 0, "selection of none",
		   "something");
}

int
main(void)
{
	tap_srand();
	test_select();
	test_duplicates();
	test_full();
	test_recall(5000, 1, 1, 0.97);
	test_recall(5000, 100, 1, 0.97);
	test_recall(5000, 100, 4, 0.97);
	dim = MAX_DIM;
	test_recall(3000, 20, 1, 0.97);
	test_recall(3000, 1, 2, 0.97);
	return tap_done();
}
