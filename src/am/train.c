/*
 * train.c
 *		k-means for builds. See README, "Training".
 */
#include "postgres.h"

#include "am/train.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Multiplications from which a k-means gains more by OpenBLAS than loading it takes
 * (measured: bench/README.md).
 */
#define WORTH_LOADING 5e8

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* The library, or NULL with a NOTICE, the first time, that there is none. */
static const PgrBlas *
load_blas(void)
{
	static bool noticed = false;
	const PgrBlas *blas = pgr_blas();

	if (blas == NULL && !noticed)
	{
		noticed = true;
		ereport(NOTICE,
				(errmsg("OpenBLAS is not available"),
				 errdetail("Loops of pgretrieve's own find the centroids, which takes longer."),
				 errhint("Install OpenBLAS (libopenblas.so.0) to speed up large builds.")));
	}
	return blas;
}

float *
pgr_train_floats(uint64 rows, uint32 dim)
{
	return palloc_extended(mul_size(mul_size(Max(rows, 1), dim), sizeof(float)), MCXT_ALLOC_HUGE);
}

void
pgr_train_kmeans(PgrKmeans *job)
{
	Size		size = pgr_kmeans_scratch_size(job->dim, job->k);
	void	   *scratch;

	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many centroids")));
	job->tick = check_interrupts;
	job->blas = pgr_kmeans_work(job) < WORTH_LOADING ? NULL : load_blas();
	job->counts = palloc_extended(mul_size(job->k, sizeof(uint32)), MCXT_ALLOC_HUGE);
	scratch = palloc_extended(size, MCXT_ALLOC_HUGE);
	pgr_kmeans(job, scratch);
	pfree(scratch);
}
