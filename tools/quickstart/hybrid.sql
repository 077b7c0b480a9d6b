-- Hybrid search: one statement.
--
-- psql variables: question (text), qvec (its vector), qtokens (its multivector). The last
-- two come from the model that also made the columns embedding and tokens. A leg whose
-- value is NULL is left out.
SELECT h.rank, (h.hit).title, (h.hit).id,
       h.leg_ranks, h.leg_scores,               -- what each leg thought of the row
       h.score, h.rerank_score, h.mixed_score,  -- reciprocal rank fusion; MaxSim; both
       bm25_headline('english', (h.hit).body, to_rankquery('english', :'question'),
                     'MaxWords=28, MinWords=14, StartSel=<<, StopSel=>>') AS snippet
FROM hybrid_search(NULL::docs, ARRAY[
         leg('words', '<@>', :'question', depth => 50),                  -- words: BM25
         leg('embedding', '<=>', nullif(:'qvec', ''), depth => 50)],     -- meaning: cosine
     k => 5,
     rerank => leg('tokens', '@#', nullif(:'qtokens', ''), depth => 20)  -- late interaction
) h
ORDER BY h.rank
