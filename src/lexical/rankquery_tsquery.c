/*
 * rankquery_tsquery.c
 *		The cast from tsquery.
 *
 * AND, OR, NOT, prefixes and weights mean what they do there. A phrase operator
 * between plain words, or alternatives of them, becomes a phrase; one with
 * anything else in it (a prefix, AND, NOT) becomes an AND of its words, which
 * matches more.
 */
#include "postgres.h"

#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "tsearch/ts_type.h"

typedef struct Source
{
	QueryItem  *items;
	const char *operands;
} Source;

/* weights D..A are bits 0..3, fields A..D too */
static uint32
weight_fields(uint8 weight)
{
	uint32		fields = 0;

	for (int f = 0; f < 4; f++)
		if (weight & (1 << (3 - f)))
			fields |= 1u << f;
	return fields == 15 ? 0 : fields;
}

/* A lexeme with its weights as fields, and its prefix mark. */
static PgrQueryNode *
operand_node(const Source *src, const QueryOperand *op)
{
	PgrQueryNode *node = pgr_node_term(src->operands + op->distance, op->length);

	node->prefix = op->prefix;
	node->fields = weight_fields(op->weight);
	return node;
}

/*
 * Adds the words of a phrase operator's side, the first at *offset, which is
 * left at the last; false if they are none of plain words.
 */
static bool
add_phrase(const Source *src, const QueryItem *item, PgrQueryNode *phrase, uint32 *offset)
{
	const QueryOperator *op = &item->qoperator;
	PgrQueryNode *word;

	check_stack_depth();
	if (item->type == QI_VAL)
	{
		word = operand_node(src, &item->qoperand);
		if (word->prefix || (phrase->nchildren > 0 && word->fields != phrase->fields))
			return false;
		phrase->fields = word->fields;
		word->fields = 0;
		word->offset = *offset;
		pgr_node_add(phrase, word);
		return true;
	}
	if (op->oper == OP_PHRASE)
	{
		/* <0>, two lexemes of one word, is none of our phrases */
		if (op->distance == 0 || !add_phrase(src, item + op->left, phrase, offset))
			return false;
		*offset += (uint32) op->distance;
		return add_phrase(src, item + 1, phrase, offset);
	}
	if (op->oper == OP_OR)
	{
		uint32		here = *offset;

		return add_phrase(src, item + op->left, phrase, offset) && *offset == here &&
			add_phrase(src, item + 1, phrase, offset) && *offset == here;
	}
	return false;
}

static PgrQueryNode *convert(const Source *src, const QueryItem *item);

/*
 * a <n> b: distances become offsets. What is no phrase of words (an OR within) is an
 * AND: no row is lost.
 */
static PgrQueryNode *
convert_phrase(const Source *src, const QueryItem *item)
{
	PgrQueryNode *node = pgr_node_make(PGR_NODE_PHRASE);
	uint32		offset = 0;

	if (add_phrase(src, item, node, &offset))
		return node;
	node = pgr_node_make(PGR_NODE_AND);
	for (int i = 0; i < 2; i++)
	{
		PgrQueryNode *side = convert(src, item + (i == 0 ? item->qoperator.left : 1));

		/* "a" <-> !"b" matches an a that has a b elsewhere */
		if (side->kind != PGR_NODE_NOT)
			pgr_node_add(node, side);
	}
	return node;
}

/* A node and those below it. */
static PgrQueryNode *
convert(const Source *src, const QueryItem *item)
{
	const QueryOperator *op = &item->qoperator;
	PgrQueryNode *node;

	check_stack_depth();
	if (item->type == QI_VAL)
		return operand_node(src, &item->qoperand);
	if (op->oper == OP_PHRASE)
		return convert_phrase(src, item);
	node = pgr_node_make(op->oper == OP_AND ? PGR_NODE_AND :
						 op->oper == OP_OR ? PGR_NODE_OR : PGR_NODE_NOT);
	if (op->oper != OP_NOT)
		pgr_node_add(node, convert(src, item + op->left));
	pgr_node_add(node, convert(src, item + 1));
	return node;
}

/* Lexemes are taken as they are: no configuration is noted. */
PG_FUNCTION_INFO_V1(pgr_tsquery_to_rankquery);
Datum
pgr_tsquery_to_rankquery(PG_FUNCTION_ARGS)
{
	TSQuery		tsquery = DatumGetTSQuery(PG_GETARG_DATUM(0));
	PgrQuery   *query = pgr_query_make();
	Source		src;

	src.items = GETQUERY(tsquery);
	src.operands = GETOPERAND(tsquery);
	if (tsquery->size > 0)
		query->root = convert(&src, src.items);
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}
