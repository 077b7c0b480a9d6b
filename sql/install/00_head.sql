-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgretrieve" to load this file. \quit

-- COST: 1 is the planner's cost of a built-in operator. A distance of a few
-- hundred dimensions takes some ten times as long as a float comparison; input
-- and output functions keep 1, as core's do.

