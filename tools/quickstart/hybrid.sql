-- Hybrid search: two ways to find candidates, fused by rank, reranked by MaxSim.
--
-- psql variables: question (text), qvec (its vector), qtokens (its multivector).
-- In production the last two come from the neural model that also made the
-- columns embedding and tokens.
WITH lexical AS MATERIALIZED (      -- words: BM25, through the index; <@> is the negative score
    SELECT id, row_number() OVER (ORDER BY score, id) AS rank
    FROM (SELECT id, words <@> :'question' AS score
          FROM docs
          ORDER BY words <@> :'question' LIMIT 50) s
    WHERE score < 0                 -- 0: none of the words
), dense AS MATERIALIZED (          -- meaning: exact cosine distance
    SELECT id, row_number() OVER (ORDER BY distance, id) AS rank
    FROM (SELECT id, embedding <=> nullif(:'qvec', '')::vector AS distance
          FROM docs
          WHERE embedding IS NOT NULL AND :'qvec' <> ''
          ORDER BY distance, id LIMIT 50) s
), fused AS MATERIALIZED (          -- reciprocal rank fusion, k = 60
    SELECT id, l.rank AS lexical_rank, d.rank AS dense_rank,
           coalesce(1.0 / (60 + l.rank), 0) + coalesce(1.0 / (60 + d.rank), 0) AS rrf
    FROM lexical l FULL JOIN dense d USING (id)
    ORDER BY rrf DESC, id LIMIT 20
), reranked AS MATERIALIZED (       -- late interaction: @# is negative MaxSim
    SELECT f.*, -(tokens @# nullif(:'qtokens', '')::multivector) AS max_sim
    FROM fused f JOIN docs USING (id)
    ORDER BY tokens @# nullif(:'qtokens', '')::multivector, rrf DESC, id
)
SELECT row_number() OVER (ORDER BY max_sim DESC NULLS LAST, rrf DESC, id) AS rank,
       title, id, lexical_rank, dense_rank, round(rrf, 4) AS rrf,
       round(max_sim::numeric, 2) AS max_sim,
       bm25_headline('english', body, to_rankquery('english', :'question'),
                     'MaxWords=28, MinWords=14, StartSel=<<, StopSel=>>') AS snippet
FROM reranked JOIN docs USING (id)
ORDER BY rank LIMIT 5
