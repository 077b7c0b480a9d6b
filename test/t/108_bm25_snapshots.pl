# A snapshot taken while a transaction has more subtransactions than the server lists for
# it (64) counts those of transactions that come before and lists none. Statistics are
# kept by the snapshot all the same: scans and operators give what they gave before.
# Transactions stand in the server's list in an order that is its own, so there is one
# with few subtransactions on either side. They are prepared, which needs no session.
# covers: snapkey lex_query bm25_pin_cache
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 3\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE notes (id int, body text);
	CREATE TABLE other (id int);
	INSERT INTO notes SELECT i, CASE WHEN i % 5 = 0 THEN 'red fox' ELSE 'grey owl' END
	  FROM generate_series(1, 50) i;
	CREATE INDEX notes_bm25 ON notes USING bm25 (body) WITH (config = 'simple');
});

sub answers
{
	return $node->safe_psql('postgres', q{
		SET enable_seqscan = off;
		SELECT count(*), min(d), max(d) FROM (SELECT body <@> 'fox' AS d FROM notes ORDER BY body <@> 'fox') s;
		SET enable_indexscan = off; SET enable_seqscan = on;
		SELECT count(*), min(body <@> 'fox'), max(body <@> 'fox') FROM notes WHERE body @@@ 'fox';
	});
}

my $before = answers();
like($before, qr/^50\|-0\.7.*\n10\|-0\.7/, 'answers of a quiet server');

my $few = "BEGIN; SAVEPOINT a; INSERT INTO other VALUES (1); PREPARE TRANSACTION";
$node->safe_psql('postgres', "$few 'few_1'");
$node->safe_psql('postgres', join("\n", 'BEGIN;',
	(map { "SAVEPOINT s$_; INSERT INTO other VALUES ($_);" } 1 .. 70), "PREPARE TRANSACTION 'many'"));
$node->safe_psql('postgres', "$few 'few_2'");
# a snapshot looks at transactions older than the last one that ended
$node->safe_psql('postgres', 'INSERT INTO other VALUES (0)');
is(answers(), $before, 'the same beside a transaction of many subtransactions');

$node->safe_psql('postgres', "ROLLBACK PREPARED '$_'") for qw(few_1 many few_2);
is(answers(), $before, 'and after it');

$node->stop;
done_testing();
