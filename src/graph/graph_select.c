/*
 * graph_select.c
 *		Which of its candidates become a node's neighbours. See README, "Selection".
 */
#include "graph/graph.h"

uint32_t
pgr_graph_select(const float *distances, uint32_t n, uint32_t degree,
				 PgrGraphPairFn pair, const void *arg, uint32_t *chosen)
{
	uint32_t	diverse[PGR_GRAPH_MAX_DEGREE];
	uint32_t	ndiverse = 0;
	uint32_t	nchosen = 0;
	uint32_t	others;

	for (uint32_t i = 0; i < n && ndiverse < degree; i++)
	{
		bool		nearer = true;

		for (uint32_t j = 0; nearer && j < ndiverse; j++)
			nearer = pair(arg, i, diverse[j], distances[i]) > distances[i];
		if (nearer)
			diverse[ndiverse++] = i;
	}
	others = degree - ndiverse;
	for (uint32_t i = 0, d = 0; i < n; i++)
	{
		if (d < ndiverse && diverse[d] == i)
		{
			chosen[nchosen++] = i | PGR_GRAPH_DIVERSE;
			d++;
		}
		else if (others > 0)
		{
			chosen[nchosen++] = i;
			others--;
		}
	}
	return nchosen;
}
